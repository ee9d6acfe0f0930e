"""The client side of TCP, HTTP/1.1 and WebSocket for the replayer, on the level of bytes.

It repairs nothing. A client library would repair, retry, and refuse to send malformed data; a replayer must send
exactly what the session contains, and report exactly what arrived.
"""

import contextlib
import select
import socket
import struct
import time
import zlib
from dataclasses import dataclass, field

#: The key of every session, so that `sec-websocket-accept` is always the same and can be compared.
WEBSOCKET_KEY = "dGhlIHNhbXBsZSBub25jZQ=="

#: A larger answer is an error of the server, and is not read further.
LARGEST_ANSWER = 64 << 20

MASK = bytes((0x37, 0xFA, 0x21, 0x3D))

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


class NoAnswer(Exception):
    """The connection ended before the first byte of an answer."""


class Garbled(Exception):
    """The received bytes are not HTTP/1.1."""


class Connection:
    """One TCP connection with a read buffer. Every wait ends at a deadline (`time.monotonic()` seconds)."""

    def __init__(self, host, port, timeout=4.0):
        self.socket = socket.create_connection((host, port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.buffer = bytearray()
        self.ended = False

    def close(self):
        self.socket.close()

    def half_close(self):
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.ended = True

    def fill(self, deadline):
        """Waits for more bytes. False once the peer has ended the connection; raises TimeoutError at the deadline."""
        if self.ended:
            return False
        # Also after the deadline it reads once: bytes that arrived in time are not lost because this thread was late.
        ready, _, _ = select.select([self.socket], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            raise TimeoutError
        return self._read()

    def _read(self):
        try:
            data = self.socket.recv(1 << 18)
        except BlockingIOError:
            return True
        except OSError:
            data = b""
        if not data:
            self.ended = True
            return False
        self.buffer += data
        return True

    def send(self, data, deadline):
        """Sends all bytes, and reads meanwhile, because a server may refuse a body before it has read it."""
        view = memoryview(data)
        while view:
            wait = deadline - time.monotonic()
            readable, writable, _ = select.select(
                [] if self.ended else [self.socket], [self.socket], [], max(0.0, wait)
            )
            if readable:
                self._read()
            if writable:
                try:
                    view = view[self.socket.send(view) :]
                except BlockingIOError:
                    continue
                except OSError:
                    return  # The peer has closed the connection; its answer, if there is one, is in the buffer.
            elif wait <= 0:
                raise TimeoutError("the peer does not read")

    @property
    def closed_by_peer(self):
        """Whether the peer has ended the connection, without waiting for it."""
        with contextlib.suppress(TimeoutError):
            self.fill(0)
        return self.ended


@dataclass
class Answer:
    """One HTTP answer. `headers` keeps order and repetition, names in lower case; `body` is after all decoding."""

    status: int
    headers: list
    body: bytes = b""

    def values(self, name):
        return [value for key, value in self.headers if key == name]

    def text(self):
        return self.body.decode("utf-8", "surrogateescape")


def read_answer(connection, method, deadline):
    """Reads one answer with its body. Raises NoAnswer, Garbled or TimeoutError."""
    while True:
        answer = _read_head(connection, deadline)
        if answer.status == 101 or answer.status >= 200:
            break
    if method == "HEAD" or answer.status in (101, 204, 304):
        return answer
    if "chunked" in ",".join(answer.values("transfer-encoding")).lower():
        answer.body = _read_chunks(connection, deadline)
    elif answer.values("content-length"):
        answer.body = _take(connection, int(answer.values("content-length")[0]), deadline)
    else:
        while connection.fill(deadline):
            pass
        answer.body = bytes(connection.buffer)
        connection.buffer.clear()
    for coding in reversed(
        [c.strip().lower() for c in ",".join(answer.values("content-encoding")).split(",") if c.strip()]
    ):
        answer.body = _decode(coding, answer.body)
    return answer


def _read_head(connection, deadline):
    while (end := connection.buffer.find(b"\r\n\r\n")) < 0:
        if len(connection.buffer) > LARGEST_ANSWER:
            raise Garbled("the head of the answer does not end")
        if not connection.fill(deadline):
            if connection.buffer:
                raise Garbled(f"the connection ended inside the head: {bytes(connection.buffer)[:200]!r}")
            raise NoAnswer
    lines = bytes(connection.buffer[:end]).decode("latin-1").split("\r\n")
    del connection.buffer[: end + 4]
    parts = lines[0].split(" ", 2)
    if len(parts) < 2 or not parts[0].startswith("HTTP/1.") or not parts[1].isdigit():
        raise Garbled(f"not a status line: {lines[0]!r}")
    headers = []
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon or name != name.strip():
            raise Garbled(f"not a header: {line!r}")
        headers.append((name.lower(), value.strip()))
    return Answer(int(parts[1]), headers)


def _take(connection, count, deadline):
    while len(connection.buffer) < count:
        if not connection.fill(deadline):
            raise Garbled(f"the connection ended {count - len(connection.buffer)} bytes before the end of the body")
    data = bytes(connection.buffer[:count])
    del connection.buffer[:count]
    return data


def _line(connection, deadline):
    while (end := connection.buffer.find(b"\r\n")) < 0:
        if not connection.fill(deadline):
            raise Garbled("the connection ended inside a chunked body")
    line = bytes(connection.buffer[:end])
    del connection.buffer[: end + 2]
    return line


def _read_chunks(connection, deadline):
    body = bytearray()
    while True:
        size = int(_line(connection, deadline).split(b";")[0], 16)
        if size == 0:
            break
        body += _take(connection, size, deadline)
        if _take(connection, 2, deadline) != b"\r\n":
            raise Garbled("a chunk is longer than it says")
    while _line(connection, deadline):
        pass
    return bytes(body)


def _decode(coding, body):
    try:
        if coding == "gzip":
            return zlib.decompress(body, 31)
        if coding == "deflate":
            return zlib.decompress(body, 15)
    except zlib.error as error:
        raise Garbled(f"the body is not {coding}: {error}") from error
    raise Garbled(f"content-encoding {coding} was not asked for")


def frame(opcode, payload, *, fin=True, rsv=0, mask=True, declare=None):
    """One frame as bytes. `declare` is an announced length that differs from what is sent; `rsv` is 4 for
    RSV1, 2 for RSV2, 1 for RSV3."""
    length = len(payload) if declare is None else declare
    bit = 0x80 if mask else 0
    head = bytes(((0x80 if fin else 0) | rsv << 4 | opcode,))
    if length < 126:
        head += bytes((bit | length,))
    elif length < 1 << 16:
        head += struct.pack(">BH", bit | 126, length)
    else:
        head += struct.pack(">BQ", bit | 127, length)
    return head + MASK + masked(payload) if mask else head + payload


def masked(payload):
    """The payload under MASK (masking is its own inverse), as one wide XOR: a loop over a megabyte takes a second."""
    key = (MASK * (len(payload) // 4 + 1))[: len(payload)]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(len(payload), "big")


def close_payload(code, reason=""):
    return b"" if code is None else struct.pack(">H", code) + reason.encode()


@dataclass
class Deflate:
    """The permessage-deflate contexts of one connection, as negotiated in `sec-websocket-extensions` (None: not)."""

    agreed: dict = field(default_factory=dict)

    def __post_init__(self):
        self._new_deflater()
        self._inflater = zlib.decompressobj(-15)

    @classmethod
    def negotiated(cls, header):
        for extension in header.split(","):
            name, *parameters = [part.strip() for part in extension.split(";")]
            if name.lower() == "permessage-deflate":
                return cls({p.partition("=")[0].strip().lower(): p.partition("=")[2].strip() for p in parameters})
        return None

    def _new_deflater(self):
        # A window of 512 bytes is within whatever client_max_window_bits the server may have asked for
        # (8 is read as 9 by zlib).
        self._deflater = zlib.compressobj(zlib.Z_DEFAULT_COMPRESSION, zlib.DEFLATED, -9)

    def compress(self, payload):
        data = self._deflater.compress(payload) + self._deflater.flush(zlib.Z_SYNC_FLUSH)
        if "client_no_context_takeover" in self.agreed:
            self._new_deflater()
        return data[:-4]

    def inflate(self, payload):
        data = self._inflater.decompress(payload + b"\x00\x00\xff\xff")
        if "server_no_context_takeover" in self.agreed:
            self._inflater = zlib.decompressobj(-15)
        return data


class WebSocket:
    """Reads messages and control frames from an upgraded connection; bytes that are not frames become one `raw` item at
    the end."""

    def __init__(self, connection, deflate=None):
        self.connection = connection
        self.deflate = deflate
        self.close_sent = False
        self._message = None  # (opcode, compressed, payload) of a fragmented message
        self._raw = False
        self._ended = False

    def next(self, deadline):
        """The next item that arrived, in the form of `expect.frames`. Raises TimeoutError at the deadline."""
        while True:
            if self._ended:
                raise TimeoutError  # Nothing can follow the end.
            item = None if self._raw else self._parse()
            if item is not None:
                return item
            if self.connection.fill(deadline):
                continue
            if self.connection.buffer:
                raw = bytes(self.connection.buffer).decode("latin-1")
                self.connection.buffer.clear()
                return {"raw": raw}
            self._ended = True
            return {"end": True}

    def _parse(self):
        buffer = self.connection.buffer
        while True:
            if len(buffer) < 2:
                return None
            fin, rsv, opcode = buffer[0] >> 7, buffer[0] >> 4 & 7, buffer[0] & 15
            length, offset = buffer[1] & 127, 2
            if not self._valid(fin, rsv, opcode, buffer[1]):
                self._raw = True
                return None
            if length > 125:
                width = 2 if length == 126 else 8
                if len(buffer) < 2 + width:
                    return None
                length, offset = int.from_bytes(buffer[2 : 2 + width], "big"), 2 + width
            if len(buffer) < offset + length:
                return None
            payload = bytes(buffer[offset : offset + length])
            del buffer[: offset + length]
            item = self._frame(fin, rsv, opcode, payload)
            if item is not None:
                return item

    def _valid(self, fin, rsv, opcode, second):
        control = opcode >= 8
        return (
            not second & 0x80
            and opcode in (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG)
            and not (control and (not fin or second & 127 > 125))
            and not rsv & 3
            and not (rsv and (control or opcode == CONTINUATION or self.deflate is None))
            and (control or (opcode == CONTINUATION) == (self._message is not None))
        )

    def _frame(self, fin, rsv, opcode, payload):
        if opcode == PING:
            return {"ping": payload}
        if opcode == PONG:
            return {"pong": payload}
        if opcode == CLOSE:
            code = int.from_bytes(payload[:2], "big") if len(payload) >= 2 else None
            if not self.close_sent:
                self.send(frame(CLOSE, payload[:2]))
                self.close_sent = True
            return {"close": code, "reason": payload[2:].decode("utf-8", "replace")}
        if self._message is not None:
            opcode, compressed, start = self._message
            payload = start + payload
        else:
            compressed = bool(rsv & 4)
        if not fin:
            self._message = (opcode, compressed, payload)
            return None
        self._message = None
        if compressed:
            try:
                payload = self.deflate.inflate(payload)
            except zlib.error as error:
                return {"raw": f"a compressed message that does not inflate: {error}"}
        item = {"text": payload.decode("utf-8", "surrogateescape")} if opcode == TEXT else {"binary": payload}
        if compressed:
            item["compressed"] = True
        return item

    def send(self, data, split=None):
        deadline = time.monotonic() + 10
        for start in range(0, len(data), split or max(1, len(data))):
            self.connection.send(data[start : start + split] if split else data, deadline)
