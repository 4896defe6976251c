"""Fails on a line of a document, or with a comment in it, that is longer than 120 characters, and on a paragraph of a
document that is broken where there was much room left.

usage: test_documents.py SOURCE_DIRECTORY
"""
import pathlib
import re
import sys

import texts

ROOT = pathlib.Path(sys.argv[1]).resolve()
LONGEST = 120
# The next word would have ended before this column.
ROOMY = 100
APART = re.compile(r"\s*$|[|#]|\s*(?:[-*]|\d+\.)\s")


def is_too_long(line):
    # A row of a table, an example and a macro of a manual page cannot be broken.
    whole = line.fenced or texts.is_document(line.path) and line.text.startswith(("|", "."))
    return len(line.text) > LONGEST and not whole


def is_ragged(line, following):
    if line.path.suffix != ".md" or line.fenced or following.fenced:
        return False
    if re.match(r"\s*$|[|#]", line.text) or APART.match(following.text):
        return False
    return len(line.text) + 1 + len(following.text.split()[0]) < ROOMY


def complaints_of_document(path):
    lines = list(texts.lines_of_document(path))
    for line, following in zip(lines, lines[1:] + lines[-1:]):
        where = f"{path.relative_to(ROOT)}:{line.number}"
        if is_too_long(line):
            yield f"{where}: {len(line.text)} characters, more than {LONGEST}"
        if following is not line and is_ragged(line, following):
            yield f"{where}: broken at {len(line.text)}, where there is room for more"


def complaints_of_comments(path):
    whole = path.read_text().splitlines()
    for line in texts.lines_of_comments(path):
        width = len(whole[line.number - 1])
        if line.text and width > LONGEST:
            yield f"{path.relative_to(ROOT)}:{line.number}: a comment up to column {width}, more than {LONGEST}"


def main():
    files = list(texts.files(ROOT))
    documents, sources = list(filter(texts.is_document, files)), list(filter(texts.is_source, files))
    found = [complaint for path in documents for complaint in complaints_of_document(path)]
    found += [complaint for path in sources for complaint in complaints_of_comments(path)]
    print("\n".join(found))
    print(f"{len(documents)} documents, {len(sources)} sources, {len(found)} complaints")
    sys.exit(1 if found or len(documents) < 9 or len(sources) < 200 else 0)


main()
