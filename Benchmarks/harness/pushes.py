"""Notifications pushed over HTTP to an online user: stored with full durability, emitted, answered.
Pushes per second, and p99.

Compared with commits.c (the same SQLite transactions with group commit, nothing else) and with python-socketio and
sqlite3. The stores are below .build/bench, on the disk of the checkout: a store on
tmpfs would measure nothing.

This measures throughput, not CPU per unit as the table does: servers, load and the bare program use all cores. The bare
program can use only one, because SQLite writes one transaction at a time. Jackfield is also measured on one core, with
the load on another.
"""

import json
import os
import statistics
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from harness import build, machine, rounds, servers
from harness.paths import BENCHMARKS, BUILT

WAITING = [1, 8, 32, 128]
BOUND = 0.6
BOUND_AT = 32
WHOLE_MACHINE = ",".join(str(core) for core in sorted(os.sched_getaffinity(0)))


@dataclass
class PythonNotifications(servers.Server):
    cores: str = WHOLE_MACHINE
    load_cores: str = WHOLE_MACHINE

    def command(self, port, folder, authenticates):
        return [build.python_peer(), BENCHMARKS / "notifications" / "peer_python.py", port]


@dataclass
class JackfieldNotifications(servers.Jackfield):
    """The daemon with the notifications plugin, its store in the folder of the run."""

    cores: str = WHOLE_MACHINE
    load_cores: str = WHOLE_MACHINE

    def command(self, port, folder, authenticates):
        self.plugin_settings = {"store": f'"sqlite:{folder}/notifications.db"'}
        return super().command(port, folder, True)


def _commits(waiting, pace):
    program = build.program("notifications/commits.c", "-lsqlite3")
    with tempfile.TemporaryDirectory(dir=BUILT) as folder:
        done = subprocess.run(
            [str(program), f"{folder}/notifications.db", str(waiting), str(pace.warmup), str(pace.seconds)],
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
    return json.loads(done.stdout)


def _pushes(server, waiting, pace):
    program = build.program("notifications/pushgen.c")
    with server.start(rounds.next_port(), True, server.cores) as running:
        words = [
            "taskset",
            "-c",
            server.load_cores,
            program,
            "--port",
            running.port,
            "--conc",
            waiting,
            "--secs",
            pace.seconds,
            "--warmup",
            pace.warmup,
            "--server-pid",
            running.pids[0],
        ]
        done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=120)
        if not done.stdout:
            raise SystemExit(f"bench: {server.name}: {done.stderr.strip()}; the server: {running.output()}")
        result = json.loads(done.stdout)
        if result["wrong"] or result["lost"]:
            print(
                f"{server.name}: {result['wrong']} wrong answers, {result['lost']} notifications lost: "
                f"{done.stderr.strip()[:700]}; "
                f"the server: {running.output()}"
            )
    return result


def run(options, pace):
    BUILT.mkdir(parents=True, exist_ok=True)
    binary = servers.jackfield_binary(options.jackfield)
    plugin = Path(options.notifications_plugin or build.swift_product("notifications")).resolve()
    peers = [
        JackfieldNotifications("jackfield", "Jackfield", binary=binary, plugin=plugin),
        JackfieldNotifications(
            "one-core",
            "Jackfield on one core",
            binary=binary,
            plugin=plugin,
            cores=rounds.SERVER_CORES,
            load_cores=rounds.LOAD_CORES,
        ),
    ]
    measured = [peer.name for peer in peers]
    if build.python_peer():
        peers.insert(0, PythonNotifications("python", "python-socketio + sqlite3"))
    found = []
    print(
        "| waiting | SQLite alone, /s | "
        + " | ".join(f"{peer.title}, /s | p99, ms" for peer in peers)
        + " | Jackfield : SQLite | on one core |"
    )
    print("|---|---|" + "---|" * (2 * len(peers) + 2))
    middle = statistics.median
    for waiting in WAITING:
        alone, speeds, tails = [], {peer.name: [] for peer in peers}, {peer.name: [] for peer in peers}
        shares = {name: [] for name in measured}
        for _ in range(pace.rounds):
            machine.wait_until_quiet(0.06, pace.patience)
            limit = _commits(waiting, pace)
            alone.append(limit["per_s"])
            for peer in peers:
                result = _pushes(peer, waiting, pace)
                speeds[peer.name].append(result["per_s"])
                tails[peer.name].append(result["p99_us"] / 1000)
            for name in measured:
                shares[name].append(speeds[name][-1] / limit["per_s"])
        print(
            f"| {waiting} | {middle(alone):,.0f} | "
            + " | ".join(f"{middle(speeds[p.name]):,.0f} | {middle(tails[p.name]):.1f}" for p in peers)
            + " | "
            + " | ".join(
                f"{middle(shares[name]):.2f} ({min(shares[name]):.2f}–{max(shares[name]):.2f})" for name in measured
            )
            + " |",
            flush=True,
        )
        found.append({"waiting": waiting, "alone": alone, "speeds": speeds, "p99_ms": tails, "share": shares})
    share = middle(next(row["share"]["jackfield"] for row in found if row["waiting"] == BOUND_AT))
    return (
        f"Jackfield pushes {share:.2f} × what SQLite alone commits with {BOUND_AT} waiting (bound {BOUND})"
        if share < BOUND
        else None
    ), {"rows": found}
