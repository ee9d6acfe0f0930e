"""A thousand WebSocket clients in one asyncio loop. They use little CPU, so the server is what is measured."""

import asyncio
import json
import time

import wire

_UPGRADE = (
    "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: "
    "websocket\r\n"
    f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {wire.WEBSOCKET_KEY}\r\n\r\n"
).encode()


class Member(asyncio.Protocol):
    """One client: connects, joins `/`, and then sends echoes when it is asked to. It reads small frames only,
    because the server sends only such."""

    def __init__(self, token):
        self.connect = wire.frame(wire.TEXT, b"40" + json.dumps({"token": token}).encode())
        self.ready = asyncio.get_running_loop().create_future()
        self.buffer, self.upgraded, self.sent, self.answered = b"", False, None, None

    def connection_made(self, transport):
        self.transport = transport
        transport.write(_UPGRADE)

    def data_received(self, data):
        self.buffer += data
        if not self.upgraded:
            head, blank, rest = self.buffer.partition(b"\r\n\r\n")
            if not blank:
                return
            assert head.startswith(b"HTTP/1.1 101"), head
            self.buffer, self.upgraded = rest, True
        while len(self.buffer) >= 2:
            length, start = self.buffer[1] & 127, 2
            if length == 126:
                length, start = int.from_bytes(self.buffer[2:4], "big"), 4
            if len(self.buffer) < start + length:
                return
            payload, self.buffer = self.buffer[start : start + length], self.buffer[start + length :]
            self._packet(payload)

    def _packet(self, payload):
        if payload.startswith(b"0"):
            self.transport.write(self.connect)
        elif payload == b"2":
            self.transport.write(wire.frame(wire.TEXT, b"3"))
        elif payload.startswith(b"40") and not self.ready.done():
            self.ready.set_result(None)
        elif payload.startswith(b"42") and self.answered is not None:
            self.answered.set_result(time.monotonic() - self.sent)

    async def echo(self):
        """Sends an echo. Returns the seconds until its answer."""
        self.answered, self.sent = asyncio.get_running_loop().create_future(), time.monotonic()
        self.transport.write(wire.frame(wire.TEXT, b'42["echo","x"]'))
        return await self.answered

    def connection_lost(self, error):
        for waiting in (self.ready, self.answered):
            if waiting is not None and not waiting.done():
                waiting.set_exception(ConnectionError("the server closed the connection"))


async def gather(port, token, count, at_once=50, kind=Member):
    """This many members, connected and joined."""
    loop, members = asyncio.get_running_loop(), []
    for start in range(0, count, at_once):
        batch = [
            (await loop.create_connection(lambda: kind(token), "127.0.0.1", port))[1]
            for _ in range(min(at_once, count - start))
        ]
        await asyncio.gather(*(member.ready for member in batch))
        members += batch
    return members


async def echo_for(members, seconds, each=1.0):
    """Every member sends an echo once in `each` seconds, spread evenly, for this time. Returns all
    latencies in seconds, sorted."""
    until, latencies = time.monotonic() + seconds, []

    async def go_on(index, member):
        await asyncio.sleep(each * index / len(members))
        while time.monotonic() < until:
            latencies.append(await member.echo())
            await asyncio.sleep(each)

    await asyncio.gather(*(go_on(index, member) for index, member in enumerate(members)))
    return sorted(latencies)
