"""What a real service answers, and a client of 0.1.0 at it: run_answers.py REPOSITORY BINARIES

"answers" of proto/vectors/messages.json, and proto/vectors/session-0.1.0.json.
"""
import json
import pathlib
import sys
import time

import client
import messages
import protobuf
import service
import sp


def ask(connection, schema, packed):
    """The same bytes again while a key is being made."""
    until = time.monotonic() + service.PATIENCE
    while True:
        connection.send(packed)
        reply = schema.unpack("Reply", connection.receive(service.PATIENCE))
        if reply.enum("status") != "IN_PROGRESS" or time.monotonic() > until:
            return reply
        time.sleep(0.005)


def check_reply(vector, reply):
    if reply.enum("status") != vector["status"]:
        raise messages.Wrong(f"{reply.enum('status')} ({reply.message}), not {vector['status']}")
    if reply.which("result") != vector.get("result"):
        raise messages.Wrong(f"the result is {reply.which('result')}, not {vector.get('result')}")
    if "request_id" in vector and reply.request_id.hex() != vector["request_id"]:
        raise messages.Wrong(f"the id is {reply.request_id.hex()}")
    messages.compare(vector.get("fields", {}), reply, False, "Reply")


def answers(schema, connection, document):
    for vector in document["answers"]:
        try:
            check_reply(vector, ask(connection, schema, bytes.fromhex(vector["send"])))
        except messages.Wrong as wrong:
            raise messages.Wrong(f"{vector['name']}: {wrong}") from None
    return len(document["answers"])


def session(schema, connection, events, document):
    """Ids as they are in the file stand for those that hello told."""
    meant = {}
    for step in document["steps"]:
        try:
            if "hear" in step:
                hear(schema, events, step)
                continue
            packed = step["send"]
            for said, told in meant.items():
                packed = packed.replace(said, told)
            reply = ask(connection, schema, bytes.fromhex(packed))
            check_reply(step, reply)
            if reply.hello is not None:
                meant = {document["instance_id"]: reply.hello.instance_id.hex(),
                         document["epoch"]: reply.hello.epoch.hex()}
        except messages.Wrong as wrong:
            raise messages.Wrong(f"{step['says']}: {wrong}") from None
    return len(document["steps"])


def hear(schema, events, step):
    """Not necessarily the next one."""
    until, why = time.monotonic() + service.PATIENCE, None
    while time.monotonic() < until:
        topic, _, packed = events.receive(service.PATIENCE).partition(b"\0")
        if (step["hear"] == "Event") != bool(topic):
            continue
        try:
            messages.compare(step["fields"], schema.unpack(step["hear"], packed), False, step["hear"])
            return
        except messages.Wrong as wrong:
            why = wrong
    raise messages.Wrong(f"it is not heard: {why}")


def main(repository, binaries):
    schema = client.load_schema(repository)
    folder = pathlib.Path(repository) / "proto" / "vectors"
    with service.Service(binaries, schema) as daemon:
        connection = sp.Request(daemon.url, service.PATIENCE, client.LIMIT_REPLY)
        count = answers(schema, connection, json.loads((folder / "messages.json").read_text()))
    with service.Service(binaries, schema) as daemon:
        connection = sp.Request(daemon.url, service.PATIENCE, client.LIMIT_REPLY)
        url = daemon.url.replace("rpc.sock", "events.sock")
        events = sp.Connection(url, sp.SUB, service.PATIENCE, client.LIMIT_EVENT)
        steps = session(schema, connection, events, json.loads((folder / "session-0.1.0.json").read_text()))
    print(f"{count} answers, and {steps} steps of a client of 0.1.0")
    return count >= 30 and steps >= 15


if __name__ == "__main__":
    sys.exit(not main(*sys.argv[1:3]))
