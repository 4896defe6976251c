"""Every program in the documents compiles as C and as C++, without a warning; so does a switch over all that an enum of
the public headers names, and nothing else.

usage: test_examples.py SOURCE_DIRECTORY C_COMPILER
"""
import pathlib
import re
import shutil
import subprocess
import sys

ROOT, COMPILER = pathlib.Path(sys.argv[1]), sys.argv[2]
INCLUDES = [f"-I{ROOT / folder}" for folder in ("client/include", "proto/base/include")]
STRICT = ["-Wall", "-Wextra", "-pedantic", "-Wswitch-enum", "-Werror", "-fsyntax-only"]
LANGUAGES = [("c", "gnu11", COMPILER), ("c++", "gnu++11", "c++"), ("c++", "gnu++17", "c++")]
HEADERS = [ROOT / "client/include/jwkd.h", ROOT / "proto/base/include/jwkd/status.h"]


def documents():
    for folder in [ROOT] + [ROOT / name for name in ("client", "service", "proto", "deploy", "tests")]:
        pattern = "*" if folder == ROOT else "**/*"
        for ending in (".md", ".1", ".3", ".8"):
            yield from folder.glob(pattern + ending)


def programs(path):
    text = path.read_text()
    if path.suffix == ".md":
        yield from re.findall(r"^```c\n(.*?)^```", text, re.S | re.M)
    else:
        for block in re.findall(r"^\.Bd -literal[^\n]*\n(#include.*?)^\.Ed", text, re.S | re.M):
            yield block.replace("\\&", "").replace("\\e", "\\")


def switches(path):
    """One for each enum, over what it counts; how many there are is nothing that can happen."""
    text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S)
    for body, kind in re.findall(r"typedef enum \w+ \{(.*?)\} (\w+);", text, re.S):
        names = [name for name in re.findall(r"\bJWKD_\w+", body) if not name.endswith("_COUNT")]
        cases = "".join(f"case {name}: return 1;\n" for name in names)
        yield f"#include <jwkd.h>\nint f({kind} x);\nint f({kind} x)\n{{\nswitch (x) {{\n{cases}}}\nreturn 0;\n}}\n"


def complaint(where, program):
    for language, standard, compiler in LANGUAGES:
        if not shutil.which(compiler):
            continue
        done = subprocess.run([compiler, "-x", language, f"-std={standard}", *STRICT, *INCLUDES, "-"], input=program,
                              capture_output=True, text=True)
        if done.returncode != 0:
            yield f"{where} as {standard}: {done.stderr}"


def main():
    found, count = [], 0
    for path in documents():
        for program in programs(path):
            count += 1
            found += complaint(path.relative_to(ROOT), program)
    if count < 4:
        found.append(f"only {count} programs were found in the documents")
    for path in HEADERS:
        for program in switches(path):
            found += complaint(path.relative_to(ROOT), program)
    print("\n".join(found))
    sys.exit(1 if found else 0)


main()
