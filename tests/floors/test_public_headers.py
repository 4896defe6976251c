"""The public headers: each function has a comment, and each header compiles by itself, strictly, as C11 and as C++.

usage: test_public_headers.py SOURCE_DIRECTORY C_COMPILER
"""
import pathlib
import re
import shutil
import subprocess
import sys

ROOT, COMPILER = pathlib.Path(sys.argv[1]), sys.argv[2]
HEADERS = {"jwkd.h": ROOT / "client/include", "jwkd/status.h": ROOT / "proto/base/include"}
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"]


def uncommented(path):
    """A function is spoken of when the line above it ends a comment, or ends a declaration that one speaks of."""
    spoken, count = False, 0
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.startswith("JWKD_API"):
            count += 1
            if not spoken and "/*" not in line:
                yield f"{path}:{number}: no comment: {line}"
            spoken = True
        elif line.rstrip().endswith("*/"):
            spoken = True
        elif not line.startswith((" ", "*")):
            spoken = False
    if count == 0:
        yield f"{path}: declares nothing"


def compiles(name, language, standard, compiler):
    includes = [f"-I{folder}" for folder in HEADERS.values()]
    done = subprocess.run([compiler, "-x", language, f"-std={standard}", *STRICT, *includes, "-"],
                          input=f"#include <{name}>\n#include <{name}>\n", capture_output=True, text=True)
    return [] if done.returncode == 0 else [f"{name} as {standard}: {done.stderr}"]


def main():
    found = []
    for name, folder in HEADERS.items():
        found += uncommented(folder / name)
        found += compiles(name, "c", "c11", COMPILER)
        cxx = shutil.which("c++")
        if cxx:
            found += compiles(name, "c++", "c++11", cxx)
        else:
            print(f"skipped: {name} as C++: there is no c++")
    print("\n".join(found))
    sys.exit(1 if found else 0)


main()
