"""The Python client in the life of a real service, beside verifiers in C: test_world.py REPOSITORY BINARIES

Over ipc, over tcp and behind a relay: a rotation, a deactivation with its receipt, a restart of the daemon (orderly,
and by kill -9), and the service's own judgement.
"""
import signal
import socket
import subprocess
import sys
import threading

import client
import follower
import service
from service import wait_until

ENVIRONMENT, AUDIENCE = "shop", "orders"


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class CVerifier:
    """A verifier in C."""

    def __init__(self, binaries, url, name):
        self.process = subprocess.Popen([f"{binaries}/interop_verifier", url, ENVIRONMENT, name], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, bufsize=1)
        self.lock = threading.Lock()
        if self.process.stdout.readline() != "ready\n":
            raise AssertionError("the verifier in C does not start")

    def judge(self, token):
        with self.lock:
            self.process.stdin.write(token + "\n")
            return self.process.stdout.readline().strip()

    def close(self):
        self.process.stdin.close()
        if self.process.wait(service.PATIENCE) != 0:
            raise AssertionError("the verifier in C ended badly")


class World:
    def __init__(self, repository, binaries):
        self.repository, self.binaries = repository, binaries
        self.schema = client.load_schema(repository)
        ports = free_ports(2)
        self.tcp = f"tcp://127.0.0.1:{ports[0]}"
        self.daemon = service.Service(binaries, self.schema, "--listen", self.tcp,
                                      "--listen-events", f"tcp://127.0.0.1:{ports[1]}", "--tcp-role", "verifier")
        self.relay = service.Service(binaries, self.schema, upstream=self.daemon.url)

    def __enter__(self):
        self.daemon.start()
        self.relay.start()
        self.admin = client.Client(self.schema, self.daemon.url, timeout=service.PATIENCE)
        self.admin.ask("create_environment", environment={
            "name": ENVIRONMENT, "issuer": "https://shop.example", "default_algorithm": "ES256",
            "default_audience": AUDIENCE})
        self.first = self.admin.ask("generate", environment=ENVIRONMENT).key.kid
        self.urls = {"ipc": self.daemon.url, "tcp": self.tcp, "relay": self.relay.url}
        self.python = {name: follower.Follower(self.schema, url, [ENVIRONMENT], name=f"python-{name}")
                       for name, url in self.urls.items()}
        self.c = {name: CVerifier(self.binaries, url, f"c-{name}") for name, url in self.urls.items()}
        return self

    def end(self):
        """In order."""
        for each in [*self.python.values(), *self.c.values()]:
            each.close()
        self.relay.stop()
        self.daemon.stop()

    def __exit__(self, *_):
        self.relay.__exit__()
        self.daemon.__exit__()

    # ---- what everybody says of a token

    def sign(self):
        answer = self.admin.ask("sign", environment=ENVIRONMENT, items=[{"claims": b'{"sub":"alice"}'}])
        if answer.tokens[0].enum("status") != "OK":
            raise AssertionError(answer.tokens[0].message)
        return answer.tokens[0].token

    def verdicts(self, token):
        said = {f"python-{name}": each.judge(ENVIRONMENT, token) for name, each in self.python.items()}
        said |= {f"c-{name}": each.judge(token) for name, each in self.c.items()}
        for name, url in self.urls.items():
            asker = client.Client(self.schema, url)
            answer = asker.ask("verify", environment=ENVIRONMENT, items=[{"token": token}])
            said[f"service by {name}"] = answer.tokens[0].enum("verdict")
            asker.close()
        return said

    def await_all(self, token, verdict):
        wait_until(lambda: set(self.verdicts(token).values()) == {verdict}, f"all say {verdict}")

    def all_say(self, token, verdict):
        said = self.verdicts(token)
        if set(said.values()) != {verdict}:
            raise AssertionError(f"not all say {verdict}: {said}")

    def await_fresh(self):
        for name, each in self.python.items():
            wait_until(lambda each=each: each.freshness(ENVIRONMENT) == "fresh", f"python-{name} is fresh")

    def subscribers(self):
        return {each.name: each for each in self.admin.ask("list_subscribers", environment=ENVIRONMENT).subscribers}

    def await_confirmed(self):
        """Every subscriber is known to the service, and has confirmed the present revision."""
        everybody = {f"{kind}-{name}" for kind in ("python", "c") for name in self.urls}
        def confirmed():
            listed = self.subscribers()
            return set(listed) == everybody and all(each.behind == 0 and each.revision for each in listed.values())
        wait_until(confirmed, "all have confirmed")


def follows(world):
    world.await_fresh()
    world.await_confirmed()
    token = world.sign()
    world.all_say(token, "VALID")
    world.all_say(token[:-8] + "AAAAAAAA", "BAD_SIGNATURE")
    print("ok: everybody judges alike")


def rotation(world):
    """A rotation waits for the confirmations, those of Python, too, so no token of the new key is ever unknown."""
    old = world.sign()
    answer = world.admin.ask("rotate", environment=ENVIRONMENT)
    operation = answer.operation
    def done():
        found = world.admin.ask("get_operation", id=operation.id).operation
        return found.enum("phase") == "DONE" and found
    ended = wait_until(done, "the new key is primary")
    new = world.sign()
    world.all_say(new, "VALID")
    world.all_say(old, "VALID")
    if ended.subscribers and ended.confirmed < ended.subscribers:
        raise AssertionError(f"{ended.confirmed} of {ended.subscribers} had confirmed")
    print("ok: rotation")
    return old, new


def revocation(world, old, new):
    world.await_confirmed()
    world.admin.ask("deactivate", environment=ENVIRONMENT, kid=world.first)
    world.await_all(old, "KEY_DEACTIVATED")
    def receipt():
        found = world.admin.ask("get_receipt", environment=ENVIRONMENT, kid=world.first).receipt
        return found.complete and found
    lines = {line.subscriber.name: line.confirmed for line in wait_until(receipt, "the receipt is complete").lines}
    everybody = {f"{kind}-{name}" for kind in ("python", "c") for name in world.urls}
    if set(lines) != everybody or not all(lines.values()):
        raise AssertionError(f"the receipt has {lines}")
    world.all_say(new, "VALID")
    print("ok: revocation, confirmed by", ", ".join(sorted(lines)))


def restart(world, how, new, refused):
    """The lease goes on through it; afterwards everybody registers anew, and follows."""
    before = world.python["ipc"].boot_id()
    world.daemon.stop(how)
    for name, each in world.python.items():  # nobody is asked
        for token, verdict in ((new, "VALID"), (refused, "KEY_DEACTIVATED")):
            if each.judge(ENVIRONMENT, token) != verdict:
                raise AssertionError(f"python-{name} without a service: {each.judge(ENVIRONMENT, token)}")
    world.daemon.start()
    for name, each in world.python.items():
        wait_until(lambda each=each: each.boot_id() not in (b"", before), f"python-{name} is registered anew")
    world.await_fresh()
    world.await_confirmed()
    world.await_all(new, "VALID")
    world.all_say(refused, "KEY_DEACTIVATED")
    print("ok: restart by", how.name)


def rotation_at_once(world, old):
    """After a restart a promotion waits for a lease, unless it is told not to."""
    kid = world.admin.ask("rotate", environment=ENVIRONMENT, now=True).key.kid
    new = world.sign()
    world.await_all(new, "VALID")
    world.all_say(old, "VALID")
    if world.admin.ask("list_keys", environment=ENVIRONMENT).keys[0].kid != kid:
        raise AssertionError("the newest key is not listed first")
    print("ok: rotation at once")
    return new


def stale(world, token):
    """Without a service a lease of a second ends, and every token is refused; afterwards it is judged again."""
    short = follower.Follower(world.schema, world.daemon.url, [ENVIRONMENT], lease_wish_ms=1000, name="python-short")
    wait_until(lambda: short.judge(ENVIRONMENT, token) == "VALID", "a short lease is one")
    world.daemon.stop(signal.SIGKILL)
    wait_until(lambda: short.judge(ENVIRONMENT, token) == "KEYS_TOO_OLD", "it ends")
    world.daemon.start()
    wait_until(lambda: short.judge(ENVIRONMENT, token) == "VALID", "and is one again")
    short.close()
    print("ok: stale without a service, and back")


def management(world):
    """What a stranger does with keys: import, list, retire, destroy, errors; and a repetition is carried out once."""
    request = world.admin.request_for("generate", environment=ENVIRONMENT, hold=True)
    first, again = (world.admin.carry_out(request) for _ in range(2))
    if first.key.kid != again.key.kid:
        raise AssertionError("a repetition made another key")
    other = world.admin.request_for("generate", environment=ENVIRONMENT, hold=True)
    other.request_id = request.request_id
    other.generate.hold = False
    expect_failure(world, "CONFLICT", other)
    world.admin.ask("deactivate", environment=ENVIRONMENT, kid=first.key.kid)
    world.admin.ask("destroy", environment=ENVIRONMENT, kid=first.key.kid)
    listed = world.admin.ask("list_keys", environment=ENVIRONMENT)
    states = {key.kid: key.enum("state") for key in listed.keys}
    if states[first.key.kid] != "DESTROYED":
        raise AssertionError(states)
    expect_failure(world, "NOT_FOUND", world.admin.request_for("get_key", environment=ENVIRONMENT, kid="nobody"))
    expect_failure(world, "NOT_REGISTERED", world.admin.request_for("renew", instance_id=bytes(16), sequence=1))
    relayed = client.Client(world.schema, world.relay.url)
    try:
        relayed.ask("generate", environment=ENVIRONMENT)
        raise AssertionError("a relay changes something")
    except client.Failed as failed:
        if failed.status != "DENIED":
            raise
    finally:
        relayed.close()
    print("ok: management")


def expect_failure(world, status, request):
    try:
        world.admin.carry_out(request)
    except client.Failed as failed:
        if failed.status != status:
            raise
        return
    raise AssertionError(f"no {status}")


def main(repository, binaries):
    broken = []
    threading.excepthook = broken.append
    live(repository, binaries)
    if broken:
        raise AssertionError(f"threads ended: {broken}")


def live(repository, binaries):
    with World(repository, binaries) as world:
        follows(world)
        management(world)
        old, new = rotation(world)
        revocation(world, old, new)
        restart(world, signal.SIGTERM, new, old)
        restart(world, signal.SIGKILL, new, old)
        stale(world, rotation_at_once(world, new))
        world.end()


if __name__ == "__main__":
    main(*sys.argv[1:3])
