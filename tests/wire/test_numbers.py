"""The numbers of proto/jwkd.proto: none is used twice, none has changed its meaning since 0.1.0, and those that
proto/README.md gives out for later are kept free.

usage: test_numbers.py SOURCE_DIRECTORY
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1])
NEVER_SENT = {("Status", number) for number in range(20, 24)}  # the library's own


def statements(text):
    text = re.sub(r"//[^\n]*", "", text)
    for piece in re.findall(r"[^;{}]*[;{}]", text):
        yield " ".join(piece.split())


def ranges(text):
    """"3, 7 to 9" or "3, 7-9" as numbers."""
    for part in text.split(","):
        first, _, last = part.strip().replace(" to ", "-").partition("-")
        yield from range(int(first), int(last or first) + 1)


class Contract:
    """What a .proto says, by message: numbers with name and type, those that are reserved, and the names that are."""

    def __init__(self, text):
        self.numbers, self.reserved, self.names, self.faults = {}, {}, {}, []
        path = []
        for statement in statements(text):
            self.take(statement, path)

    def take(self, statement, path):
        opened = re.match(r"(message|enum|oneof) (\w+) \{$", statement)
        number = re.match(r"(?:(repeated) )?(?:([\w.]+) )?(\w+) = (\d+);$", statement)
        if opened:
            path.append(opened[2] if opened[1] != "oneof" else None)  # its numbers are the message's
        elif statement == "}":
            path.pop()
        elif statement.startswith("reserved"):
            self.reserve(".".join(filter(None, path)), statement[len("reserved"):-1])
        elif number and path:
            kind = " ".join(filter(None, number.groups()[:2])) or "enum"
            self.add(".".join(filter(None, path)), int(number[4]), number[3], kind)

    def add(self, where, number, name, kind):
        known = self.numbers.setdefault(where, {})
        if number in known:
            self.faults.append(f"{where}: {number} is {known[number][0]} and {name}")
        known[number] = (name, kind)

    def reserve(self, where, what):
        if '"' in what:
            self.names.setdefault(where, set()).update(re.findall(r'"(\w+)"', what))
        else:
            self.reserved.setdefault(where, set()).update(ranges(what))

    def check(self):
        for where, known in self.numbers.items():
            for number, (name, _) in known.items():
                if number in self.reserved.get(where, ()) or name in self.names.get(where, ()):
                    self.faults.append(f"{where}: {name} = {number} is reserved")
        return self.faults


def given_out(text):
    """The rows of the table under "Numbers": (where, numbers, name)."""
    section = re.search(r"^#+ Numbers\n(.*?)(?=^#|\Z)", text, re.M | re.S)
    for line in (section[1] if section else "").splitlines():
        row = re.match(r"\| ([^|]+) \| ([\d, -]+) \| `?(\w+)`?", line)
        if row:
            for where in re.findall(r"`([\w.]+)`", row[1]):
                yield where, list(ranges(row[2])), row[3]


def check_table(contract, rows):
    taken = {}
    for where, numbers, name in rows:
        for number in numbers:
            if (where, number) in taken:
                yield f"the table gives {where} {number} to {taken[where, number]} and to {name}"
            taken[where, number] = name
            used = contract.numbers.get(where, {}).get(number)
            if used and len(numbers) == 1 and used[0] != name:
                yield f"the table gives {where} {number} to {name}, jwkd.proto to {used[0]}"
            if not used and number not in contract.reserved.get(where, ()):
                yield f"the table gives {where} {number} to {name}, and jwkd.proto does not keep it free"
    for where, numbers in contract.reserved.items():
        for number in sorted(numbers):
            if (where, number) not in taken and (where, number) not in NEVER_SENT:
                yield f"jwkd.proto reserves {where} {number}, and the table does not say what for"
    if not taken:
        yield "there is no table of numbers"


def check_history(contract, lines):
    for line in lines:
        where, number, name, kind = line.split(" ", 3)
        present = contract.numbers.get(where, {}).get(int(number))
        if present != (name, kind):
            yield f"in 0.1.0 {where} {number} was {kind} {name}, now it is {present}"


def main():
    contract = Contract((ROOT / "proto/jwkd.proto").read_text())
    table = list(given_out((ROOT / "proto/README.md").read_text()))
    history = (ROOT / "tests/wire/numbers-0.1.0.txt").read_text().splitlines()
    faults = contract.check() + list(check_table(contract, table)) + list(check_history(contract, history))
    for fault in faults:
        print(fault)
    sys.exit(1 if faults else 0)


main()
