"""Fails on a file, a folder, a test, a rule or a name that a document or a comment cites, and that is not there.

A file is cited by its path from the citing file's folder or from one above that, so that a bare name is that of a file
there; by its path from the top; or as in an #include (keyring/keyring.h). What has a slash and no ending is a folder
(service/store/) or a module (domain/promotion). Capitals and <...> stand for anything (tests/data/keys/rsa-BITS.pem).
A name is a word with an underscore between back quotes, and is in some source. A rule is one of proto/DELIVERY.md,
by its letter and number. Links point to files and headings that are there.

usage: test_citations.py SOURCE_DIRECTORY
"""
import fnmatch
import os
import pathlib
import re
import sys

import texts

ROOT = pathlib.Path(sys.argv[1]).resolve()
# Where #include looks, and the top.
INCLUDED_FROM = ["", "proto", "proto/base/include", "service", "client", "client/include"]
TOP = {"proto", "service", "client", "tests", "deploy", "cmake"}
# Folders that are there when something was built or installed.
MADE = {"build", "share", "bin"}
# What looks like one of ours, and is something else: examples, headers as they are installed, rows of the store.
OTHER = {
    "application/", "exp/nbf/iat", "epoch/environment", "id/revision", "subject/what", "n/m",
    "jwkd.h", "search.h", "me.c", "openapi.json", "file.proto", "answer/", "answered/", "meta/service",
}
ENDINGS = "c|h|md|py|sh|bash|proto|pml|cmake|supp|json|jwk|pem|tsv|txt"
# Marks of comments, a URL, an absolute path, one that begins with a variable or a hidden folder, a system's header.
FOREIGN = re.compile(r"/\*|\*/|\w+://\S*|(?<![\w.])[~/][\w./-]+|[$%]\{?\w+\}?/[\w./-]*|(?<![\w.])\.{1,2}\w[\w./-]*|"
                     r"<(?!jwkd)[\w./]+\.h>")
CAPITALS = r"(?!(?:README|WIRE|DELIVERY|CHANGELOG)\.md)[A-Z]{2,}"
PLACEHOLDER = re.compile(rf"<[a-z]\w*>|(?<![A-Za-z0-9]){CAPITALS}(?![a-z0-9])|(?<=[a-z]){CAPITALS}(?=-)")
PATH = re.compile(rf"(?<![\w./*{{}}-])(?:(?:[\w.*-]+/)+[\w.*-]*|[\w.*-]*[\w*]\.(?:{ENDINGS})(?![\w(/-]))")
ENDED = re.compile(rf"(?<=\w)\.(?:{ENDINGS})$|/[a-z]+\.[1-8]$")
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)")
QUOTED = re.compile(r"`([^`]*)`")
NAME = re.compile(r"(?<![\w-])[A-Za-z]\w*_\w*\w(?![\w-])")
TEST = re.compile(r"(?<![\w./])(?:test|fuzz)_[a-z0-9_]+(?![\w./(])")
RULES = re.compile(r"\bDELIVERY\.md((?:(?:,| and| to)? [A-Z]\d+\b)+)")
RULE_HEAD = re.compile(r"^\*\*([A-Z]\d+)\.", re.MULTILINE)


class Tree:
    """All files and folders as paths from the top, all words of the sources, and the rules."""

    def __init__(self):
        self.files = list(texts.files(ROOT))
        names = {path.relative_to(ROOT) for path in self.files}
        self.folders = {str(folder) for name in names for folder in name.parents}
        self.names = {str(name) for name in names} | self.folders | {str(name.with_suffix("")) for name in names}
        sources = [path.read_text(errors="replace") for path in self.files if not texts.is_document(path)]
        self.words = set(re.findall(r"\w+", "\n".join(sources)))
        self.stems = {path.stem for path in self.files if path.is_relative_to(ROOT / "tests")}
        self.rules = RULE_HEAD.findall((ROOT / "proto/DELIVERY.md").read_text())

    def finds(self, cited, path, among):
        here = path.parent.relative_to(ROOT)
        bases = [here, *here.parents] + (INCLUDED_FROM if "/" in cited else [])
        for base in bases:
            name = os.path.normpath(os.path.join(base, cited))
            if name in among or "*" in name and fnmatch.filter(among, name):
                return True
        return False

    def may_be_ours(self, cited, line):
        first = cited.split("/")[0]
        if first in MADE or cited in OTHER or first == "*" or not ENDED.search(cited) and "." in cited.split("/")[-1]:
            return False
        if line.fenced:
            return first in TOP
        # KEY/VALUE is no path, and neither is 1/2.
        return (ENDED.search(cited) or re.fullmatch(r"[a-z_/.-]+", cited)
                or self.finds(first + "/", line.path, self.folders))


def paths_of(line, tree):
    text = PLACEHOLDER.sub("*", FOREIGN.sub(" ", line.text))
    found = (cited.rstrip(".") for cited in PATH.findall(text))
    return [cited for cited in found if tree.may_be_ours(cited, line)]


def anchors(path):
    for heading in re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE):
        yield re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def missing_links(line):
    for target, anchor in LINK.findall(line.text):
        file = line.path.parent / target if target else line.path
        if "://" not in target and not file.exists():
            yield target
        elif "://" not in target and anchor and anchor not in anchors(file):
            yield f"{target}#{anchor}"


def missing_names(line, tree):
    if "| later |" in line.text:  # a number of the wire that is given out ahead
        return
    for quoted in QUOTED.findall(line.text):
        yield from (name for name in NAME.findall(quoted) if name not in tree.words)


def missing_rules(line, following, tree):
    whole = f"{line.text} {following.text.lstrip(' *#')}"
    for cited in RULES.finditer(whole):
        if cited.start() < len(line.text):
            yield from (rule for rule in re.findall(r"[A-Z]\d+", cited[1]) if rule not in tree.rules)


def missing(line, following, tree):
    yield from (cited for cited in paths_of(line, tree) if not tree.finds(cited, line.path, tree.names))
    yield from missing_rules(line, following, tree)
    yield from (name for name in TEST.findall(line.text) if name not in tree.stems)
    if line.path.suffix == ".md" and not line.fenced:
        yield from missing_links(line)
        yield from missing_names(line, tree)


def unexplained(tree):
    """What breaks a rule in the model is named with that rule; no number is given to two."""
    yield from (f"proto/DELIVERY.md: {rule} is there twice" for rule in set(tree.rules) if tree.rules.count(rule) > 1)
    breakers = re.search(r"^rules=\((.*?)^\)", (ROOT / "tests/model/check.sh").read_text(), re.S | re.M)[1]
    explained = (ROOT / "proto/DELIVERY.md").read_text()
    for line in re.findall(r"^  (?!#)(.*)$", breakers, re.M):
        for breaker in re.findall(r"(\w+)(?::\w+)?", line):
            if f"`{breaker}`" not in explained:
                yield f"tests/model/check.sh: proto/DELIVERY.md has no rule that {breaker} breaks"


def main():
    tree, count = Tree(), 0
    found = list(unexplained(tree))
    for path in tree.files:
        if texts.is_document(path) or texts.is_source(path):
            lines = list(texts.lines(path))
            for line, following in zip(lines, lines[1:] + lines[-1:]):
                count += len(paths_of(line, tree))
                where = f"{path.relative_to(ROOT)}:{line.number}"
                found += [f"{where}: there is no {name}" for name in missing(line, following, tree)]
    print("\n".join(found))
    print(f"{count} files cited, {len(found)} complaints")
    sys.exit(1 if found or count < 300 else 0)


main()
