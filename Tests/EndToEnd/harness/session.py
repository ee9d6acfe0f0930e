"""Sessions whose packets the test writes itself, alike on both transports, and single requests to the endpoint."""

import json
import time

import wire

from .wireclient import Polling, RawSocket, deadline


def request(port, method="GET", query="EIO=4&transport=polling", headers=(), body=None):
    """One request on a connection of its own: the answer as wire.Answer."""
    connection = wire.Connection("127.0.0.1", port)
    lines = [f"{method} /socket.io/?{query} HTTP/1.1", "Host: 127.0.0.1", "Connection: close", *headers]
    if body is not None:
        lines += [f"Content-Length: {len(body)}"]
    connection.send("\r\n".join([*lines, "", ""]).encode() + (body or b""), deadline())
    try:
        return wire.read_answer(connection, method, deadline())
    finally:
        connection.close()


UPGRADE = [
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    f"Sec-WebSocket-Key: {wire.WEBSOCKET_KEY}",
]


def upgrade_request(port, query, *headers):
    connection = wire.Connection("127.0.0.1", port)
    connection.send(
        "\r\n".join(
            [f"GET /socket.io/?{query} HTTP/1.1", f"Host: 127.0.0.1:{port}", *UPGRADE, *headers, "", ""]
        ).encode(),
        deadline(),
    )
    return wire.read_answer(connection, "GET", deadline())


class Session:
    """A session in `/` on one of the two transports, without a client library: `send` and `receive` packets."""

    def __init__(self, port, transport, connect="40"):
        self.polling = transport == "polling"
        self.way = Polling(port) if self.polling else RawSocket(port)
        self.eio = self.way.sid if self.polling else json.loads(self.way.opened[1:])["sid"]
        self.waiting = []
        if connect:
            self.send(connect)
            self.connected = self.receive()

    def send(self, *packets):
        if self.polling:
            assert self.way.post("\x1e".join(packets)) == (200, "ok")
        else:
            for packet in packets:
                self.way.send(packet)

    def receive(self):
        if not self.polling:
            return self.way.receive()
        while not self.waiting:
            status, body = self.way.get()
            assert status == 200, body
            self.waiting = [packet for packet in body.split("\x1e") if packet != "6"]
        return self.waiting.pop(0)

    def ended(self):
        """Waits for the end of the session on either transport."""
        if not self.polling:
            self.way.closed()
            return True
        until = deadline()
        while self.way.get()[0] == 200:
            assert time.monotonic() < until, "the session does not end"
        return True

    def alive(self):
        self.send('429["ack","alive"]')
        while (packet := self.receive()) in ("2", "41"):
            if packet == "2":
                self.send("3")
        return packet == '439["alive"]'


def upgrading(port):
    """A polling session with a probed WebSocket beside it."""
    session = Session(port, "polling")
    socket = object.__new__(RawSocket)
    connection = wire.Connection("127.0.0.1", port)
    connection.send(
        "\r\n".join(
            [f"GET /socket.io/?EIO=4&transport=websocket&sid={session.eio} HTTP/1.1", "Host: x", *UPGRADE, "", ""]
        ).encode(),
        deadline(),
    )
    assert wire.read_answer(connection, "GET", deadline()).status == 101
    socket.socket = wire.WebSocket(connection)
    return session, socket
