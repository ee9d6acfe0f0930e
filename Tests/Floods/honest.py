#!/usr/bin/env python3
"""The clients whose latency is measured. They have a process of their own, so that the program that floods does not
delay them.

    honest.py PORT CLIENTS      the tokens have the secret of the end-to-end tests

Each client is a user with one WebSocket, and sends the plugin an event with an ack once a second, whether or not the
last one was answered. The time from writing the event to reading its ack is measured. A line `take` on standard input
is answered with a line of JSON: the measurements since the last `take`. Events without an ack yet count with the time
that they have waited.
"""

import json
import os
import select
import sys
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path += [str(TESTS / "Golden"), str(TESTS / "EndToEnd")]

import wire  # noqa: E402
from harness.tokens import token  # noqa: E402
from harness.wireclient import RawSocket  # noqa: E402


class Client:
    """A connected WebSocket that sends events and gets acks."""

    def __init__(self, port, number):
        raw = RawSocket(port).connect(token(f"honest-{number}"))
        self.socket, self.buffer = raw.socket.connection.socket, bytes(raw.socket.connection.buffer)
        self.asked, self.last, self.gone = {}, 0, False

    def ask(self):
        if self.gone:
            return
        self.last += 1
        frame = wire.frame(wire.TEXT, b'42%d["ask",%d]' % (self.last, self.last))
        self.asked[self.last] = time.perf_counter()
        self._send(frame)

    def _send(self, frame):
        try:
            # A hundred bytes a second do not fill the socket's buffer unless the daemon does not read; then the
            # client is lost.
            self.gone = self.gone or self.socket.send(frame) < len(frame)
        except OSError:
            self.gone = True

    def read(self, latencies):
        """Reads the answers that have come. Returns how many were refusals."""
        try:
            data = self.socket.recv(1 << 16)
        except BlockingIOError:
            return 0
        except OSError:
            data = b""
        now = time.perf_counter()
        self.gone = self.gone or not data
        self.buffer += data
        refused = 0
        while len(self.buffer) >= 2:
            length, start = self.buffer[1] & 127, 2
            if length == 126:
                length, start = int.from_bytes(self.buffer[2:4], "big"), 4
            if len(self.buffer) < start + length:
                break
            opcode, payload, self.buffer = (
                self.buffer[0] & 15,
                self.buffer[start : start + length],
                self.buffer[start + length :],
            )
            if opcode == wire.CLOSE:
                self.gone = True
            elif payload == b"2":
                self._send(wire.frame(wire.TEXT, b"3"))
            elif payload.startswith(b"43"):
                number = int(payload[2 : payload.index(b"[")])
                latencies.append(now - self.asked.pop(number))
                refused += b'"error"' in payload
        return refused


def quantile(values, part):
    return values[min(len(values) - 1, int(len(values) * part))] if values else 0.0


class Crowd:
    def __init__(self, port, count):
        self.clients = [Client(port, number) for number in range(count)]
        self.poll = select.epoll()
        self.known = {client.socket.fileno(): client for client in self.clients}
        for descriptor in self.known:
            self.poll.register(descriptor, select.EPOLLIN)
        self.poll.register(0, select.EPOLLIN)
        self.latencies, self.refused, self.late = [], 0, 0.0

    def take(self):
        """The measurements since the last time, in milliseconds."""
        now = time.perf_counter()
        waiting = [now - began for client in self.clients for began in client.asked.values()]
        # Events that were sent just now do not count yet; those that have waited too long do.
        everything = sorted([*self.latencies, *(wait for wait in waiting if wait > 0.05)])
        taken = {
            "count": len(self.latencies),
            "refused": self.refused,
            "gone": sum(client.gone for client in self.clients),
            "waiting": len(waiting),
            "p50": quantile(everything, 0.5) * 1e3,
            "p99": quantile(everything, 0.99) * 1e3,
            "max": quantile(everything, 1) * 1e3,
            "late": self.late * 1e3,
        }
        self.latencies, self.refused, self.late = [], 0, 0.0
        return taken

    def run(self):
        began, turn = time.perf_counter(), 0
        commands = b""
        while True:
            # One client after the other, spread evenly over each second.
            due = began + turn / len(self.clients)
            now = time.perf_counter()
            if now >= due:
                self.late = max(self.late, now - due)
                self.clients[turn % len(self.clients)].ask()
                turn += 1
            for descriptor, _ in self.poll.poll(max(0.0, due - now) if now < due else 0):
                if descriptor == 0:
                    if not (data := os.read(0, 1000)):
                        return
                    commands += data
                    for _ in range(commands.count(b"\n")):
                        print(json.dumps(self.take()), flush=True)
                    commands = commands.rpartition(b"\n")[2]
                    continue
                client = self.known[descriptor]
                self.refused += client.read(self.latencies)
                if client.gone:
                    self.poll.unregister(descriptor)
                    del self.known[descriptor]


def main():
    port, count = int(sys.argv[1]), int(sys.argv[2])
    try:
        # The time that this process waits for the processor is not the daemon's. Only root may raise the priority.
        os.nice(-10)
        nice = True
    except OSError:
        nice = False
    crowd = Crowd(port, count)
    print(json.dumps({"connected": len(crowd.clients), "nice": nice}), flush=True)
    crowd.run()


if __name__ == "__main__":
    main()
