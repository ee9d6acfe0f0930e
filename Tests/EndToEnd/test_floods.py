"""Floods by one anonymous client, while other clients must be served as usual. Tests/Floods has longer ones."""

import multiprocessing
import os
import re
import signal
import socket
import threading
import time

import pytest

import wire
from harness.tab import PATIENCE
from harness.tokens import token
from harness.wireclient import Polling, RawSocket

MEGA = 1 << 20
HANDSHAKE = b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n"


def resident(daemon):
    """Bytes of memory that the daemon uses (its resident set)."""
    with open(f"/proc/{daemon.server.process.pid}/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def counted(daemon, name, **labels):
    """The value of a counter with these labels, summed over the others."""
    total, found = 0.0, False
    for line in daemon.get("/metrics").text.splitlines():
        match = re.fullmatch(rf"{name}(?:\{{(.*)\}})? (\S+)", line)
        if match and all(f'{key}="{value}"' in (match[1] or "") for key, value in labels.items()):
            total, found = total + float(match[2]), True
    assert found, f"{name} {labels} is no metric"
    return total


class Watch:
    """Reads the daemon's memory all the time; `grown` is its maximum above the value at the beginning."""

    def __init__(self, daemon):
        self.daemon, self.before = daemon, resident(daemon)
        self.most, self._over = self.before, threading.Event()
        self._thread = threading.Thread(target=self._look)

    def _look(self):
        while not self._over.wait(0.01):
            self.most = max(self.most, resident(self.daemon))

    @property
    def grown(self):
        return self.most - self.before

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()


class Flood(threading.Thread):
    """Sends the same bytes over one connection, a new one or `connection`, as fast as the daemon reads them. `reads`:
    it also reads the answers."""

    def __init__(self, port, data, seconds, reads=False, connection=None):
        super().__init__(daemon=True)
        self.port, self.data, self.seconds, self.reads, self.connection, self.sent = (
            port,
            data,
            seconds,
            reads,
            connection,
            0,
        )

    def run(self):
        until = time.monotonic() + self.seconds
        with self.connection or socket.create_connection(("127.0.0.1", self.port)) as connection:
            connection.setblocking(False)
            rest = memoryview(self.data)
            while time.monotonic() < until:
                try:
                    count = connection.send(rest)
                    self.sent, rest = self.sent + count, rest[count:] or memoryview(self.data)
                except BlockingIOError:
                    time.sleep(0.001)
                except OSError:
                    return  # The daemon has closed the connection.
                if self.reads:
                    try:
                        while connection.recv(1 << 18):
                            pass
                    except BlockingIOError:
                        pass


def run_all(floods):
    for flood in floods:
        flood.start()
    for flood in floods:
        flood.join()


def honest(daemon):
    """A new client over polling, a new client over WebSocket and an HTTP request are served in time."""
    began = time.monotonic()
    Polling(daemon.port).connect(token("poller"))
    RawSocket(daemon.port).connect(token("socket")).close()
    assert daemon.get("/healthz").status_code == 200
    took = time.monotonic() - began
    assert took < 5, f"an honest client had to wait {took:.1f} s"


@pytest.mark.parametrize("path", ["/metrics", "/healthz", "/" + "x" * 8_000, "/"])
def test_a_client_that_pipelines_requests_and_reads_nothing_costs_next_to_nothing(serve, path):
    daemon = serve(demo=True)
    old = daemon.person("alice").open_tab()
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    floods = [Flood(daemon.port, request * 200, seconds=3) for _ in range(4)]
    with Watch(daemon) as watch:
        for flood in floods:
            flood.start()
        while any(flood.is_alive() for flood in floods):
            honest(daemon)
            assert old.call("presence:watch", []) == []
        for flood in floods:
            flood.join()
    assert watch.grown < 64 * MEGA, (
        f"{watch.grown / MEGA:.0f} MB for {sum(flood.sent for flood in floods) / MEGA:.1f} MB sent"
    )


def test_clients_that_send_more_work_than_there_is_time_for_hold_nobody_up(serve, compiled):
    daemon = serve(eventLoops=1, plugins=[{"path": compiled("../Floods/floods.c"), "required": True}])
    friend = RawSocket(daemon.port).connect(token("friend"))
    # As much as one read takes: names that the patterns of the plugin's namespaces refuse at their last character.
    dear = wire.frame(wire.TEXT, b"40/" + b"a" * 250 + b"!,") * 250
    floods = [
        Flood(daemon.port, dear, seconds=4, reads=True, connection=RawSocket(daemon.port).socket.connection.socket)
        for _ in range(16)
    ]
    # In a process of its own, because the measuring thread must not wait for Python's lock.
    process = multiprocessing.get_context("fork").Process(target=run_all, args=[floods])
    process.start()
    try:
        time.sleep(0.5)
        latencies = []
        while process.is_alive():
            began = time.monotonic()
            friend.send('420["nobody:knows"]')
            assert "unknown_event" in friend.receive()
            latencies.append(time.monotonic() - began)
            time.sleep(0.02)
    finally:
        process.join()
    latencies.sort()
    middle = latencies[len(latencies) // 2]
    assert middle < 0.1, (
        f"of {len(latencies)} answers half took more than {middle * 1000:.0f} ms, one {latencies[-1] * 1000:.0f}"
    )


@pytest.mark.parametrize("headers", [b"", b"X-Large: " + b"x" * 15_000 + b"\r\n"], ids=["short", "long"])
def test_one_connection_that_opens_sessions_without_end_keeps_a_few_and_displaces_nobody(serve, headers):
    daemon = serve()
    waiting = Polling(daemon.port)
    flood = Flood(daemon.port, HANDSHAKE.replace(b"\r\n\r\n", b"\r\n" + headers + b"\r\n") * 20, seconds=4, reads=True)
    served = 0
    with Watch(daemon) as watch:
        flood.start()
        while flood.is_alive():
            honest(daemon)
            served += 1
        flood.join()
    assert counted(daemon, "jackfield_sessions_total") > 2_000, "that was no flood"
    assert counted(daemon, "jackfield_sessions_cut_total", reason="before_connect") > 1_000
    # The sessions of the other clients, which stay, and the last few hundred of the flood.
    assert counted(daemon, "jackfield_sessions") < served + 300
    assert watch.grown < 96 * MEGA, f"{watch.grown / MEGA:.0f} MB"
    # A client that connected before the flood, and has joined no namespace yet, can still join.
    waiting.connect(token("patient"))


def test_sessions_beyond_the_total_are_refused_precisely_and_those_that_joined_stay(serve):
    daemon = serve(limits={"sessions": 20})
    tabs = [daemon.person(f"user-{number}").open_tab() for number in range(20)]
    answer = daemon.get("/socket.io/?EIO=4&transport=polling")
    assert answer.status_code == 503 and answer.json() == {"code": 6, "message": "Too many sessions"}
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert counted(daemon, "jackfield_sessions_refused_total", reason="sessions") == 1
    assert all(tab.call("presence:watch", []) == [] for tab in tabs)


def test_memory_goes_back_to_the_system_after_two_hundred_thousand_sessions(serve):
    daemon = serve(connectTimeout=2_000, limits={"sessionsBeforeConnect": 300_000, "memory": 2 << 30})
    honest(daemon)
    before, total = resident(daemon), 200_000
    # Over many connections, since each keeps a few hundred sessions only.
    per_connection, opened, most = 250, 0, before
    while opened < total:
        with socket.create_connection(("127.0.0.1", daemon.port)) as connection:
            connection.sendall(HANDSHAKE * per_connection)
            left, data = per_connection, b""
            while left:
                data = data[-20:] + (piece := connection.recv(1 << 18))
                assert piece, "the daemon closed the connection"
                left -= piece.count(b'"sid"')
        opened, most = opened + per_connection, max(most, resident(daemon))
    assert most > before + 32 * MEGA, "there was no peak to come back from"
    # Sessions that are closed wait half a minute for the poll that takes their close packet.
    until = time.monotonic() + 60
    while resident(daemon) > before * 1.1:
        assert time.monotonic() < until, (
            f"{before / MEGA:.0f} MB before, {most / MEGA:.0f} at the peak, {resident(daemon) / MEGA:.0f} now"
        )
        time.sleep(0.5)


def test_hundreds_of_unfinished_messages_of_strangers_cost_little_and_those_who_joined_may_send_large_ones(
    many_files, serve
):
    daemon = serve()
    friend = RawSocket(daemon.port).connect(token("friend"))
    strangers = []
    with Watch(daemon) as watch:
        # select(), with which the wire is read here, knows 1,024 descriptors.
        for _ in range(800):
            stranger = RawSocket(daemon.port)
            # The largest message that the daemon accepts from a client that has joined no namespace.
            stranger.send_raw(wire.frame(wire.TEXT, b"4" + b"x" * 60_000, declare=65_000))
            strangers.append(stranger)
        honest(daemon)
    assert watch.grown < 256 * MEGA, f"{watch.grown / MEGA:.0f} MB"
    large = RawSocket(daemon.port)
    large.send_raw(wire.frame(wire.TEXT, b"4", declare=939_000))
    assert large.closed() == 1009
    friend.send(b'420["nobody:knows","' + b"x" * 900_000 + b'"]')
    assert "unknown_event" in friend.receive()
    for stranger in strangers:
        stranger.close()


def test_when_memory_is_used_up_strangers_go_and_those_who_joined_stay(many_files, serve):
    daemon = serve(limits={"memory": 16 * MEGA})
    tabs = [daemon.person(f"user-{number}").open_tab() for number in range(5)]
    strangers = []
    with Watch(daemon) as watch:
        for _ in range(600):
            try:
                stranger = RawSocket(daemon.port)
                stranger.send_raw(wire.frame(wire.TEXT, b"4" + b"x" * 60_000, declare=65_000))
            except (AssertionError, OSError, wire.NoAnswer):
                continue  # The connection was closed while the message was sent.
            strangers.append(stranger)
        honest(daemon)
    assert watch.grown < 128 * MEGA, f"{watch.grown / MEGA:.0f} MB"
    assert counted(daemon, "jackfield_connections_cut_total", reason="memory_unauthenticated") > 100
    # Each loop publishes what it holds in steps of 64 KB, so the sum is wrong by less than that for each loop.
    assert counted(daemon, "jackfield_held_bytes") <= 16 * MEGA + 65_536 * os.cpu_count()
    assert all(tab.connected and tab.call("presence:watch", []) == [] for tab in tabs)
    for stranger in strangers:
        stranger.close()


@pytest.mark.parametrize(
    "path, headers, status",
    [
        ("/v1/notifications", [], 401),
        ("/v1/notifications", ["Authorization: Bearer nonsense"], 401),
        ("/v1/nothing", [], 404),
        ("/healthz", [], 405),
    ],
)
def test_a_request_that_is_refused_is_refused_before_its_body_is_read(daemon, path, headers, status):
    connection = wire.Connection("127.0.0.1", daemon.port)
    lines = [f"POST {path} HTTP/1.1", "Host: x", "Content-Length: 1000000", "Expect: 100-continue", *headers, "", ""]
    until = time.monotonic() + PATIENCE
    connection.send("\r\n".join(lines).encode(), until)
    # Nothing of the body has been sent, and the server does not ask for it.
    while b"\r\n\r\n" not in connection.buffer:
        assert connection.fill(until)
    assert connection.buffer.startswith(f"HTTP/1.1 {status} ".encode()), bytes(connection.buffer[:100])
    connection.close()


def test_a_daemon_that_was_stopped_gives_up_nobody_who_answered(many_files, serve):
    daemon = serve(pingInterval=2_000, pingTimeout=2_000)
    sockets = [RawSocket(daemon.port).connect(token("crowd")) for _ in range(500)]
    process = daemon.server.process
    for item in sockets:
        assert item.receive() == "2"
    process.send_signal(signal.SIGSTOP)
    try:
        # All clients answer while the daemon is stopped.
        for item in sockets:
            item.send("3")
        time.sleep(3)
    finally:
        process.send_signal(signal.SIGCONT)
    gone = 0
    for item in sockets:
        try:
            item.send('420["nobody:knows"]')
            while (text := item.receive()) == "2":
                item.send("3")
            gone += "unknown_event" not in text
        except (AssertionError, OSError):
            gone += 1
    assert gone == 0, f"{gone} of {len(sockets)} were dropped"
    for item in sockets:
        item.close()


def test_a_client_that_does_not_answer_the_close_frame_does_not_hold_up_a_stop(serve):
    daemon = serve()
    deaf = RawSocket(daemon.port).connect(token("deaf"))
    began = time.monotonic()
    assert daemon.stop() == 0
    took = time.monotonic() - began
    assert took < 6, f"the stop took {took:.1f} s of its 10"
    deaf.close()


def test_combining_marks_in_headers_cost_no_more_than_other_bytes(serve):
    daemon = serve(cors={"origin": ["https://one.example"]})
    marks = "\u0301" * 3_900 + "\u0316" * 3_900
    upgrade = (
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {wire.WEBSOCKET_KEY}\r\n"
    )
    requests = [
        upgrade + f"Sec-WebSocket-Protocol: {marks}\r\n\r\n",
        upgrade + f"Origin: http://{marks}\r\n\r\n",
        f"GET /socket.io/?EIO=4&transport={marks} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    ]
    began = time.monotonic()
    for request in requests * 30:
        connection = wire.Connection("127.0.0.1", daemon.port)
        until = time.monotonic() + PATIENCE
        connection.send(request.encode(), until)
        assert wire.read_answer(connection, "GET", until).status == 400
        connection.close()
    took = time.monotonic() - began
    assert took < 4, f"{took:.1f} s for {3 * 30} requests"
