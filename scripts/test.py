#!/usr/bin/env python3
"""Builds everything and runs all tests, each stage with its own output, and ends with their counts.

All stages run, even if one fails; the exit code is 1 if any failed.
`scripts/test.py unit replay` runs only the stages named.
"""

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass
class Stage:
    """`counts` finds the counts in the output: the groups of its last match are the summary."""

    name: str
    command: list
    counts: str = ""


STAGES = [
    Stage("build", ["swift", "build", "-c", "release"], r"(Build complete!.*)"),
    Stage("format", ["scripts/format", "--check"], r"(.* are formatted)"),
    Stage("header", ["scripts/check-header"], r"(\d+ checks passed)"),
    Stage(
        "lint", [sys.executable, "-m", "pytest", "-q", "Tests/Lint"], r"(\d+ (?:passed|failed).*?)(?: in [\d.]+s|\n)"
    ),
    # Four at a time: many tests have threads of their own, and with all tests at once on two cores some do not run
    # before their time limits.
    Stage(
        "unit",
        ["swift", "test", "--experimental-maximum-parallelization-width", "4"],
        r"Test run with (\d+ tests?(?: in \d+ suites?)? (?:passed|failed))",
    ),
    # The same tests of the plugin host, with every plugin in a worker process.
    Stage(
        "isolated",
        [
            *("env", "JACKFIELD_ISOLATION=process", "swift", "test", "--skip-build", "--filter", "PluginHostTests"),
            *("--experimental-maximum-parallelization-width", "4"),
        ],
        r"Test run with (\d+ tests?(?: in \d+ suites?)? (?:passed|failed))",
    ),
    # Builds the fuzzers, so that a change that breaks them is found, and runs their committed inputs once.
    Stage("fuzzers", ["Fuzz/run", "--replay"], r"(no finding)$"),
    Stage(
        "guard", [sys.executable, "-m", "pytest", "-q", "Tests/Guard"], r"(\d+ (?:passed|failed).*?)(?: in [\d.]+s|\n)"
    ),
    Stage(
        "replayer",
        [sys.executable, "-m", "pytest", "-q", "Tests/Golden"],
        r"(\d+ (?:passed|failed).*?)(?: in [\d.]+s|\n)",
    ),
    Stage("replay", [sys.executable, "Tests/Golden/replay.py", "--patience", "2"], r"^all +(\d+) .*$"),
    Stage(
        "end to end",
        [sys.executable, "-m", "pytest", "-q", "Tests/EndToEnd"],
        r"(\d+ (?:passed|failed).*?)(?: in [\d.]+s|\n)",
    ),
]


def run(stage):
    """Runs one stage and prints its output as it comes. Returns (exit code, counts, seconds)."""
    print(f"\n== {stage.name}: {' '.join(stage.command)}", flush=True)
    began = time.monotonic()
    process = subprocess.Popen(
        stage.command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "PYTHON": sys.executable, "PYTHONUNBUFFERED": "1"},
    )
    output = bytearray()
    while chunk := os.read(process.stdout.fileno(), 1 << 16):
        sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
        output += chunk
    code = process.wait()
    found = re.findall(stage.counts, output.decode(errors="replace"), re.MULTILINE) if stage.counts else []
    counted = found[-1] if found else ""
    return (
        code,
        f"{counted} sessions as recorded" if stage.name == "replay" and counted else counted,
        time.monotonic() - began,
    )


def main(names):
    unknown = set(names) - {stage.name for stage in STAGES}
    if unknown:
        sys.exit(
            f"test.py: no stage is called {', '.join(sorted(unknown))}; there are {', '.join(s.name for s in STAGES)}"
        )
    results = [(stage, *run(stage)) for stage in STAGES if not names or stage.name in names]
    print("\n== all")
    for stage, code, counted, seconds in results:
        print(f"{'passed' if code == 0 else 'FAILED':7} {stage.name:11} {seconds:6.0f} s   {counted}")
    return 1 if any(code for _, code, _, _ in results) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
