"""Measures how punctual the heartbeats of ten thousand sessions are: the ping after the handshake, the ping after the
pong, and the end of a session that does not answer.

    python3 Tests/Conformance/heartbeats.py [--sessions 10000] [--limit 20]

It prints percentiles, and the exit code is 1 if the 99th is beyond the limit. The kernel records the times of arrival
(SO_TIMESTAMPNS), so a client that reads late does not make the server seem late. A process that only sleeps is measured
at the same time. If its 99th percentile is beyond a quarter of the limit, the machine is too busy to measure the
daemon; this is reported, and is not a failure.
"""

import argparse
import json
import multiprocessing
import resource
import select
import socket
import struct
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "Golden"))

import wire
from server import BINARY, Server

INTERVAL, TIMEOUT = 6000, 3000
#: Pings that a session answers before it stops answering.
ANSWERED = 2
#: Connections that are being opened at a time: fewer than a backlog.
AT_ONCE = 200
SO_TIMESTAMPNS = 35

_UPGRADE = (
    "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: "
    "websocket\r\n"
    f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {wire.WEBSOCKET_KEY}\r\n\r\n"
).encode()
_CONNECT, _PONG = wire.frame(wire.TEXT, b"40"), wire.frame(wire.TEXT, b"3")


class Client:
    """One session. It knows when its next event is due (seconds since 1970), and reports how late the event came."""

    def __init__(self, port, late):
        self.socket, self.late = socket.socket(), late
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.setblocking(False)
        self.socket.connect_ex(("127.0.0.1", port))
        self.buffer, self.due, self.answered, self.state = b"", None, 0, "connecting"

    def writable(self):
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.send(_UPGRADE)
        self.state = "upgrading"

    def readable(self):
        """Reads; False once the session is over."""
        data, ancillary, _, _ = self.socket.recvmsg(4096, 64)
        arrival = next(
            (
                seconds + nanoseconds / 1e9
                for level, kind, stamp in ancillary
                if kind == SO_TIMESTAMPNS
                for seconds, nanoseconds in [struct.unpack("qq", stamp[:16])]
            ),
            time.time(),
        )
        if not data:
            assert self.state == "over", f"the server ended a session that was {self.state}"
            return False
        self.buffer += data
        if self.state == "upgrading":
            head, blank, self.buffer = self.buffer.partition(b"\r\n\r\n")
            if not blank:
                self.buffer = head
                return True
            assert head.startswith(b"HTTP/1.1 101"), head
            self.state = "open"
        while len(self.buffer) >= 2 and len(self.buffer) >= 2 + self.buffer[1]:
            opcode, payload, self.buffer = (
                self.buffer[0] & 15,
                self.buffer[2 : 2 + self.buffer[1]],
                self.buffer[2 + self.buffer[1] :],
            )
            self._frame(opcode, payload, arrival)
        return True

    def _frame(self, opcode, payload, arrival):
        if opcode == wire.CLOSE:
            self.late["the end after the ping"].append(arrival - self.due)
            self.state = "over"
        elif payload.startswith(b"0"):
            self.due = arrival + INTERVAL / 1000
            self.socket.send(_CONNECT)
        elif payload == b"2":
            self.late["the ping after the pong" if self.answered else "the ping after the handshake"].append(
                arrival - self.due
            )
            if self.answered < ANSWERED:
                self.answered += 1
                self.due = time.time() + INTERVAL / 1000
                self.socket.send(_PONG)
            else:
                self.due = arrival + TIMEOUT / 1000


def measure(port, count):
    """Lateness in seconds, by the kind of event. An event that follows a message of the server is timed from the
    arrival of that message, so it can seem early by the time that the message took; an event that follows a pong
    cannot."""
    late = {"the ping after the handshake": [], "the ping after the pong": [], "the end after the ping": []}
    poll, clients, opening, opened = select.epoll(), {}, set(), 0
    until = time.monotonic() + 60 + (ANSWERED + 2) * INTERVAL / 1000 + TIMEOUT / 1000
    while opened < count or clients:
        assert time.monotonic() < until, f"{len(clients)} sessions are not over"
        while opened < count and len(opening) < AT_ONCE:
            client = Client(port, late)
            clients[client.socket.fileno()] = client
            opening.add(client)
            poll.register(client.socket, select.EPOLLOUT)
            opened += 1
        for number, _ in poll.poll(0.1):
            client = clients[number]
            if client.state == "connecting":
                client.writable()
                poll.modify(number, select.EPOLLIN)
            elif not client.readable():
                poll.unregister(number)
                del clients[number]
                client.socket.close()
            if client.state == "open":
                opening.discard(client)
    return late


def sleep_beside(stop, results):
    """How late, in seconds, this machine wakes a process that sleeps for 4 ms at a time."""
    late = []
    while not stop.is_set():
        due = time.monotonic() + 0.004
        time.sleep(0.004)
        late.append(time.monotonic() - due)
    results.put(late)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--sessions", type=int, default=10_000)
    arguments.add_argument("--limit", type=float, default=20, help="ms")
    options = arguments.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "jackfield.yaml"
        file.write_text(
            json.dumps(
                {
                    "auth": False,
                    "control": None,
                    "pingInterval": INTERVAL,
                    "pingTimeout": TIMEOUT,
                    "connectTimeout": 30_000,
                }
            )
        )
        with Server(
            [str(BINARY), "serve", "--config", str(file), "--host", "127.0.0.1", "--port", "0"], folder
        ) as server:
            stop, results = multiprocessing.Event(), multiprocessing.Queue()
            sleeper = multiprocessing.Process(target=sleep_beside, args=(stop, results), daemon=True)
            sleeper.start()
            late = measure(server.port, options.sessions)
            stop.set()
            control = results.get(timeout=10)
            sleeper.join()
    return 1 if report(late, control, options) else 0


def quantile(values, part):
    """The value of a sorted list below which this part of it lies."""
    return values[min(len(values) - 1, int(len(values) * part))]


def report(late, control, options):
    """Prints the table. Returns whether the daemon is too late."""
    worst = {}
    print(f"{'late by, ms':32}{'count':>8}{'min':>8}{'p50':>8}{'p90':>8}{'p99':>8}{'p99.9':>8}{'max':>8}")
    for name, values in {**late, "a process that only sleeps": control}.items():
        values = sorted(value * 1000 for value in values)
        shown = [values[0], *(quantile(values, part) for part in (0.5, 0.9, 0.99, 0.999)), values[-1]]
        print(f"{name:32}{len(values):8}" + "".join(f"{value:8.1f}" for value in shown))
        worst[name] = quantile(values, 0.99)
    machine, daemon = worst.popitem()[1], max(worst.values())
    if daemon > options.limit and machine > options.limit / 4:
        print(f"{options.sessions} sessions: nothing can be said, the machine itself is late by {machine:.1f} ms")
        return False
    print(f"{options.sessions} sessions: {'within' if daemon <= options.limit else 'beyond'} {options.limit:g} ms")
    return daemon > options.limit


if __name__ == "__main__":
    sys.exit(main())
