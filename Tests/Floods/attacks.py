#!/usr/bin/env python3
"""The floods. Each repeats an attack that was found in a security review, as fast as one process can.

    attacks.py NAME PORT SECONDS     prints its counts as JSON

A flood is a list of pipes. A pipe is a connection that sends and reads, and is opened again when it ends or makes no
progress.
"""

import base64
import itertools
import json
import re
import select
import socket
import sys
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path += [str(TESTS / "Golden"), str(TESTS / "EndToEnd")]

import wire  # noqa: E402
from harness.tokens import token  # noqa: E402
from harness.wireclient import RawSocket  # noqa: E402

#: Text for whose comparison Swift's String needs a time that grows with the square of its length.
MARKS = "\u0301" * 1_900 + "\u0316" * 1_900


class Pipe:
    """One connection after the other. `block` makes what is sent next (None: nothing more); `heard` is given what came;
    if it says True, that is enough
    of this connection.

    `reads`: whether anything is read. `patience`: seconds without progress until it begins again with a new connection.
    `once`: it begins again with a new connection when an answer has come.
    """

    def __init__(self, open, block, *, reads=True, heard=None, patience=None, once=False):
        self.open, self.block, self.reads, self.heard, self.patience, self.once = (
            open,
            block,
            reads,
            heard,
            patience,
            once,
        )
        self.socket, self.out, self.moved, self.silent = None, b"", 0.0, False

    def begin(self):
        """Opens a connection, and sends first what `open` returns."""
        self.socket = self.open()
        self.socket.setblocking(False)
        self.out, self.moved, self.silent = memoryview(b""), time.monotonic(), False

    def say(self, data):
        """Sends this after what is waiting already."""
        self.out, self.silent = memoryview(bytes(self.out) + data), False

    def next(self):
        if not self.out:
            data = self.block(self)
            self.silent = data is None
            self.out = memoryview(data or b"")
        return not self.silent


class Flood:
    """Runs pipes in one loop until the time is over, and counts."""

    def __init__(self, pipes, seconds, marks):
        self.pipes, self.until, self.marks = pipes, time.monotonic() + seconds, marks
        self.counts = {"connections": 0, "sent": 0, "received": 0, **dict.fromkeys(marks, 0)}
        self.poll, self.known = select.epoll(), {}

    def run(self):
        for pipe in self.pipes:
            self.begin(pipe)
        while (now := time.monotonic()) < self.until:
            for descriptor, events in self.poll.poll(0.05):
                if pipe := self.known.get(descriptor):
                    self.serve(pipe, descriptor, events)
            for pipe in self.pipes:
                if pipe.socket is None or pipe.patience is not None and now - pipe.moved > pipe.patience:
                    self.begin(pipe)
        for pipe in self.pipes:
            if pipe.socket is not None:
                pipe.socket.close()
        return self.counts

    def begin(self, pipe):
        if pipe.socket is not None:
            del self.known[pipe.socket.fileno()]
            pipe.socket.close()
            pipe.socket = None
        if time.monotonic() > self.until:
            return
        try:
            pipe.begin()
        except (OSError, AssertionError, TimeoutError, wire.NoAnswer, wire.Garbled):
            # The daemon has closed it; the next round opens another.
            pipe.socket = None
            return
        self.counts["connections"] += 1
        self.known[pipe.socket.fileno()] = pipe
        self.poll.register(pipe.socket.fileno(), self.wanted(pipe))

    def wanted(self, pipe):
        return (select.EPOLLIN if pipe.reads else 0) | (0 if pipe.silent else select.EPOLLOUT)

    def serve(self, pipe, descriptor, events):
        before = pipe.silent
        try:
            if events & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR) and not self.receive(pipe):
                return self.begin(pipe)
            if events & select.EPOLLOUT and pipe.next():
                count = pipe.socket.send(pipe.out)
                pipe.out = pipe.out[count:]
                self.counts["sent"] += count
                pipe.moved = time.monotonic()
        except BlockingIOError:
            pass
        except OSError:
            return self.begin(pipe)
        if pipe.silent != before:
            self.poll.modify(descriptor, self.wanted(pipe))

    def receive(self, pipe):
        """False: a new connection, please."""
        if not pipe.reads:
            return False
        data = pipe.socket.recv(1 << 18)
        self.counts["received"] += len(data)
        for words in self.marks:
            self.counts[words] += data.count(words.encode())
        is_enough = pipe.once or pipe.heard is not None and data and pipe.heard(pipe, data)
        return bool(data) and not is_enough


# ------------------------------------------------------------------------------------------------------- openings


def tcp(port, buffer=None):
    """`buffer`: bytes that the kernel keeps of what is sent; without it the copying of megabytes that nobody reads
    would be what is measured."""

    def open():
        connection = socket.socket()
        connection.settimeout(5)
        if buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
        connection.connect(("127.0.0.1", port))
        return connection

    return open


def stranger(port):
    """A WebSocket that has joined no namespace."""
    return lambda: RawSocket(port).socket.connection.socket


def member(port, user, *first):
    """A WebSocket of a user with a valid token, that has also sent these events."""
    text = token(user, scope="notifications:write")

    def open():
        raw = RawSocket(port).connect(text)
        for data in first:
            raw.send_raw(data)
        return raw.socket.connection.socket

    return open


def text(data):
    return wire.frame(wire.TEXT, data if isinstance(data, bytes) else data.encode())


def event(name, *arguments, ack=0):
    return text(f"42{ack}" + json.dumps([name, *arguments], ensure_ascii=False))


def again(data):
    """The same bytes, repeated without end."""
    return lambda pipe: data


def once(data):
    """The same bytes, once for each connection."""
    opened = {}

    def block(pipe):
        if opened.get(pipe) is pipe.socket:
            return None
        opened[pipe] = pipe.socket
        return data

    return block


def in_turn(*blocks):
    turn = itertools.cycle(blocks)
    return lambda pipe: next(turn)


def request(line, *headers, body=b""):
    return "\r\n".join([line, *headers, "", ""]).encode() + body


HANDSHAKE = "GET /socket.io/?EIO=4&transport=polling HTTP/1.1"


# --------------------------------------------------------------------------------------------------------- floods


def unread(port):
    """S1: 100 connections pipeline requests for the metrics, the health, a long 404 and the page, and read nothing. New
    ones after half a second."""
    paths = ["/metrics", "/healthz", "/" + "x" * 8_000, "/"]
    return [
        Pipe(
            tcp(port, 65_536),
            again(request(f"GET {path} HTTP/1.1", "Host: x") * (65_536 // (len(path) + 30))),
            reads=False,
            patience=0.5,
        )
        for path in paths * 25
    ], []


def marks(port):
    """S2: combining marks in every text that is compared: headers, the algorithm of a token, ids, keys of JSON."""
    upgrade = [
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1",
        "Host: x",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {wire.WEBSOCKET_KEY}",
    ]
    header = (
        base64.urlsafe_b64encode(json.dumps({"alg": MARKS, "typ": "JWT"}, ensure_ascii=False).encode())
        .decode()
        .rstrip("=")
    )
    single = [
        request(*upgrade, f"Sec-WebSocket-Protocol: {MARKS}{MARKS}"),
        request(*upgrade, f"Origin: http://{MARKS}{MARKS}"),
        request(f"GET /socket.io/?EIO=4&transport={MARKS}{MARKS} HTTP/1.1", "Host: x"),
        request("GET /v1/presence HTTP/1.1", "Host: x", f"Authorization: Bearer {header}.e30.AAAA"),
    ]
    # A request that is refused, so that no disk is measured.
    keys = {f"m{number}": number for number in range(20)} | {MARKS * 10 + "a": 1, MARKS * 10 + "b": 2}
    body = json.dumps(keys, ensure_ascii=False).encode()
    post = request(
        "POST /v1/notifications HTTP/1.1",
        "Host: x",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        f"Authorization: Bearer {token('mallory', scope='notifications:write')}",
        body=body,
    )
    ids = [
        event("presence:watch", [MARKS * 8, MARKS * 8 + "b"]),
        event("room:leave", {"room": MARKS * 20}),
        event(MARKS[1_800:2_000]),
        event("notification:read", {"ids": [MARKS * 20]}),
        text(f"40/{MARKS[1_850:1_950]},"),
    ]
    pipes = [Pipe(tcp(port), once(data), once=True) for data in single]
    return [*pipes, Pipe(tcp(port), again(post)), Pipe(member(port, "mallory"), in_turn(*ids))], [
        "HTTP/1.1 400",
        "HTTP/1.1 401",
        '"error"',
    ]


def sessions(port):
    """S3: polling handshakes without CONNECT, 250 on each of 8 connections at a time, which is what one connection may
    keep."""
    heard = {}

    def all_came(pipe, data):
        connection, count = heard.get(pipe, (None, 0))
        heard[pipe] = pipe.socket, (count if connection is pipe.socket else 0) + data.count(b'"sid"')
        return heard[pipe][1] >= 250

    return [Pipe(tcp(port), once(request(HANDSHAKE, "Host: x") * 250), heard=all_came, patience=1) for _ in range(8)], [
        '"sid"'
    ]


def headers(port):
    """S3: the same without end on one connection, with 15 KB of headers each."""
    return [Pipe(tcp(port), again(request(HANDSHAKE, "Host: x", "X-Large: " + "x" * 15_000) * 20))], ['"sid"']


def refusals(port):
    """S4, S5, S6: CONNECT without a token and with another's private id, for a user with a NUL, with a forged token;
    each is refused, and again."""
    wrong = [
        json.dumps({"pid": "x" * 20, "offset": "y"}),
        json.dumps({"token": token("alice\0x")}),
        json.dumps({"token": token("alice", secret="z" * 40)}),
        json.dumps({"pid": "x" * 20, "token": token("\u212a\0")}),
    ]
    return [Pipe(stranger(port), again(b"".join(text("40" + each) for each in wrong) * 20)) for _ in range(4)], ["44{"]


def unfinished(port):
    """S7: 900 clients without a namespace send 60,000 bytes of a message of 65,000, and after 3 s others follow."""
    data = wire.frame(wire.TEXT, b"4" + b"x" * 60_000, declare=65_000)
    return [Pipe(stranger(port), once(data), patience=3) for _ in range(900)], []


def bodies(port):
    """S7: 700 requests that send 990,000 bytes of a body of 1,000,000, with a valid token, without one, and in a
    polling session."""

    def post(path, *more):
        return request(f"POST {path} HTTP/1.1", "Host: x", "Content-Length: 1000000", *more, body=b"x" * 990_000)

    good = f"Authorization: Bearer {token('mallory', scope='notifications:write')}"
    polled = Session(port)
    kinds = [post("/v1/notifications", good)] * 5 + [post("/v1/notifications"), post(polled.path)]
    return [Pipe(tcp(port), once(kind), patience=4) for kind in kinds * 100], ["HTTP/1.1 401", "HTTP/1.1 413"]


class Session:
    """A polling session that has joined no namespace."""

    def __init__(self, port):
        connection = wire.Connection("127.0.0.1", port)
        until = time.monotonic() + 10
        connection.send(request(HANDSHAKE, "Host: x"), until)
        sid = json.loads(wire.read_answer(connection, "GET", until).body[1:])["sid"]
        connection.close()
        self.path = f"/socket.io/?EIO=4&transport=polling&sid={sid}"


def queue(port):
    """S8: one socket sends events to the plugin that the other clients use, each a callback of 1 ms, far more than it
    can handle."""
    return [Pipe(member(port, "mallory"), again(event("sleep", 1) * 500))], ["overloaded", "430[1]"]


def hostless(port):
    """S11: requests without Host, and with two, each on a connection of its own."""
    wrong = [request("GET /healthz HTTP/1.1"), request("GET /healthz HTTP/1.1", "Host: x", "Host: y")]
    return [Pipe(tcp(port), in_turn(*wrong), once=True) for _ in range(8)], ["HTTP/1.1 400"]


def patterns(port):
    """S13: CONNECT to names of 60 and 250 characters that two patterns refuse at their last character only."""
    names = [text(f"40/{'a' * count}!,") for count in (60, 250)]
    return [Pipe(member(port, "mallory"), again(b"".join(names) * 100))], ["44/"]


def watches(port):
    """S14: 20 sockets watch 1,000 users with ids of 60 bytes, end it and watch others; 5 make the plugin watch 1,000
    ids of 200 bytes, and forget them: what a plugin watches it keeps, and that would be no memory that comes back."""

    def block(number):
        lists = [[f"{number}-{part}-{count}".ljust(60, "x") for count in range(1_000)] for part in range(2)]
        return in_turn(*(event(name, users) for users in lists for name in ("presence:watch", "presence:unwatch")))

    def follow(number):
        return in_turn(
            *(
                b"".join(event(name, f"{number}-{part}-{count}".ljust(200, "x")) for count in range(100))
                for name in ("follow", "forget")
                for part in range(10)
            )
        )

    pipes = [Pipe(member(port, f"watcher-{number}"), block(number)) for number in range(20)]
    return [*pipes, *(Pipe(member(port, f"follower-{number}"), follow(number)) for number in range(5))], [
        "overloaded",
        "430[",
    ]


def answers(port):
    """S14: 40 sockets of a room with 60 KB of data each, asked and fetched by the plugin; each question is answered
    with 900 KB."""
    long = b'["' + b"x" * 900_000 + b'"]'
    asked = re.compile(rb'42(\d+)\["question"')

    def heard(pipe, data):
        for number in asked.findall(data):
            # The flooding client sends only one answer at a time.
            if len(pipe.out) < 2_000_000:
                pipe.say(text(b"43" + number + long))

    first = [event("crowd"), event("keep", "y" * 60_000)]
    crowd = [Pipe(member(port, f"crowd-{number}", *first), lambda pipe: None, heard=heard) for number in range(40)]
    return [*crowd, Pipe(member(port, "asker"), again(event("poll") + event("fetch")))], ["question", "430["]


#: By name: the flood, the count that shows that it worked, and the value that this count must reach.
ALL = {
    "unread": (unread, "connections", 400),
    "marks": (marks, "HTTP/1.1 400", 1_000),
    "sessions": (sessions, '"sid"', 200_000),
    "headers": (headers, '"sid"', 5_000),
    "refusals": (refusals, "44{", 10_000),
    "unfinished": (unfinished, "connections", 1_800),
    "bodies": (bodies, "connections", 1_000),
    "queue": (queue, "overloaded", 10_000),
    "hostless": (hostless, "HTTP/1.1 400", 5_000),
    "patterns": (patterns, "44/", 5_000),
    "watches": (watches, "430[", 1_000),
    "answers": (answers, "question", 1_000),
}


def main():
    name, port, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    pipes, found = ALL[name][0](port)
    print(json.dumps(Flood(pipes, seconds, found).run()))


if __name__ == "__main__":
    main()
