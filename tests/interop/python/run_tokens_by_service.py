"""Has a real service judge the tokens of proto/vectors/tokens.json that one can:
run_tokens_by_service.py REPOSITORY BINARIES WALL_CLOCK_LIBRARY

It holds the key set of the vector, and its clock stands at the time of the vectors. A key belongs to one
environment for ever, so each key set has a service of its own.
"""
import json
import pathlib
import sys

import client
import service

ENVIRONMENT = "vectors"


def import_keys(asker, keys, entry):
    """Kids are thumbprints, as in the vectors."""
    for held in entry["service"]:
        private = json.dumps({**keys[held["key"]], "alg": held["alg"]}).encode()
        answer = asker.ask("import", environment=ENVIRONMENT, private_key=private, hold=True)
        if answer.key.kid in entry.get("deactivated", ()):
            asker.ask("deactivate", environment=ENVIRONMENT, kid=answer.key.kid, allow_none=True)


def check_document(asker, entry):
    """The service has just the keys that the vectors mean."""
    shown = json.loads(asker.ask("get_jwks", environment=ENVIRONMENT).jwks)["keys"]
    meant = json.loads(entry["jwks"])["keys"]
    def essence(keys):
        return sorted((key["kid"], key["alg"]) for key in keys)
    if essence(shown) != essence(meant):
        raise AssertionError(f"{essence(shown)}, not {essence(meant)}")


def judge(asker, vector):
    expected = vector["expected"]
    answer = asker.ask("verify", environment=ENVIRONMENT, items=[{
        "token": vector["token"], "issuer": expected["issuer"], "audience": expected["audiences"],
        "type": expected.get("type", "")}])
    return answer.tokens[0].enum("verdict")


def judge_all(asker, vectors):
    """Grouped by leeway, which is the environment's."""
    failed = 0
    for leeway in sorted({vector["expected"].get("leeway", 0) for vector in vectors}):
        asker.ask("update_environment", environment={"name": ENVIRONMENT, "leeway_sec": leeway}, fields=["leeway_sec"])
        for vector in vectors:
            if vector["expected"].get("leeway", 0) == leeway:
                verdict = judge(asker, vector)
                if verdict != vector["verdict"]:
                    failed += 1
                    print(f"{vector['name']}: {verdict}, not {vector['verdict']}")
    return failed


def main(repository, binaries, library):
    schema = client.load_schema(repository)
    vectors = pathlib.Path(repository) / "proto" / "vectors"
    document = json.loads((vectors / "tokens.json").read_text())
    keys = json.loads((vectors / "token-keys.json").read_text())["keys"]
    clock = {"LD_PRELOAD": library, "WALL_CLOCK_SEC": str(document["now"]),
             "ASAN_OPTIONS": "verify_asan_link_order=0"}
    judged = failed = 0
    for name, entry in document["key_sets"].items():
        chosen = [vector for vector in document["tokens"]
                  if vector["keys"] == name and "not_by_service" not in vector]
        if not chosen:
            continue
        with service.Service(binaries, schema, environment=clock) as daemon:
            asker = client.Client(schema, daemon.url, timeout=service.PATIENCE)
            asker.ask("create_environment", environment={"name": ENVIRONMENT, "default_algorithm": "ES256"},
                      no_leeway=True)
            import_keys(asker, keys, entry)
            check_document(asker, entry)
            failed += judge_all(asker, chosen)
            judged += len(chosen)
            asker.close()
            daemon.stop()
    print(f"{judged} tokens judged by a service, {failed} wrongly")
    return failed == 0 and judged >= 150


if __name__ == "__main__":
    sys.exit(not main(*sys.argv[1:4]))
