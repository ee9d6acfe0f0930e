"""A run starts one server and the load generator with one workload. A round is one run of each server, one after the
other.

The speed of a shared host changes by a quarter from minute to minute, so only runs of the same round are compared. A
round in which other processes used the machine is repeated.
"""

import json
import signal
import subprocess
import sys
import time
from dataclasses import dataclass

from harness import build, machine

FIRST_PORT = 4200
PORTS = 400  # ports are not used again at once: connections of the run before linger in TIME_WAIT
SERVER_CORES, LOAD_CORES = "0", "1"
COLLECTION_SETTLES = 2  # s between a forced garbage collection and the memory reading; see loadgen.c


@dataclass
class Pace:
    """How many rounds, how long, and how long to wait for a quiet machine."""

    rounds: int = 5
    retries: int = 3
    least: int = 3  # rounds of a workload, even if its share of the time is over
    minutes: float = 42  # for all workloads together: no further round begins that would not fit
    seconds: float = 3
    warmup: float = 1.5
    noise: float = 0.08  # cores used by others during a run, above which it is noisy
    patience: float = 10  # s to wait for a quiet machine before a run


QUICK = Pace(rounds=1, retries=0, seconds=1, warmup=0.5, noise=0.5, patience=3)

_runs = 0


def next_port():
    global _runs
    _runs += 1
    return FIRST_PORT + _runs % PORTS


def load(workload, server, running, pace, options=None, cores=LOAD_CORES):
    """One run of the load generator. Returns what it measured."""
    words = [
        "taskset",
        "-c",
        cores,
        str(build.program("load/loadgen.c")),
        workload.mode,
        "--port",
        running.port,
        "--server-pid",
        ",".join(map(str, running.pids)),
        "--label",
        f"{server.name}/{workload.name}",
    ]
    for name, value in {**workload.options, **(options or {})}.items():
        words += ["--" + name.replace("_", "-"), value]
    if workload.timed:
        words += ["--secs", pace.seconds, "--warmup", pace.warmup]
    if workload.authenticates:
        words += ["--auth"]
    if workload.memory and server.collects:
        words += ["--presig", int(signal.SIGUSR2)]
    if server.raw:
        words += ["--raw", "--path", "/sub", "--pub-path", "/pub"]
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=240)
    if not done.stdout.strip():
        raise RuntimeError(
            f"the load generator said nothing: {done.stderr.strip()[:500]}; the server: {running.output()}"
        )
    result = json.loads(done.stdout.strip().splitlines()[-1])
    result["failed_checks"] = done.returncode != 0
    if done.stderr.strip():
        result["complaints"] = done.stderr.strip()[:500]
    return result


def measure(workload, server, pace, **start):
    """Starts the server, measures it once, stops it."""
    busy = machine.wait_until_quiet(0.06, pace.patience)
    with server.start(next_port(), workload.authenticates, **start) as running:
        if workload.twice:
            load(workload, server, running, pace)
            time.sleep(1.5)
        result = load(workload, server, running, pace)
    result["busy_before"] = round(busy, 3)
    result["noisy"] = result["other_cpu"] > pace.noise or busy > max(0.3, pace.noise)
    return result


def tell(workload, server, result):
    memory = f"  {result['rss_per_conn']:,} B/connection" if workload.memory else ""
    print(
        f"  {server.name:17} {result['srv_us_per']:8.2f} us server CPU, {result['per_s']:>9,} /s, p50 "
        f"{result['p50_us']:,.0f} us, "
        f"others {result['other_cpu']:.2f} cores{memory}{'  NOISY' if result['noisy'] else ''}"
        f"{'  WRONG: ' + result.get('complaints', '') if result['failed_checks'] else ''}",
        flush=True,
    )


def run(workloads, servers, pace):
    """All rounds of all workloads. Returns {workload: [{server: result}]}, one dictionary for each round."""
    results = {}
    began = time.monotonic()
    for number, workload in enumerate(workloads, 1):
        rounds = results[workload.name] = []
        quiet = tries = 0
        start = time.monotonic()
        # The time that earlier workloads did not use is shared by the remaining ones.
        share = (pace.minutes * 60 - (start - began)) / (len(workloads) - number + 1)
        while quiet < pace.rounds and tries < pace.rounds + pace.retries:
            elapsed = time.monotonic() - start
            if tries >= pace.least and elapsed * (tries + 1) / tries > share:
                break
            tries += 1
            print(
                f"[{number}/{len(workloads)}, {(time.monotonic() - began) / 60:.0f} of {pace.minutes:.0f} min] "
                f"{workload.title}: round {tries}, "
                f"{quiet} of {pace.rounds} quiet ones done",
                flush=True,
            )
            round_ = {}
            for server in servers:
                if not server.takes(workload):
                    continue
                try:
                    round_[server.name] = measure(workload, server, pace)
                except (RuntimeError, subprocess.TimeoutExpired) as problem:
                    print(f"  {server.name:17} {problem}", file=sys.stderr, flush=True)
                    continue
                tell(workload, server, round_[server.name])
            rounds.append(round_)
            quiet += bool(round_) and not any(result["noisy"] for result in round_.values())
    return results
