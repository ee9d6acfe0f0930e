#!/usr/bin/env python3
"""Reloads a plugin again and again while thousands of clients send it events, and counts what is lost.

    reloads.py [--sockets 10000] [--rate 1000] [--reloads 100] [--faults 100]

Each client has one WebSocket. Together they send RATE events a second, each with an ack; the plugin
(Tests/Fixtures/host/reload.c) counts them and passes its count on to the next version. First it is reloaded RELOADS
times, between two builds. Then new versions that fail in each of eight ways are tried FAULTS times each. At the end
no client has been disconnected, each event was answered once, and the plugin's count is the number of events.

Prints the times for which events were held, as the daemon measured them, and the times of the answers, as clients saw
them. Exits with 1 if anything was lost, or if the 99th percentile of the holds is above 50 ms.
"""

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
ROOT = TESTS.parent
sys.path += [str(TESTS / "Golden"), str(TESTS / "EndToEnd")]

import wire  # noqa: E402
from harness.crowd import Member, gather  # noqa: E402
from harness.daemon import Daemon  # noqa: E402

#: The name of a fault, the flags of the build that has it, and a part of what the operator reads.
FAULTS = [
    ("refuses", ["-DREFUSES"], "jf_plugin_main returned -1"),
    ("throws", ["-DTHROWS"], "it crashed: SIGABRT, in create"),
    ("crashes in create", ["-DCREATE_CRASHES"], "it crashed: SIGSEGV, in create"),
    ("hangs", ["-DCREATE_HANGS"], "did not return in time"),
    ("missing interface", ["-DNEEDS_NEWER"], "needs interface jf.presence/2"),
    ("other name", ['-DNAME="other"'], "the file describes plugin 'other'"),
    ("conflicting route", ['-DROUTE="/healthz"'], "GET /healthz belongs to the host itself"),
    ("bad restore", ["-DRESTORE_FAILS"], "restore failed: the state has an unknown version"),
]


class Sender(Member):
    """A member that counts the answers to its events."""

    def __init__(self, token):
        super().__init__(token)
        self.next, self.asked, self.times, self.twice, self.wrong, self.is_lost = 0, {}, [], 0, [], False

    def send(self):
        self.next += 1
        self.asked[self.next] = time.monotonic()
        self.transport.write(wire.frame(wire.TEXT, b'42%d["count"]' % self.next))

    def _packet(self, payload):
        if not payload.startswith(b"43"):
            return super()._packet(payload)
        number, _, args = payload[2:].partition(b"[")
        asked = self.asked.pop(int(number), None)
        if asked is None:
            self.twice += 1
        else:
            self.times.append(time.monotonic() - asked)
        if not args.startswith(b'"'):
            self.wrong.append(payload)

    def connection_lost(self, error):
        self.is_lost = True
        super().connection_lost(error)


def build(folder, name, flags):
    """Compiles Tests/Fixtures/host/reload.c, and a function in C++ that it calls with -DTHROWS."""
    library, object_file, thrower = folder / f"{name}.so", folder / f"{name}.o", folder / "throw.cc"
    thrower.write_text('extern "C" void throw_an_exception() { throw 1; }')
    common = ["-g", "-pthread", "-fPIC", "-I", str(ROOT / "include")]
    source = str(TESTS / "Fixtures/host/reload.c")
    subprocess.run(["cc", *common, *flags, "-c", "-o", str(object_file), source], check=True)
    subprocess.run(["c++", *common, "-shared", "-o", str(library), str(object_file), str(thrower)], check=True)
    return library


async def operate(daemon, *arguments):
    """Runs a command without delaying the clients: (exit code, output, errors)."""
    return await asyncio.to_thread(daemon.control, *arguments)


def percentiles(values):
    values = sorted(values)
    return {f"p{p}": values[min(len(values) - 1, int(len(values) * p / 100))] for p in (50, 90, 99, 100)}


def histogram(milliseconds):
    """Lines of text: how many values are below 1, 2, 4 … ms."""
    lines, low, high = [], 0.0, 1.0
    while low < max(milliseconds, default=0):
        count = sum(low <= value < high for value in milliseconds)
        if count:
            lines.append(f"  {low:6.0f} to {high:5.0f} ms  {count:7}")
        low, high = high, high * 2
    return "\n".join(lines)


async def measure(options, daemon, builds, faults):
    members = await gather(daemon.port, "", options.sockets, kind=Sender)
    print(f"{len(members)} clients are connected", flush=True)
    is_over = asyncio.Event()

    async def send():
        sent, start = 0, time.monotonic()
        while not is_over.is_set():
            while sent < (time.monotonic() - start) * options.rate:
                members[sent % len(members)].send()
                sent += 1
            await asyncio.sleep(0.002)
        return sent

    sending, failures, holds, held = asyncio.create_task(send()), [], [], 0
    for number in range(options.reloads):
        code, output, errors = await operate(
            daemon, "plugin", "reload", "reload", "--path", str(builds[number % 2]), "--json"
        )
        if code != 0:
            failures.append(errors)
            continue
        answer = json.loads(output)
        holds.append(answer["held_microseconds"] / 1000)
        held += answer["held_callbacks"]
        if "warning" in answer:
            failures.append(answer["warning"])
    print(f"{len(holds)} of {options.reloads} reloads succeeded; {held} events were held", flush=True)
    for name, path, text in faults:
        refused = 0
        for _ in range(options.faults):
            code, _, errors = await operate(daemon, "plugin", "reload", "reload", "--path", str(path))
            if code == 1 and text in errors:
                refused += 1
            elif len(failures) < 5:
                failures.append(f"{name}: exit code {code}: {errors}")
        print(f"a new version that {name}: refused {refused} of {options.faults} times", flush=True)
    is_over.set()
    sent = await sending
    until = time.monotonic() + 30
    while any(member.asked for member in members) and time.monotonic() < until:
        await asyncio.sleep(0.05)
    lost = sum(member.is_lost for member in members)
    open_events = sum(len(member.asked) for member in members)
    twice, wrong = sum(member.twice for member in members), [text for member in members for text in member.wrong]
    counter = Sender("")
    await asyncio.get_running_loop().create_connection(lambda: counter, "127.0.0.1", daemon.port)
    await counter.ready
    answer = asyncio.get_running_loop().create_future()
    counter._packet = lambda payload: answer.set_result(payload) if payload.startswith(b"43") else None
    counter.transport.write(wire.frame(wire.TEXT, b'421["inline"]'))
    counted = json.loads((await answer)[3:])[1]
    times = [value * 1000 for member in members for value in member.times]
    print(f"{sent} events sent, {len(times)} answered, {open_events} not, {twice} twice, {len(wrong)} with an error")
    print(f"the plugin has counted {counted}; {lost} clients were disconnected")
    print("answers, ms:", {name: round(value, 1) for name, value in percentiles(times).items()})
    bound = percentiles(holds)
    print("holds, ms:  ", {name: round(value, 1) for name, value in bound.items()})
    print(histogram(holds))
    for failure in failures[:5]:
        print(f"failed: {failure}")
    is_whole = counted == sent and not (open_events or twice or wrong or lost or failures)
    return is_whole and bound["p99"] <= 50


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sockets", type=int, default=10_000)
    parser.add_argument("--rate", type=int, default=1_000, help="events a second, all clients together")
    parser.add_argument("--reloads", type=int, default=100)
    parser.add_argument("--faults", type=int, default=100, help="how often each faulty version is tried")
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        builds = [build(folder, f"v{number}", [f'-DVERSION="1.0.{number}"']) for number in (0, 1)]
        faults = [
            (fault, build(folder, f"fault{number}", ['-DVERSION="2.0.0"', *flags]), text)
            for number, (fault, flags, text) in enumerate(FAULTS)
        ]
        settings = {"limits": {"startDeadline": 3_000}, "auth": False, "pingInterval": 60_000, "pingTimeout": 60_000}
        daemon = Daemon(folder, plugins=[{"path": str(builds[0]), "required": True}], **settings).start()
        try:
            is_whole = asyncio.run(measure(options, daemon, builds, faults))
        finally:
            daemon.stop()
    sys.exit(0 if is_whole else 1)


if __name__ == "__main__":
    main()
