"""Allocations per message of the whole daemon, in the steady state. The goal for echo and fan-out is 0.

The daemon runs with the counter preloaded; its counts are read twice in the middle of the load
generator's measured time.
"""

import struct
import threading
import time

from harness import build, machine, rounds, servers, workloads
from harness.paths import BUILT

LAYOUT = struct.Struct("=3Q")  # allocation_counts of Benchmarks/Allocations/include/allocations.h
ROWS = ["echo1", "echo16", "ack1", "fan1k", "fan1k8", "polling"]
STEADY = 0.01  # per message; less comes from rounding and from timers of idle sessions


def _counts(path):
    return LAYOUT.unpack(path.read_bytes()[: LAYOUT.size])


def _measure(workload, server, pace):
    counter = build.allocation_counter()
    counts = BUILT / f"allocations-{server.name}-{workload.name}"
    counts.unlink(missing_ok=True)
    with server.start(
        rounds.next_port(),
        workload.authenticates,
        environment={"LD_PRELOAD": str(counter), "ALLOCATIONS_FILE": str(counts)},
    ) as running:
        before = _counts(counts)
        if before[0] == 0:
            raise SystemExit("bench: the counter counts nothing: LD_PRELOAD did not take effect")
        readings = []

        def read():
            # Connections are up after a moment; the loadgen's warm-up is discarded, and so is its first and last part.
            time.sleep(pace.warmup + pace.seconds * 0.25 + 0.5)
            readings.append((time.monotonic(), _counts(counts)))
            time.sleep(pace.seconds * 0.5)
            readings.append((time.monotonic(), _counts(counts)))

        reader = threading.Thread(target=read)
        reader.start()
        result = rounds.load(workload, server, running, pace)
        reader.join()
    counts.unlink(missing_ok=True)
    (start, first), (end, second) = readings
    messages = result["per_s"] * (end - start)
    return (second[0] - first[0]) / messages, (second[2] - first[2]) / messages


def run(options, pace):
    machine.wait_until_quiet(0.5, pace.patience)
    forms = servers.make(servers.JACKFIELD_FORMS, options)
    found, above = [], []
    print("| work | " + " | ".join(form.title for form in forms) + " |\n|---|" + "---|" * len(forms))
    for workload in workloads.named(ROWS):
        cells = []
        for form in forms:
            count, size = _measure(workload, form, pace)
            cells.append(f"{count:.3f} ({size:.0f} B)")
            found.append({"workload": workload.name, "server": form.name, "allocations": count, "bytes": size})
            if form.name == "jackfield" and workload.name != "polling" and count > STEADY:
                above.append(workload.name)
        print(f"| {workload.title}, per {workload.unit} | " + " | ".join(cells) + " |", flush=True)
    return (f"allocations in the steady state: {', '.join(above)}" if above else None), {"rows": found}
