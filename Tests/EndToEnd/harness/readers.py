"""Many clients with very small buffers. Each byte that they read is compared with the expected one."""

import selectors
import socket
import time

import wire

_UPGRADE = (
    "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: "
    "websocket\r\n"
    f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {wire.WEBSOCKET_KEY}\r\n\r\n"
).encode()

#: Bytes for the kernel's buffer: a few small messages, a fraction of a large one. The kernel doubles it.
RECEIVE_BUFFER = 2048
#: The receive window never becomes as large as the loopback's segments of 64 KB.
SEGMENT = 1024


class OutOfOrder(AssertionError):
    """A client read other bytes than the expected ones."""


class Expected:
    """What every client must read, as frames of the server: the messages one after the other."""

    def __init__(self):
        self.stream, self._ends = bytearray(), []

    def add(self, text, attachments=()):
        for opcode, payload in ((wire.TEXT, text), *((wire.BINARY, attachment) for attachment in attachments)):
            self.stream += wire.frame(opcode, payload, mask=False)
        self._ends.append(len(self.stream))

    def __len__(self):
        return len(self.stream)

    def message_at(self, offset):
        return sum(end <= offset for end in self._ends)


class Reader:
    """One client of a namespace. It reads only when a test calls it."""

    def __init__(self, port, expected, namespace, index):
        self.expected, self.index, self.taken, self.ended = expected, index, 0, False
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT)
        self.socket.connect(("127.0.0.1", port))
        self.socket.settimeout(10)
        self.socket.sendall(_UPGRADE + wire.frame(wire.TEXT, f"40{namespace},".encode()))
        self._greeting(f"40{namespace},".encode())
        self.socket.setblocking(False)

    def _greeting(self, answer):
        """Reads up to the answer to CONNECT; nothing may follow it before a first message is sent."""
        data = b""
        while not (answer in data and data.endswith(b"}")):
            piece = self.socket.recv(4096)
            assert piece, data
            data += piece
        assert data.startswith(b"HTTP/1.1 101"), data

    def read(self):
        """Reads the bytes that have arrived, and compares them."""
        try:
            data = self.socket.recv(1 << 16)
        except BlockingIOError:
            return
        except ConnectionResetError:
            data = b""
        self.ended = not data
        self.take(data)

    def take(self, data):
        due = self.expected.stream[self.taken : self.taken + len(data)]
        if data != due:
            wrong = self.taken + next(
                (at for at, (ours, theirs) in enumerate(zip(data, due, strict=False)) if ours != theirs), len(due)
            )
            raise OutOfOrder(
                f"client {self.index} read {bytes(data[max(0, wrong - self.taken - 20) :][:60])!r} at byte {wrong}, "
                f"in message {self.expected.message_at(wrong)}; due was "
                f"{bytes(self.expected.stream[max(0, wrong - 20) :][:60])!r}"
            )
        self.taken += len(data)

    @property
    def is_done(self):
        return self.taken == len(self.expected)

    def close(self):
        self.socket.close()


def read_all(readers, seconds, until=None):
    """Lets these clients read until each has read all expected bytes (or `until` of them)."""
    deadline, left = time.monotonic() + seconds, 0
    with selectors.EpollSelector() as selector:
        for reader in readers:
            if reader.taken < (len(reader.expected) if until is None else until):
                selector.register(reader.socket, selectors.EVENT_READ, reader)
                left += 1
        while left:
            assert time.monotonic() < deadline, f"{left} of {len(readers)} clients still wait after {seconds} s"
            for key, _ in selector.select(0.2):
                reader = key.data
                reader.read()
                assert not reader.ended, (
                    f"client {reader.index} was closed after {reader.taken} of {len(reader.expected)} bytes"
                )
                if reader.taken >= (len(reader.expected) if until is None else until):
                    selector.unregister(key.fileobj)
                    left -= 1
