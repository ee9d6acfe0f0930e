"""If one client floods a plugin, only this client is refused, and the others do not wait for it."""

import asyncio
import json
import time

import wire
from harness.crowd import Member, gather
from harness.tab import PATIENCE
from harness.tokens import token

#: The size of the plugin's queue in callbacks; small, so that one socket could fill it within a second.
QUEUE = 1000
SECONDS = 6
HONEST = 20


class Asker(Member):
    """A client that sends events to the slow plugin, also several at once, and records the result of each."""

    def __init__(self, token):
        super().__init__(token)
        self.asked, self.latencies, self.refused, self.last = {}, [], 0, 0

    def _packet(self, payload):
        if not payload.startswith(b"43"):
            return super()._packet(payload)
        number, _, answer = payload[2:].partition(b"[")
        latency = time.monotonic() - self.asked.pop(int(number))
        if b'"overloaded"' in answer:
            self.refused += 1
        else:
            self.latencies.append(latency)

    def ask(self, milliseconds=1):
        self.last += 1
        self.asked[self.last] = time.monotonic()
        self.transport.write(wire.frame(wire.TEXT, b"42%d" % self.last + json.dumps(["sleep", milliseconds]).encode()))


async def ask_for(member, seconds, each):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        member.ask()
        await asyncio.sleep(each)


async def flood_for(member, seconds):
    """Three times as many events as the plugin can handle."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for _ in range(30):
            member.ask()
        await asyncio.sleep(0.01)


async def settled(members):
    """Waits until every event is answered."""
    deadline = time.monotonic() + PATIENCE
    while any(member.asked for member in members):
        assert time.monotonic() < deadline, (
            f"{sum(len(member.asked) for member in members)} questions were never answered"
        )
        await asyncio.sleep(0.02)


def ask_beside_a_flood(daemon, honest, flooder):
    """Each client of the tokens `honest` sends four events a second. A socket of `flooder` sends up to three
    thousand."""

    async def run():
        askers = [(await gather(daemon.port, each, 1, kind=Asker))[0] for each in honest]
        attacker = (await gather(daemon.port, flooder, 1, kind=Asker))[0]
        await asyncio.gather(flood_for(attacker, SECONDS), *(ask_for(asker, SECONDS, 0.25) for asker in askers))
        await settled([*askers, attacker])
        for member in [*askers, attacker]:
            member.transport.abort()
        return askers, attacker

    return asyncio.run(run())


def median(latencies):
    return sorted(latencies)[len(latencies) // 2]


def slow(serve, compiled, **limits):
    return serve(
        plugins=[{"path": compiled("slow/slow.c"), "required": True}], limits={"pluginQueueCallbacks": QUEUE, **limits}
    )


def test_a_socket_that_floods_a_plugin_is_refused_itself_and_nobody_else_is(serve, compiled):
    daemon = slow(serve, compiled)
    askers, attacker = ask_beside_a_flood(
        daemon, [token(f"user{number}") for number in range(HONEST)], token("mallory")
    )
    assert attacker.refused > 1000, "the flood did not overload the plugin"
    assert sum(asker.refused for asker in askers) == 0, "somebody else's events were refused"
    latencies = [latency for asker in askers for latency in asker.latencies]
    assert len(latencies) > HONEST * SECONDS
    assert median(latencies) < 0.15, f"the median was {median(latencies) * 1000:.0f} ms"
    refusals = [
        line for line in daemon.get("/metrics").text.splitlines() if line.startswith("jackfield_plugin_refused_total")
    ]
    assert any('reason="socket_share"' in line and not line.endswith(" 0") for line in refusals), refusals
    assert all(line.endswith(" 0") for line in refusals if 'reason="queue_full"' in line), refusals


def test_the_other_tab_of_somebody_whose_tab_floods_is_served_too(serve, compiled):
    askers, attacker = ask_beside_a_flood(slow(serve, compiled), [token("alice")] * 3, token("alice"))
    assert attacker.refused > 1000
    assert sum(asker.refused for asker in askers) == 0, "the same user's other tabs were refused"
    latencies = [latency for asker in askers for latency in asker.latencies]
    assert median(latencies) < 0.15, f"the median was {median(latencies) * 1000:.0f} ms"


def test_a_queue_with_both_shares_at_100_takes_what_comes(serve, compiled):
    daemon = slow(serve, compiled, pluginQueueSocketShare=100, pluginQueueUserShare=100)
    askers, attacker = ask_beside_a_flood(daemon, [token("alice")], token("mallory"))
    assert attacker.refused > 0
    assert daemon.get("/metrics").text.count('jackfield_plugin_refused_total{plugin="slow",reason="queue_full"} 0') == 0
