"""A subscriber with sockets, threads and clock: follows a service, or a relay, and judges tokens by itself."""
import threading
import time

import client
import protobuf
import sp
import subscriber

UNKNOWN_KID_WAIT = 0.25
SHORTEST_RECONNECT, LONGEST_RECONNECT = 0.1, 2


class Follower:
    """Threads: one hears events, one sends requests. Every use of the subscriber is under `changed`."""

    def __init__(self, schema, url, environments, **options):
        self.schema, self.url = schema, url
        self.subscriber = subscriber.Subscriber(environments, **options)
        self.changed = threading.Condition()
        self.ended = False
        self.threads = [threading.Thread(target=run, daemon=True) for run in (self._hear, self._ask)]
        for thread in self.threads:
            thread.start()

    def close(self):
        with self.changed:
            self.ended = True
            self.changed.notify_all()
        for thread in self.threads:
            thread.join()

    # ---- judging

    def judge(self, environment, token, expected=None):
        """The verdict. A subscriber that is behind waits a moment for the snapshot."""
        until = time.monotonic() + UNKNOWN_KID_WAIT
        with self.changed:
            while True:
                verdict, _ = self.subscriber.judge(environment, token, expected, time.time(), client.age_clock_ns())
                left = until - time.monotonic()
                if verdict != "WAIT" or left <= 0:
                    return "KEYS_TOO_OLD" if verdict == "WAIT" else verdict
                self.changed.wait(left)

    def freshness(self, environment):
        with self.changed:
            return self.subscriber.freshness(environment, client.age_clock_ns())

    def revision(self, environment):
        with self.changed:
            state = self.subscriber.followed[environment].state
            return state[2] if state else 0

    def boot_id(self):
        with self.changed:
            return self.subscriber.boot_id

    # ---- requests

    def _ask(self):
        asker = client.Client(self.schema, self.url)
        while True:
            with self.changed:
                due = None
                while not self.ended:
                    now = client.age_clock_ns()
                    due = self.subscriber.due(now)
                    if due:
                        break
                    at = self.subscriber.next_due()
                    self.changed.wait(None if at is None else max((at - now) / 1e9, 0.001))
                if self.ended:
                    break
            operation, fields = due
            self._answered(*self._carry_out(asker, operation, fields))
        self._leave(asker)
        asker.close()

    @staticmethod
    def _carry_out(asker, operation, fields):
        try:
            return asker.ask(operation, **fields), "OK"
        except client.Failed as failed:
            return None, failed.status
        except client.Unreachable:
            return None, ""

    def _answered(self, result, status):
        with self.changed:
            self.subscriber.answered(client.age_clock_ns(), result, status)
            self.changed.notify_all()

    def _leave(self, asker):
        """Renews and lists nothing, so that no promotion waits for this subscriber."""
        if self.subscriber.registered:
            self._carry_out(asker, "renew", {"instance_id": self.subscriber.instance_id,
                                             "sequence": self.subscriber.sequence + 1})

    # ---- events

    def _hear(self):
        pause = SHORTEST_RECONNECT
        while not self.ended:
            url = self._events_url()
            try:
                if url is None:
                    raise sp.Closed("no event socket")
                connection = sp.Connection(url, sp.SUB, 5, client.LIMIT_EVENT)
                pause = SHORTEST_RECONNECT
                self._stand(True)
                self._hear_all(connection)
                connection.close()
            except sp.Closed:
                self._stand(False)
            with self.changed:
                self.changed.wait_for(lambda: self.ended, pause)
            pause = min(2 * pause, LONGEST_RECONNECT)

    def _events_url(self):
        asker = client.Client(self.schema, self.url, timeout=1)
        try:
            return client.events_url(self.url, asker.ask("hello", client="python").events_urls)
        except (client.Failed, client.Unreachable):
            return None
        finally:
            asker.close()

    def _stand(self, stands):
        with self.changed:
            if stands:
                self.subscriber.connected(client.age_clock_ns())
            elif self.subscriber.connection:
                self.subscriber.disconnected(client.age_clock_ns())
            self.changed.notify_all()

    def _hear_all(self, connection):
        try:
            while not self.ended:
                try:
                    message = connection.receive(0.2)
                except sp.TimedOut:
                    continue
                self._hear_one(message)
        finally:
            connection.close()

    def _hear_one(self, message):
        topic, _, packed = message.partition(b"\0")
        try:
            name = topic.decode()
            kind = "Event" if name else "Heartbeat"
            if name and name not in self.subscriber.followed:
                return
            heard = self.schema.unpack(kind, packed)
        except (protobuf.Malformed, UnicodeDecodeError):
            return
        with self.changed:
            now = client.age_clock_ns()
            if kind == "Heartbeat":
                self.subscriber.heartbeat(now, heard)
            elif heard.environment == name and heard.state is not None:
                self.subscriber.event(now, heard)
            self.changed.notify_all()
