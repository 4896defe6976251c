"""Runs the subscriber's scripts of proto/vectors/subscriber/: run_scripts.py REPOSITORY [SCRIPT...]

The format is told in proto/vectors/README.md. The subscriber's clock is the script's.
"""
import functools
import json
import pathlib
import sys

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

import client
import jose
import subscriber

MS = subscriber.MS
WALL = 1700000000


class Wrong(Exception):
    """What the subscriber does is not what the script expects."""


class Tokens:
    """Good tokens of any kid, and the document and the JWK that show its key. It is the same key for all kids."""

    def __init__(self, repository):
        keys = json.loads((pathlib.Path(repository) / "proto" / "vectors" / "token-keys.json").read_text())["keys"]
        self.jwk = {name: value for name, value in keys["p256"].items() if name != "d"}
        self.private = ec.derive_private_key(int.from_bytes(jose.decode(keys["p256"]["d"]), "big"), ec.SECP256R1())

    def public(self, kid):
        return {**self.jwk, "kid": kid, "alg": "ES256", "use": "sig"}

    @functools.lru_cache(maxsize=None)
    def token(self, kid):
        parts = ({"alg": "ES256", "kid": kid}, {"exp": WALL + 300})
        data = ".".join(jose.encode(json.dumps(part).encode()) for part in parts)
        r, s = utils.decode_dss_signature(self.private.sign(data.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{data}.{jose.encode(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def sixteen(name):
    return name.encode().ljust(16, b"\0") if name else b""


def state_of(text):
    epoch, environment_id, revision = text.split("/")
    return {"epoch": sixteen(epoch), "environment_id": int(environment_id), "revision": int(revision)}


class Runner:
    def __init__(self, schema, tokens, script):
        self.schema, self.tokens, self.script = schema, tokens, script
        self.subscriber = subscriber.Subscriber(script["follows"], script.get("lease_wish", 0),
                                                script.get("serves_stale", False))
        self.now = 0

    def run(self):
        for number, step in enumerate(self.script["steps"], 1):
            self.now = step["at"] * MS
            try:
                self._happen(step)
                self._compare(step["expect"])
                if step.get("idle") and (due := self.subscriber.due(self.now)):
                    raise Wrong(f"it is not idle, but sends {due}")
            except Wrong as wrong:
                raise Wrong(f"step {number}, at {step['at']}: {wrong}") from None

    def _happen(self, step):
        if "connect" in step:
            self.subscriber.connected(self.now)
        elif "disconnect" in step:
            self.subscriber.disconnected(self.now)
        elif "send" in step:
            self._send(step["send"])
        elif "answer" in step:
            self._answer(step["answer"])
        elif "event" in step:
            self.subscriber.event(self.now, self._event(step["event"]))
        elif "heartbeat" in step:
            self.subscriber.heartbeat(self.now, self._heartbeat(step["heartbeat"]))

    # ---- what it sends

    def _send(self, expected):
        due = self.subscriber.due(self.now)
        if due is None:
            raise Wrong("it sends nothing")
        operation, fields = due
        if [operation] != list(expected):
            raise Wrong(f"it sends {operation}")
        expected = expected[operation]
        if operation == "hello":
            self._same("instance_id", fields["instance_id"], sixteen(expected.get("instance", "")))
            return
        for name in ("sequence", "environment"):
            if name in expected:
                self._same(name, fields[name], expected[name])
        if "unless" in expected:
            self._same("unless", fields.get("unless"), state_of(expected["unless"]))
        if "held" in expected:
            held = {item["environment"]: item["state"] for item in fields["held"] if item["state"]}
            self._same("held", held, {name: state_of(text) for name, text in expected["held"].items()})

    @staticmethod
    def _same(what, given, expected):
        if given != expected:
            raise Wrong(f"{what} is {given}, not {expected}")

    # ---- what it hears

    def _answer(self, answer):
        [(kind, said)] = answer.items()
        if kind == "status":
            self.subscriber.answered(self.now, None, said)
        else:
            made = {"hello": self._hello, "jwks": self._jwks, "renewed": self._renewed}[kind](said)
            self.subscriber.answered(self.now, made)

    def _hello(self, said):
        return self.schema.new(
            "HelloReply", boot_id=sixteen(said["boot"]), instance_id=sixteen(said["instance"]),
            epoch=sixteen(said.get("epoch", "e1")), clock_ns=said["clock"] * MS,
            service_revision=said.get("service_revision", 0), lease_ms=said.get("lease", 3000),
            renew_ms=said.get("renew", 60000), registered_ms=said.get("registered", 120000),
            spread_ms=said.get("spread", 0))

    def _renewed(self, said):
        return self.schema.new("RenewReply", clock_ns=said["clock"] * MS, spread_ms=said.get("spread", 0))

    def _jwks(self, said):
        if said.get("unchanged"):
            return self.schema.new("JwksReply", state=state_of(said["state"]), unchanged=True,
                                   service_revision=said["service_revision"])
        document = json.dumps({"keys": [self.tokens.public(kid) for kid in said.get("keys", [])]}).encode()
        return self.schema.new("JwksReply", state=state_of(said["state"]), jwks=document,
                               deactivated=said.get("deactivated", []), withheld=said.get("withheld", []),
                               environment={"name": "shop"}, service_revision=said["service_revision"])

    def _event(self, said):
        return self.schema.new(
            "Event", boot_id=sixteen(said["boot"]), environment=said["environment"], state=state_of(said["state"]),
            previous_revision=said["previous"], service_revision=said["service_revision"],
            changes=[self._change(change) for change in said["changes"]])

    def _change(self, said):
        kind = 15 if said["kind"] == "UNKNOWN" else said["kind"]
        if "kid" not in said:
            return {"kind": kind, "environment": {"name": "shop"}}
        shown = said["kind"] == "KEY_PUBLISHED" and not said.get("withheld")
        return {"kind": kind, "key": {"kid": said["kid"], "public_jwk": json.dumps(
            self.tokens.public(said["kid"])).encode() if shown else b""}}

    def _heartbeat(self, said):
        return self.schema.new(
            "Heartbeat", boot_id=sixteen(said["boot"]), epoch=sixteen(said["epoch"]), stamp_ns=said["stamp"] * MS,
            service_revision=said["service_revision"], covers_from=said["covers_from"],
            changed=[{"environment": name, "state": state_of(text)} for name, text in said["changed"].items()])

    # ---- what it makes of it

    def _compare(self, expected):
        for name, wanted in expected.items():
            for what, value in wanted.items():
                if what == "freshness":
                    self._same(f"{name}: freshness", self.subscriber.freshness(name, self.now), value)
                elif what == "at_least_ms_old":
                    if (self.subscriber.stale_ms(name, self.now) or 0) < value:
                        raise Wrong(f"{name}: {self.subscriber.stale_ms(name, self.now)} ms old, not {value}")
                else:
                    token = self.tokens.token(what)
                    verdict, _ = self.subscriber.judge(name, token, jose.Expectation(), WALL, self.now)
                    self._same(f"{name}: verdict on {what}", verdict, value)


def main(repository, *names):
    folder = pathlib.Path(repository) / "proto" / "vectors" / "subscriber"
    schema, tokens, failed = client.load_schema(repository), Tokens(repository), 0
    scripts = sorted(folder.glob("*.json"))
    for path in scripts:
        if names and path.stem not in names:
            continue
        try:
            Runner(schema, tokens, json.loads(path.read_text())).run()
        except Wrong as wrong:
            failed += 1
            print(f"{path.stem}: {wrong}")
    print(f"{len(scripts)} scripts, {failed} failed")
    return failed == 0 and len(scripts) > 0


if __name__ == "__main__":
    sys.exit(not main(*sys.argv[1:]))
