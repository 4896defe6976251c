"""What the service does about an operation stands in a row: an operation that the contract has, and no row, does not
build. Each file with such a table is compiled for the contract as it is, which works, and for one with an operation
more, which does not.

usage: test_rows.py SOURCE_DIRECTORY C_COMPILER PROTOC GENERATED_DIRECTORY...
"""
import pathlib
import subprocess
import sys
import tempfile

ROOT, COMPILER, PROTOC, GENERATED = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4:]
TABLES = ["service/keyring/changes/table.c", "service/operations/table.c", "service/operations/use_cases.c"]
INCLUDES = ["service", "proto", "proto/base/include"]
LAST = "    GetReceiptRequest get_receipt = 40;\n"
MORE = LAST + "    GetReceiptRequest one_more = 15;\n"


def generate(contract, folder):
    (folder / "jwkd.proto").write_text(contract)
    subprocess.run([PROTOC, f"--c_out={folder}", f"--proto_path={folder}", str(folder / "jwkd.proto")], check=True)


def compile_for(folder, table):
    """Without -Werror, so that the result does not depend on the build's options."""
    includes = [f"-I{folder}", *(f"-I{ROOT / name}" for name in INCLUDES), *(f"-I{name}" for name in GENERATED)]
    return subprocess.run([COMPILER, "-std=c11", "-D_GNU_SOURCE", "-fsyntax-only", *includes, str(ROOT / table)],
                          capture_output=True, text=True)


def complaints(contract):
    if LAST not in contract:
        yield "proto/jwkd.proto: the operation that one more is put behind is gone; name another one here"
        return
    for text, builds in ((contract, True), (contract.replace(LAST, MORE), False)):
        with tempfile.TemporaryDirectory() as name:
            generate(text, pathlib.Path(name))
            for table in TABLES:
                done = compile_for(name, table)
                if builds and done.returncode != 0:
                    yield f"{table} does not build: {done.stderr}"
                if not builds and (done.returncode == 0 or "ONE_MORE" not in done.stderr):
                    yield f"{table} builds although an operation has no row: {done.stderr}"


def main():
    found = list(complaints((ROOT / "proto/jwkd.proto").read_text()))
    print("\n".join(found) or f"{len(TABLES)} tables")
    return 1 if found else 0


sys.exit(main())
