"""Fails on a line of prose that is longer than 120 characters, and on a link to a file that is not there.

usage: test_documents.py SOURCE_DIRECTORY
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1])
LONGEST = 120
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)")


def documents():
    for pattern in ("*.md", "*.[1-8]"):
        for path in sorted(ROOT.rglob(pattern)):
            top = path.relative_to(ROOT).parts
            if top[0] != "build" and "corpus" not in top and not any(part.startswith(".") for part in top):
                yield path


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


def main():
    paths = list(documents())
    found = [complaint for path in paths for complaint in complaints(path)]
    print("\n".join(found))
    print(f"{len(paths)} documents, {len(found)} complaints")
    sys.exit(1 if found or len(paths) < 9 else 0)


main()
