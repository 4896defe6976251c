"""Requests to a service: proto/WIRE.md, "Connections" to "Changes"."""
import os
import pathlib
import re
import time

import protobuf
import sp

LIMIT_REPLY, LIMIT_EVENT = 8 * 1024 * 1024, 1024 * 1024
NEW_STATUSES = 1  # of `understands`


def load_schema(repository):
    return protobuf.Schema((pathlib.Path(repository) / "proto" / "jwkd.proto").read_text())


class Failed(Exception):
    """The service's answer was another status than OK."""

    def __init__(self, status, message):
        super().__init__(f"{status}: {message}")
        self.status = status


class Unreachable(Exception):
    """There was no answer in time."""


def age_clock_ns():
    """A clock that is neither slewed nor stopped by suspend."""
    raw = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
    monotonic = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    return raw + time.clock_gettime_ns(time.CLOCK_BOOTTIME) - monotonic


class Client:
    """One connection for requests, made anew when it breaks. For one thread."""

    def __init__(self, schema, url, timeout=5):
        self.schema, self.url, self.timeout = schema, url, timeout
        self.request = None

    def request_for(self, operation, **fields):
        message = self.schema.new("Request", version=1, request_id=os.urandom(16), understands=[NEW_STATUSES])
        setattr(message, operation, fields)
        return message

    def ask(self, operation, **fields):
        """The result of the operation. Failed, Unreachable."""
        return self.carry_out(self.request_for(operation, **fields))

    def carry_out(self, request):
        """Repeats it, with the same id, until there is an answer that is not to be repeated."""
        until, pause = time.monotonic() + self.timeout, 0.05
        while True:
            reply = self.exchange(request, until)
            status = reply.enum("status") if reply else None
            if status == "OK":
                return getattr(reply, reply.which("result"))
            if status not in (None, "BUSY", "IN_PROGRESS"):
                raise Failed(status, reply.message)
            if time.monotonic() + pause > until:
                raise Failed(status, reply.message) if reply else Unreachable(self.url)
            time.sleep(pause)
            pause = min(2 * pause, 1)

    def exchange(self, request, until):
        """One attempt: the reply, or None."""
        try:
            if self.request is None:
                self.request = sp.Request(self.url, max(until - time.monotonic(), 0.1), LIMIT_REPLY)
            self.request.send(request.pack())
            while (left := until - time.monotonic()) > 0:
                reply = self.schema.unpack("Reply", self.request.receive(left))
                if reply.request_id == request.request_id:
                    return reply
        except (sp.Closed, protobuf.Malformed):
            self.close()
        except sp.TimedOut:
            pass
        return None

    def close(self):
        if self.request is not None:
            self.request.close()
            self.request = None


def events_url(dialled, urls):
    """That of the transport that was dialled, or None. A tcp URL without host means the one that was dialled."""
    scheme, _, address = dialled.partition("://")
    for url in urls:
        other, _, place = url.partition("://")
        if other != scheme:
            continue
        if scheme == "ipc":
            if os.path.dirname(place) == os.path.dirname(address):
                return url
            continue
        host, _, port = place.rpartition(":")
        dialled_host = address.rpartition(":")[0]
        if host == "":
            return f"tcp://{dialled_host}:{port}"
        if host == dialled_host or (is_loopback(host) and is_loopback(dialled_host)):
            return url
    return None


def is_loopback(host):
    return host in ("localhost", "[::1]") or re.fullmatch(r"127\.\d+\.\d+\.\d+", host) is not None
