"""If a plugin gives a loop work for seconds, the sockets of the loop do not wait until it is done."""

import asyncio
import threading
import time

import pytest

from harness.crowd import gather
from harness.tokens import token

SOCKETS = 300


@pytest.fixture
def stormy(serve, compiled, many_files):
    return lambda **settings: serve(
        plugins=[{"path": compiled("storm/storm.c"), "required": True}], eventLoops=1, **settings
    )


def lags(daemon):
    """The lag of the only loop as (ticks up to half a second late, all ticks)."""
    lines = dict(
        line.rsplit(" ", 1)
        for line in daemon.get("/metrics").text.splitlines()
        if line.startswith("jackfield_loop_lag_seconds")
    )
    return float(lines['jackfield_loop_lag_seconds_bucket{loop="0",le="0.5"}']), float(
        lines['jackfield_loop_lag_seconds_count{loop="0"}']
    )


def slowest_while(daemon, busy):
    """Seconds of the slowest `/healthz` while `busy()`, and how many there were."""
    slowest = count = 0
    while busy():
        began = time.monotonic()
        assert daemon.get("/healthz").status_code == 200
        slowest, count = max(slowest, time.monotonic() - began), count + 1
        time.sleep(0.01)
    return slowest, count


@pytest.mark.parametrize("event, times", [("storm", 90_000), ("fetches", 20_000)])
def test_work_over_every_socket_thousands_of_times_holds_up_nobody(stormy, event, times):
    daemon = stormy()
    members = []

    def crowd():
        async def stay():
            members.extend(await gather(daemon.port, token("crowd"), SOCKETS))
            while members:
                await asyncio.sleep(0.05)

        asyncio.run(stay())

    thread = threading.Thread(target=crowd)
    thread.start()
    try:
        asker = daemon.person("asker").open_tab()
        while len(members) < SOCKETS:
            time.sleep(0.05)
        done = []
        asker.client.emit(event, (times,), callback=done.append)
        if event == "storm":
            # The ack comes when all calls have been made; a fetch is answered when the calls before it are done.
            done = []
            asker.client.emit("fetches", (1,), callback=done.append)
        began = time.monotonic()
        slowest, count = slowest_while(daemon, lambda: not done)
        took = time.monotonic() - began
    finally:
        for member in members:
            member.transport.abort()
        members.clear()
        thread.join()
    assert took > 1, f"{took:.1f} s of work show nothing: ask for more"
    assert slowest < 0.7, f"/healthz took {slowest:.2f} s, of {took:.1f} s of work"
    assert count > 3
    in_time, all_ticks = lags(daemon)
    assert all_ticks > 10
    assert in_time == all_ticks, f"{all_ticks - in_time} ticks came more than half a second late"
