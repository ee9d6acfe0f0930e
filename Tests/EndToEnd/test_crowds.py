"""With many connections and one plugin that blocks, all other clients are served as usual."""

import asyncio
import errno
import os
import selectors
import socket
import time

from harness.crowd import echo_for, gather
from harness.tab import PATIENCE
from harness.tokens import token
from harness.wireclient import RawSocket

SILENT = 10_000
CONNECT_TIMEOUT = 5_000


def health(daemon):
    """Seconds that the daemon took to answer /healthz."""
    began = time.monotonic()
    assert daemon.get("/healthz").status_code == 200
    return time.monotonic() - began


def open_silently(port, count):
    """This many TCP connections that send nothing."""
    silent = []
    for _ in range(count):
        connection = socket.socket()
        connection.setblocking(False)
        if (code := connection.connect_ex(("127.0.0.1", port))) not in (0, errno.EINPROGRESS):
            raise OSError(code, os.strerror(code))
        silent.append(connection)
        if len(silent) % 500 == 0:
            time.sleep(0.01)
    return silent


def test_ten_thousand_connections_that_never_speak_are_closed_in_time_and_disturb_nobody(many_files, serve, services):
    daemon = serve(plugins=services("notifications"), connectTimeout=CONNECT_TIMEOUT)
    alice = daemon.person("alice").open_tab()
    began = time.monotonic()
    silent = open_silently(daemon.port, SILENT)
    all_open = time.monotonic()
    slowest = 0.0
    try:
        with selectors.DefaultSelector() as selector:
            for connection in silent:
                selector.register(connection, selectors.EVENT_READ)
            left, next_check = len(silent), 0.0
            first_end = None
            while left:
                assert time.monotonic() - all_open < CONNECT_TIMEOUT / 1000 + PATIENCE, (
                    f"{left} of {SILENT} were not closed"
                )
                if time.monotonic() > next_check:
                    slowest, next_check = max(slowest, health(daemon)), time.monotonic() + 0.25
                    assert alice.call("notification:list", {})["items"] == []
                for key, _ in selector.select(0.1):
                    try:
                        ended = key.fileobj.recv(4096) == b""
                    except ConnectionResetError:
                        ended = True
                    if ended:
                        first_end = first_end or time.monotonic()
                        selector.unregister(key.fileobj)
                        left -= 1
        assert first_end - began > CONNECT_TIMEOUT / 1000 * 0.9, "a connection was closed too early"
        assert slowest < 1, f"/healthz took {slowest:.2f} s"
    finally:
        for connection in silent:
            connection.close()
    assert alice.connected


def test_a_session_that_joins_no_namespace_is_closed_at_the_connect_timeout(serve):
    daemon = serve(connectTimeout=700)
    began = time.monotonic()
    RawSocket(daemon.port).closed()
    assert 0.6 < time.monotonic() - began < 2


def test_a_sleeping_plugin_delays_nobody_elses_echo(many_files, serve, compiled):
    daemon = serve(
        plugins=[
            {"path": compiled("golden/golden.c"), "required": True},
            {"path": compiled("slow/slow.c"), "required": True},
        ]
    )
    sleeper = daemon.person("sleeper").open_tab()

    async def measure():
        members = await gather(daemon.port, token("crowd"), 1000)
        await echo_for(members, 2)
        answers = []
        sleeper.client.emit("sleep", (5000,), callback=lambda *arguments: answers.append(time.monotonic()))
        began = time.monotonic()
        latencies = await echo_for(members, 5)
        for member in members:
            member.transport.abort()
        return began, latencies, answers

    began, latencies, answers = asyncio.run(measure())
    deadline = time.monotonic() + PATIENCE
    while not answers:
        assert time.monotonic() < deadline, "the sleeper never woke"
        time.sleep(0.01)
    assert answers[0] - began > 4.9, "the plugin did not sleep while the others echoed"
    assert len(latencies) > 4000
    # One in a hundred may be late because of this machine or this client, but none by as much as the plugin sleeps.
    assert latencies[len(latencies) * 99 // 100] < 0.050, (
        f"p99 was {latencies[len(latencies) * 99 // 100] * 1000:.0f} ms"
    )
    assert latencies[-1] < 1, f"the slowest echo took {latencies[-1]:.2f} s"


def test_what_does_not_fit_a_blocked_plugins_queue_is_refused_and_counted(serve, compiled):
    daemon = serve(
        plugins=[{"path": compiled("slow/slow.c"), "required": True}],
        limits={"pluginQueueCallbacks": 100, "pluginQueueSocketShare": 100, "pluginQueueUserShare": 100},
    )
    tab = daemon.person("alice").open_tab()
    answers = []
    tab.client.emit("sleep", (1500,), callback=lambda *_: None)
    for number in range(300):
        tab.client.emit("quick", (number,), callback=answers.append)
    deadline = time.monotonic() + PATIENCE
    while len(answers) < 300:
        assert time.monotonic() < deadline, f"{len(answers)} of 300 were answered"
        time.sleep(0.02)
    refused = [answer for answer in answers if isinstance(answer, dict)]
    assert {answer["error"]["code"] for answer in refused} == {"overloaded"}
    assert 190 <= len(refused) <= 205
    assert [answer for answer in answers if not isinstance(answer, dict)] == sorted(
        answer for answer in answers if not isinstance(answer, dict)
    )
    counted = [
        line
        for line in daemon.get("/metrics").text.splitlines()
        if not line.startswith("#") and line.endswith(f" {len(refused)}")
    ]
    assert counted, "the refusals are not counted"
    assert tab.call("quick", "again") == "again"
