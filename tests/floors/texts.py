"""What people read in the source tree: documents, manual pages and comments, a line at a time."""
import os
import pathlib
import re

SOURCES = (".c", ".h", ".sh", ".bash", ".proto", ".pml", ".py", ".cmake", ".supp", ".in")
STRING = r""""(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'"""
# Strings too, so that what looks like a comment in one is none.
IN_C = re.compile(rf"{STRING}|(?P<comment>/\*.*?\*/|//[^\n]*)", re.DOTALL)
HASH = r"(?:^|(?<=\s))#[^\n]*"
WITH_HASH = re.compile(rf"(?P<comment>{HASH})", re.MULTILINE)
IN_PYTHON = re.compile(rf'(?P<comment>""".*?"""|{HASH})', re.MULTILINE | re.DOTALL)


def files(root):
    """All of the project's own, and nothing that was built."""
    for folder, below, names in os.walk(root):
        here = pathlib.Path(folder)
        built = {"__pycache__"} | ({"build"} if here == root else set())
        below[:] = sorted(name for name in below if name not in built and (name[0] != "." or name == ".ci"))
        yield from (here / name for name in sorted(names) if name[0] != ".")


def is_document(path):
    return path.suffix == ".md" or re.fullmatch(r"\.[1-8]", path.suffix) is not None and "corpus" not in path.parts


def is_source(path):
    return path.suffix in SOURCES or path.name == "CMakeLists.txt" or path.parts[-2:] == (".ci", "run")


def comments(path):
    """Each as the number of its first line, and its text."""
    text = path.read_text()
    if path.suffix in (".c", ".h", ".proto", ".pml"):
        form = IN_C
    else:
        form = IN_PYTHON if path.suffix == ".py" else WITH_HASH
    for match in form.finditer(text):
        if match["comment"]:
            yield text.count("\n", 0, match.start()) + 1, match["comment"]


class Line:
    """fenced: an example to be typed, and no prose."""

    def __init__(self, path, number, text, fenced=False):
        self.path, self.number, self.text, self.fenced = path, number, text, fenced


def lines_of_document(path):
    fenced = False
    for number, text in enumerate(path.read_text().splitlines(), 1):
        fence = path.suffix == ".md" and text.lstrip().startswith("```")
        fenced ^= fence
        yield Line(path, number, text, fenced or fence)


def lines_of_comments(path):
    for first, comment in comments(path):
        for number, text in enumerate(comment.split("\n"), first):
            yield Line(path, number, text)


def lines(path):
    return lines_of_document(path) if is_document(path) else lines_of_comments(path)
