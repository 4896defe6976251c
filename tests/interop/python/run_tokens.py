"""Judges every token of proto/vectors/tokens.json: run_tokens.py VECTORS"""
import json
import pathlib
import sys

import jose


def key_sets(document):
    """By name; None for one that is refused."""
    made = {}
    for name, entry in document["key_sets"].items():
        try:
            made[name] = jose.KeySet(entry["jwks"].encode(), entry.get("deactivated", ()))
        except jose.Malformed:
            made[name] = None
    return made


def expectation(vector):
    expected = vector["expected"]
    return jose.Expectation(expected["issuer"], expected["audiences"], expected.get("type", ""),
                            expected.get("leeway", 0))


def main(vectors):
    document = json.loads((pathlib.Path(vectors) / "tokens.json").read_text())
    sets, failed = key_sets(document), 0
    for vector in document["tokens"]:
        keys = sets[vector["keys"]]
        verdict = jose.judge(keys, vector["token"], expectation(vector), document["now"])[0] if keys else "NO_KEY_SET"
        if verdict != vector["verdict"]:
            failed += 1
            print(f"{vector['name']}: {verdict}, not {vector['verdict']}")
    print(f"{len(document['tokens'])} tokens, {failed} judged wrongly")
    return failed == 0 and len(document["tokens"]) >= 150


if __name__ == "__main__":
    sys.exit(not main(sys.argv[1]))
