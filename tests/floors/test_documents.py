"""Fails on a line of prose that is longer than 120 characters, on a link to a file that is not there, and on a comment
that is longer or names a document (.md) that is not there.

usage: test_documents.py SOURCE_DIRECTORY
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1])
LONGEST = 120
SOURCES = (".c", ".h", ".sh", ".proto", ".pml", ".py", ".cmake")
DOCUMENT = re.compile(r"[\w./-]*\w\.md\b")
STRING = r""""(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'"""
# Strings too, so that what looks like a comment in one is none.
IN_C = re.compile(rf"{STRING}|(?P<comment>/\*.*?\*/|//[^\n]*)", re.DOTALL)
HASH = r"(?:^|(?<=\s))#[^\n]*"
WITH_HASH = re.compile(rf"(?P<comment>{HASH})", re.MULTILINE)
IN_PYTHON = re.compile(rf'(?P<comment>""".*?"""|{HASH})', re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)")


def files(wanted):
    for path in sorted(ROOT.rglob("*")):
        parts = path.relative_to(ROOT).parts
        if parts[0] == "build" or "corpus" in parts or any(part.startswith(".") for part in parts):
            continue
        if wanted(path) and path.is_file():
            yield path


def is_document(path):
    return path.suffix == ".md" or re.fullmatch(r"\.[1-8]", path.suffix)


def is_source(path):
    return path.suffix in SOURCES or path.name == "CMakeLists.txt"


def complaints(path):
    markdown = path.suffix == ".md"
    fenced = False
    for number, line in enumerate(path.read_text().splitlines(), 1):
        where = f"{path.relative_to(ROOT)}:{number}"
        if markdown and line.startswith("```"):
            fenced = not fenced
        # A row of a table and a macro of a manual page cannot be broken.
        if len(line) > LONGEST and not fenced and not line.startswith("|" if markdown else "."):
            yield f"{where}: {len(line)} characters, more than {LONGEST}"
        for target in LINK.findall(line) if markdown and not fenced else ():
            if "://" not in target and not (path.parent / target).exists():
                yield f"{where}: there is no {target}"


def is_there(name, source, names):
    return (ROOT / name).exists() or (source.parent / name).exists() or name in names


def comments_of(suffix):
    if suffix in (".c", ".h", ".proto", ".pml"):
        return IN_C
    return IN_PYTHON if suffix == ".py" else WITH_HASH


def complaints_of_comments(path, names):
    text = path.read_text()
    lines = text.splitlines()
    for match in comments_of(path.suffix).finditer(text):
        comment = match["comment"] or ""
        first = text.count("\n", 0, match.start()) + 1
        for number, part in enumerate(comment.split("\n"), first):
            where = f"{path.relative_to(ROOT)}:{number}"
            if part and len(lines[number - 1]) > LONGEST:
                yield f"{where}: a comment up to column {len(lines[number - 1])}, more than {LONGEST}"
            for name in DOCUMENT.findall(part):
                if not is_there(name, path, names):
                    yield f"{where}: there is no {name}"


def main():
    documents, sources = list(files(is_document)), list(files(is_source))
    names = {path.name for path in documents}
    found = [complaint for path in documents for complaint in complaints(path)]
    found += [complaint for path in sources for complaint in complaints_of_comments(path, names)]
    print("\n".join(found))
    print(f"{len(documents)} documents, {len(sources)} sources, {len(found)} complaints")
    sys.exit(1 if found or len(documents) < 9 or len(sources) < 200 else 0)


main()
