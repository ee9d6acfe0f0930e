"""Checks that the cost of a message does not depend on the number of connections or rooms, and that the throughput
grows with a second event loop.

Connections: echo, compared with the bare server with the same number. Rooms: each echo is a broadcast to one of the
sender's rooms. Loops: on four cores, the throughput of two loops compared with one. On two cores the load generator
needs a part of both, so the throughput shows nothing. Instead, the cost of a message with two loops is measured, and
how evenly they share the work.
"""

import concurrent.futures
import os
import statistics
import subprocess
import time
from pathlib import Path

from harness import build, machine, report, rounds, servers
from harness.workloads import Workload

CONNECTIONS = [100, 1_000, 5_000, 10_000, 18_000]
# (rooms in all, rooms of each measured socket). The rooms in which none of the 100 measured sockets is have idle
# sockets, the fillers.
ROOMS = [(100, 1), (10_000, 1), (100_000, 1), (1_000, 10), (10_000, 100), (100_000, 1_000)]
MEASURED_SOCKETS = 100
ROOMS_PER_FILLER = 1_000
# The highest cost divided by the lowest that still counts as constant: caches hold 100 sockets, but not 18,000
FLAT = 1.25
LOOPS_GAIN = 1.8


def _echo(connections):
    return Workload(
        f"echo-{connections}",
        f"echo, {connections:,} connections",
        "message",
        "echo",
        dict(n=connections, window=1, payload=64, src_count=8),
    )


def _flatness(costs):
    return max(costs) / min(costs)


def connections(binary, pace):
    """Cost per echo by the number of connections, in microseconds and as a multiple of the bare server's."""
    inline = build.plugin("bench.c", "bench-inline", "-DBENCH_RUN=JF_RUN_INLINE")
    both = [
        servers.BareServer("bare", "bare server"),
        servers.Jackfield("jackfield", "Jackfield", binary=binary, plugin=inline),
    ]
    loads = [_echo(count) for count in CONNECTIONS]
    results = rounds.run(loads, both, pace)
    rows = report.summarize(loads, both, results)
    print("\n| connections | bare, µs | Jackfield, µs | ratio |\n|---|---|---|---|")
    for load, row in zip(loads, rows, strict=True):
        bare, ours = row["cells"].get("bare"), row["cells"].get("jackfield")
        if bare and ours:
            print(f"| {load.options['n']:,} | {bare['cpu_us']:.2f} | {ours['cpu_us']:.2f} | {ours['median']:.2f} |")
    flat = _flatness([row["cells"]["jackfield"]["median"] for row in rows if "jackfield" in row["cells"]])
    print(
        f"the ratio varies by {flat:.2f} × from {CONNECTIONS[0]:,} to {CONNECTIONS[-1]:,} connections (flat: ≤ "
        f"{FLAT})\n"
    )
    return {"rows": rows, "variation": flat}


def rooms(binary, pace):
    """Cost per broadcast to a room, by the number of all rooms and of the rooms of one socket."""
    plugin = build.plugin("rooms.c", "bench-rooms")
    costs = {}
    for _ in range(pace.rounds):
        for total, own in ROOMS:
            fillers = max(0, total - MEASURED_SOCKETS * own) // ROOMS_PER_FILLER
            server = servers.Jackfield(
                f"rooms-{total}-{own}",
                "Jackfield",
                binary=binary,
                plugin=plugin,
                plugin_settings={"fillers": fillers, "roomsPerFiller": ROOMS_PER_FILLER, "roomsPerSocket": own},
            )
            result = _with_fillers(server, fillers, pace)
            print(
                f"  {total:>7,} rooms, {own:>5,} of each socket: {result['srv_us_per']:.2f} us"
                f"{'  NOISY' if result['other_cpu'] > pace.noise else ''}"
                f"{'  WRONG' if result['failed_checks'] else ''}",
                flush=True,
            )
            costs.setdefault((total, own), []).append(result["srv_us_per"])
    print("\n| rooms | of each socket | µs per broadcast to one |\n|---|---|---|")
    for (total, own), values in costs.items():
        print(f"| {total:,} | {own:,} | {statistics.median(values):.2f} |")
    flat = _flatness([statistics.median(values) for values in costs.values()])
    print(f"varies by {flat:.2f} × (flat: ≤ {FLAT})\n")
    return {
        "rows": [{"rooms": total, "of_each": own, "us": values} for (total, own), values in costs.items()],
        "variation": flat,
    }


def _with_fillers(server, fillers, pace):
    """One echo run while `fillers` idle sockets hold their rooms."""
    machine.wait_until_quiet(0.06, pace.patience)
    with server.start(rounds.next_port()) as running:
        idle = None
        if fillers:
            hold = pace.warmup + pace.seconds + 30
            idle = subprocess.Popen(
                [
                    str(word)
                    for word in [
                        "taskset",
                        "-c",
                        rounds.LOAD_CORES,
                        build.program("load/loadgen.c"),
                        "connect",
                        "--port",
                        running.port,
                        "--n",
                        fillers,
                        "--hold",
                        hold,
                    ]
                ],
                stdout=subprocess.DEVNULL,
            )
            time.sleep(3)
        try:
            return rounds.load(_echo(MEASURED_SOCKETS), server, running, pace)
        finally:
            if idle:
                idle.terminate()
                idle.wait()


def loops(binary, pace):
    """Two event loops compared with one."""
    plugin = build.plugin("bench.c", "bench-inline", "-DBENCH_RUN=JF_RUN_INLINE")
    cores = os.cpu_count()
    can_prove = cores >= 4
    # With four cores the loops have two for themselves. With two the load generator is everywhere; then the server's
    # CPU per message counts, not the throughput.
    arrangements = [(1, "0", ["2", "3"] if can_prove else ["1"]), (2, "0,1", ["2", "3"] if can_prove else ["0,1"])]
    load = [
        Workload(
            "echo-loops", "echo, 400 connections, 16 in flight", "message", "echo", dict(n=400, window=16, payload=64)
        ),
        Workload(
            "fanout-loops",
            "fan-out to 2,000, 1 publish in flight",
            "delivery",
            "fanout",
            dict(n=2000, window=1, payload=128),
        ),
        Workload("fanout8-loops", "the same, 8 in flight", "delivery", "fanout", dict(n=2000, window=8, payload=128)),
    ]
    found = {}
    for workload in load:
        runs = {count: [] for count, _, _ in arrangements}
        for _ in range(pace.rounds):
            for count, server_cores, generators in arrangements:
                server = servers.Jackfield(
                    f"loops-{count}", f"{count} loops", binary=binary, plugin=plugin, loops=count
                )
                runs[count].append(_with_loops(workload, server, server_cores, generators, pace))
                print(f"  {workload.title}, {count} loops: {runs[count][-1]}", flush=True)
        one, two = (
            {key: statistics.median(run[key] for run in runs[count]) for key in runs[count][0]} for count in runs
        )
        found[workload.name] = {"one": one, "two": two}
        if can_prove:
            print(f"{workload.title}: two loops give {two['per_s'] / one['per_s']:.2f} × one (bound {LOOPS_GAIN})")
        else:
            factor = two["us"] / one["us"]
            print(
                f"{workload.title}: two loops side by side cost {factor:.2f} × the CPU of one per unit, and the less "
                f"busy of them did {two['balance']:.0%} of "
                f"the other's work: two cores of their own would give {(1 + two['balance']) / factor:.2f} × (bound "
                f"{LOOPS_GAIN}); "
                f"{one['per_read']:.1f} units in a read with one loop, {two['per_read']:.1f} with two. "
                f"The load generator has no core of its own here, so the throughput itself shows nothing."
            )
    return {"cores": cores, "proved": can_prove, "rows": found}


def _with_loops(workload, server, server_cores, generators, pace):
    """One run, with one load generator on each of `generators`."""
    machine.wait_until_quiet(0.06, pace.patience)
    with server.start(rounds.next_port(), cores=server_cores) as running:
        before = _thread_times(running.process.pid)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            runs = list(pool.map(lambda cores: rounds.load(workload, server, running, pace, cores=cores), generators))
        after = _thread_times(running.process.pid)
    # The loops are the threads that worked most; what was there before the load is not theirs
    # alone, but next to nothing.
    busy = sorted((after[thread] - before.get(thread, 0) for thread in after), reverse=True)[: server.loops]
    return {
        "per_s": sum(run["per_s"] for run in runs),
        "us": runs[0]["srv_us_per"] / len(runs),
        "balance": busy[-1] / max(1, busy[0]),
        # How many units one write of the server contains. With fewer, each costs more, whatever the number of loops.
        "per_read": sum(run["msgs"] for run in runs) / max(1, sum(run["reads"] for run in runs)),
    }


def _thread_times(pid):
    """CPU ticks of each thread of a process."""
    times = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        fields = (task / "stat").read_text().rsplit(")", 1)[1].split()
        times[task.name] = int(fields[11]) + int(fields[12])
    return times


PARTS = {"connections": connections, "rooms": rooms, "loops": loops}


def run(options, pace):
    binary = servers.jackfield_binary(options.jackfield)
    wanted = options.parts.split(",") if options.parts else list(PARTS)
    if unknown := set(wanted) - set(PARTS):
        raise SystemExit(f"bench: scale has no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    found = {name: part(binary, pace) for name, part in PARTS.items() if name in wanted}
    uneven = [name for name in found if found[name].get("variation", 1) > FLAT]
    return (f"not flat: {', '.join(uneven)}" if uneven else None), found
