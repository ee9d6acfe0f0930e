"""Engine.IO without a client library, for packets that no client would send. Frames and answers are those of
Tests/Golden."""

import json
import time

import wire

from .tab import PATIENCE


def deadline(seconds=PATIENCE):
    return time.monotonic() + seconds


class Polling:
    """A long-polling session of single requests, each on a connection of its own."""

    def __init__(self, port):
        self.port, self.sid = port, None
        status, body = self.get()
        assert status == 200, body
        self.sid = json.loads(body[1:])["sid"]

    def _request(self, method, body, headers):
        connection = wire.Connection("127.0.0.1", self.port)
        try:
            lines = [
                f"{method} /socket.io/?EIO=4&transport=polling{f'&sid={self.sid}' if self.sid else ''} HTTP/1.1",
                f"Host: 127.0.0.1:{self.port}",
                "Connection: close",
            ]
            if body is not None:
                lines += ["Content-Type: text/plain;charset=UTF-8", f"Content-Length: {len(body)}"]
            head = "\r\n".join([*lines, *headers, "", ""]).encode()
            connection.send(head + (body or b""), deadline())
            answer = wire.read_answer(connection, method, deadline())
            return answer.status, answer.text()
        finally:
            connection.close()

    def get(self, *headers):
        return self._request("GET", None, headers)

    def post(self, body, *headers):
        return self._request("POST", body if isinstance(body, bytes) else body.encode(), headers)

    def connect(self, token):
        self.post("40" + json.dumps({"token": token}))
        status, body = self.get()
        assert status == 200 and body.startswith("40{"), body
        return self


class RawSocket:
    """A WebSocket session frame by frame."""

    def __init__(self, port, path="/socket.io/?EIO=4&transport=websocket", greeted=True):
        connection = wire.Connection("127.0.0.1", port)
        connection.send(
            (
                f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {wire.WEBSOCKET_KEY}\r\n\r\n"
            ).encode(),
            deadline(),
        )
        answer = wire.read_answer(connection, "GET", deadline())
        assert answer.status == 101, answer
        self.socket = wire.WebSocket(connection)
        # On a WebSocket for an existing session the server sends nothing when it opens.
        self.opened = self.receive() if greeted else None

    def connect(self, token):
        self.send("40" + json.dumps({"token": token}))
        text = self.receive()
        assert text.startswith("40{"), text
        return self

    def send(self, text):
        self.send_raw(wire.frame(wire.TEXT, text if isinstance(text, bytes) else text.encode()))

    def send_raw(self, data):
        self.socket.send(data)

    def receive(self, seconds=PATIENCE):
        """The next text; anything else is a failed assertion."""
        item = self.socket.next(deadline(seconds))
        assert "text" in item, item
        return item["text"]

    def closed(self, seconds=PATIENCE):
        """Waits for the end of the connection, and returns the close code (None: there was none)."""
        code, until = None, deadline(seconds)
        while "end" not in (item := self.socket.next(until)):
            code = item.get("close", code)
        return code

    def close(self):
        self.socket.connection.close()
