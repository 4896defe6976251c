"""The scalability protocols over tcp and ipc, as far as a client needs them: REQ and SUB.

proto/WIRE.md, "SP framing". A connection is used by one thread at a time.
"""
import os
import socket
import struct

REQ, REP, PUB, SUB = 48, 49, 32, 33
PEERS = {REQ: REP, SUB: PUB}


class Closed(Exception):
    """The connection ended, or was none of this protocol."""


class TimedOut(Exception):
    """Nothing came for as long as was allowed. The connection stays as it is."""


class Connection:
    """A dialled connection; what comes from it are whole messages."""

    def __init__(self, url, protocol, timeout, most):
        self.url, self.most = url, most
        self.buffer = bytearray()
        self.socket = None
        scheme, _, address = url.partition("://")
        self.ipc = scheme == "ipc"
        try:
            if self.ipc:
                self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                self.socket.settimeout(timeout)
                self.socket.connect(address)
                self._check_owner(address)
            elif scheme == "tcp":
                host, _, port = address.rpartition(":")
                self.socket = socket.create_connection((host.strip("[]"), int(port)), timeout)
                self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            else:
                raise Closed(f"{url}: neither ipc nor tcp")
            self.socket.sendall(b"\0SP\0" + struct.pack(">HH", protocol, 0))
            greeting = self._take(8)
        except (OSError, TimedOut) as error:
            self.close()
            raise Closed(f"{url}: {error}") from error
        if greeting[:4] != b"\0SP\0" or struct.unpack(">H", greeting[4:6])[0] != PEERS[protocol]:
            self.close()
            raise Closed(f"{url}: the other end does not speak this protocol")

    def _check_owner(self, path):
        """Closed, unless the other end is root or the owner of the socket's directory."""
        _pid, uid, _gid = struct.unpack("3i", self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        if uid not in (0, os.stat(os.path.dirname(path) or ".").st_uid):
            raise Closed(f"{self.url}: the other end is uid {uid}")

    def _take(self, size):
        """Exactly so many bytes. What came before the time was up is kept."""
        while len(self.buffer) < size:
            try:
                data = self.socket.recv(65536)
            except TimeoutError as error:
                raise TimedOut() from error
            except OSError as error:
                raise Closed(str(error)) from error
            if not data:
                raise Closed("the other end closed the connection")
            self.buffer += data
        taken = bytes(self.buffer[:size])
        del self.buffer[:size]
        return taken

    def send(self, message):
        prefix = b"\x01" if self.ipc else b""
        try:
            self.socket.sendall(prefix + struct.pack(">Q", len(message)) + message)
        except OSError as error:
            raise Closed(str(error)) from error

    def receive(self, timeout):
        """The next message. TimedOut; Closed."""
        try:
            self.socket.settimeout(max(timeout, 0.001))
        except OSError as error:
            raise Closed(str(error)) from error
        head = 9 if self.ipc else 8
        if len(self.buffer) < head:
            self.buffer[:0] = self._take(head)
        if self.ipc and self.buffer[0] != 1:
            raise Closed("a frame that is none")
        size = struct.unpack(">Q", self.buffer[head - 8:head])[0]
        if size > self.most:
            raise Closed(f"a message of {size} bytes")
        return self._take(head + size)[head:]

    def close(self):
        if self.socket is not None:
            self.socket.close()


class Request:
    """The REQ side: one request at a time, and the answer that belongs to it."""

    def __init__(self, url, timeout, most):
        self.connection = Connection(url, REQ, timeout, most)
        self.last = int.from_bytes(os.urandom(4), "big")

    def send(self, body):
        self.last = (self.last + 1) & 0xffffffff | 0x80000000
        self.connection.send(struct.pack(">I", self.last) + body)

    def receive(self, timeout):
        """Answers to earlier requests are passed over."""
        while True:
            message = self.connection.receive(timeout)
            if len(message) >= 4 and struct.unpack(">I", message[:4])[0] == self.last:
                return message[4:]

    def close(self):
        self.connection.close()
