"""The table of roles in service/access/README.md is the one that the service goes by.

usage: test_matrix.py README ACCESS_MATRIX_PROGRAM [--write]
"""
import pathlib
import re
import subprocess
import sys

FENCE = re.compile(r"(<!-- matrix -->\n).*?(<!-- end -->)", re.S)


def main():
    readme, program = pathlib.Path(sys.argv[1]), sys.argv[2]
    printed = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    text = readme.read_text()
    wanted = FENCE.sub(lambda found: found[1] + printed + found[2], text)
    if "--write" in sys.argv:
        readme.write_text(wanted)
    elif wanted != text or not FENCE.search(text):
        print(f"{readme} shows another table than {program} prints; 'access_matrix --write' of this test puts it there")
        return 1
    return 0


sys.exit(main())
