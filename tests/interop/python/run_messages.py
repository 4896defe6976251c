"""Unpacks, compares and packs the messages of proto/vectors/messages.json: run_messages.py REPOSITORY"""
import json
import pathlib
import sys

import client
import messages
import protobuf


def check_message(schema, vector):
    message = schema.unpack(vector["type"], bytes.fromhex(vector["hex"]))
    messages.compare(vector["fields"], message, True, vector["type"])
    packed = message.pack().hex()
    if packed != vector.get("repacks_as", vector["hex"]):
        raise messages.Wrong(f"packed again it is {packed}")


def check_malformed(schema, vector):
    try:
        schema.unpack(vector["type"], bytes.fromhex(vector["hex"]))
    except protobuf.Malformed:
        return
    raise messages.Wrong("it is taken for a message")


def main(repository):
    schema = client.load_schema(repository)
    document = json.loads((pathlib.Path(repository) / "proto" / "vectors" / "messages.json").read_text())
    failed = 0
    for check, vectors in ((check_message, document["messages"]), (check_malformed, document["malformed"])):
        for vector in vectors:
            try:
                check(schema, vector)
            except (messages.Wrong, protobuf.Malformed) as wrong:
                failed += 1
                print(f"{vector['name']}: {wrong}")
    count = len(document["messages"]) + len(document["malformed"])
    print(f"{count} messages, {failed} wrong")
    return failed == 0 and count >= 60


if __name__ == "__main__":
    sys.exit(not main(sys.argv[1]))
