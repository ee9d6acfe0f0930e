#!/usr/bin/env python3
"""Measures Jackfield against its peers. See Benchmarks/README.md.

Benchmarks/run.py                       the table: all rows, all servers, about 40 minutes
Benchmarks/run.py --quick               one short round of each, to check that everything works
Benchmarks/run.py table --rows echo1,echo16 --servers bare,jackfield
Benchmarks/run.py scale                 cost against connections, rooms, and event loops
Benchmarks/run.py pushes                notifications pushed over HTTP to an online user
Benchmarks/run.py allocations           allocations per message in the steady state
Benchmarks/run.py micro                 nanoseconds and allocations per operation of the modules
"""

import argparse
import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from harness import allocations, build, chart, machine, pushes, report, rounds, scale, servers, workloads
from harness.paths import BUILT, DOCS


def table(options, pace):
    chosen = workloads.named(options.rows.split(",")) if options.rows else [*workloads.TABLE, workloads.IDLE]
    names = options.servers.split(",") if options.servers else list(servers.ALL)
    everyone = servers.make(names, options)
    about = {**machine.description(), "servers": names}
    results = rounds.run(chosen, everyone, pace)
    rows = report.summarize(chosen, everyone, results)
    text = report.document(rows, everyone, about)
    print("\n" + text)
    save("table", {"about": about, "rows": rows, "runs": results})
    if not (options.rows or options.servers or options.quick):
        DOCS.mkdir(exist_ok=True)
        (DOCS / "bench.md").write_text(text)
        (DOCS / "bench.svg").write_text(chart.draw(rows, everyone, about))
        (DOCS / "bench.json").write_text(json.dumps({"about": about, "rows": rows}, indent=1) + "\n")
        print("written: docs/bench.md, docs/bench.svg, docs/bench.json")
    missed = [row["title"] for row in rows if report.verdict(row) is False]
    return f"bounds missed: {'; '.join(missed)}" if missed else None


def save(name, content):
    BUILT.mkdir(parents=True, exist_ok=True)
    path = BUILT / f"{name}.json"
    path.write_text(json.dumps(content, indent=1) + "\n")
    print(f"all runs: {path.relative_to(BUILT.parents[1])}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "what", nargs="?", default="table", choices=["table", "scale", "pushes", "allocations", "micro"]
    )
    parser.add_argument("--quick", action="store_true", help="one short round, whatever else the machine does")
    parser.add_argument("--rounds", type=int, help="quiet rounds wanted")
    parser.add_argument("--seconds", type=float, help="measured seconds of a run")
    parser.add_argument(
        "--rows", help="names, comma-separated: " + ",".join(w.name for w in [*workloads.TABLE, workloads.IDLE])
    )
    parser.add_argument("--servers", help="names, comma-separated: " + ",".join(servers.ALL) + "; the ratios need bare")
    parser.add_argument("--parts", help="of scale, comma-separated: " + ",".join(scale.PARTS))
    parser.add_argument("--jackfield", help="the daemon to measure (.build/release/jackfield)")
    parser.add_argument("--swift-plugin", help="the Swift plugin to measure (built by default)")
    parser.add_argument("--notifications-plugin", help="the notifications plugin to measure (built by default)")
    parser.add_argument("--strict", action="store_true", help="exit 1 if a bound is missed")
    options = parser.parse_args()

    if options.what == "micro":
        program = build.swift_product("MicroBenchmarks")
        os.execve(program, [str(program)], {**os.environ, "BENCH_PLUGINS": str(build.bench_plugins())})
    machine.allow_many_files()
    pace = rounds.QUICK if options.quick else rounds.Pace()
    if options.rounds:
        pace.rounds = pace.least = options.rounds
    if options.seconds:
        pace.seconds = options.seconds
    if options.what == "table":
        complaint = table(options, pace)
    else:
        module = {"scale": scale, "pushes": pushes, "allocations": allocations}[options.what]
        complaint, content = module.run(options, pace)
        save(options.what, {"about": machine.description(), **content})
    if complaint:
        print(complaint)
    return 1 if complaint and options.strict else 0


if __name__ == "__main__":
    sys.exit(main())
