"""A real daemon, or relay, in a directory of its own."""
import os
import shutil
import signal
import subprocess
import tempfile
import time

import client

PATIENCE = 60  # seconds that a condition is awaited; not a measure of speed


def wait_until(condition, what):
    until = time.monotonic() + PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > until:
            raise AssertionError(f"in vain: {what}")
        time.sleep(0.01)


class Service:
    """Give `upstream`, a URL, for a relay; `tcp`, two ports, to listen there, too."""

    def __init__(self, binaries, schema, *options, upstream=None, environment=None):
        self.binaries, self.schema, self.options, self.upstream = binaries, schema, options, upstream
        self.environment = {**os.environ, **(environment or {})}
        self.root = tempfile.mkdtemp(prefix="jwkd-world-", dir="/tmp")
        self.url = f"ipc://{self.root}/run/rpc.sock"
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.root)

    def start(self):
        command = [f"{self.binaries}/jwkd"]
        if self.upstream:
            command += ["relay", "--upstream", self.upstream]
        else:
            command += ["--data", f"{self.root}/data", "--reserve", "1"]
        log = open(f"{self.root}/log", "a")
        self.process = subprocess.Popen([*command, "--socket-dir", f"{self.root}/run", *self.options], stderr=log,
                                        stdout=log, env=self.environment)
        log.close()
        wait_until(self._answers, "the service answers")

    def _answers(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the service ended: {open(f'{self.root}/log').read()}")
        asker = client.Client(self.schema, self.url, timeout=1)
        try:
            return asker.ask("hello", client="test")
        except (client.Unreachable, client.Failed):
            return None
        finally:
            asker.close()

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        code = self.process.wait(PATIENCE)
        self.process = None
        if how == signal.SIGTERM and code != 0:
            raise AssertionError(f"the service ended with {code}: {open(f'{self.root}/log').read()}")
