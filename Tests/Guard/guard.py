#!/usr/bin/env python3
"""Counts the instructions and allocations of the modules' operations, and compares them with the committed thresholds.

    Tests/Guard/guard.py            prints the costs and their thresholds; exit 1 if one is exceeded
    Tests/Guard/guard.py update     writes the present costs as the thresholds

Instructions are counted by `valgrind --tool=callgrind`: the same binary gives the same number on any machine, busy or
not. The scenarios are the micro-benchmarks (Benchmarks/Micro), each run a fixed number of times.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Benchmarks"))

from harness import build  # noqa: E402

THRESHOLDS = Path(__file__).resolve().parent / "thresholds.json"
PRODUCT = "MicroBenchmarks"

# A cost that exceeds the threshold by this share is a regression. Addresses, and with them the hashes of some tables,
# differ from build to build.
TOLERANCE = 0.05
# Allocations are integers and do not vary; the tolerance is for tables that grow at times.
ALLOCATION_SLACK = 0.02

UPDATE = (
    "If that is the price of something wanted, `make guard-update` writes the new costs to "
    "Tests/Guard/thresholds.json; say in the commit why."
)


@dataclass(frozen=True)
class Cost:
    """The cost of one operation."""

    instructions: float
    allocations: float
    bytes: float


def binary():
    """The program with the scenarios, built for release; JACKFIELD_GUARD_BINARY names another one."""
    if elsewhere := os.environ.get("JACKFIELD_GUARD_BINARY"):
        return Path(elsewhere)
    return build.swift_product(PRODUCT)


def measure(program):
    """{scenario: Cost}. One run; callgrind writes a profile at the end of each measured region, in order."""
    plugins = build.bench_plugins()
    with tempfile.TemporaryDirectory() as folder:
        profiles, stripped = Path(folder) / "profile", Path(folder) / "scenarios"
        # Debian's valgrind fails on debug information that is newer than itself; the names of
        # functions are all it needs.
        subprocess.run(["strip", "--strip-debug", "-o", stripped, program], check=True)
        done = subprocess.run(
            [
                "valgrind",
                "--tool=callgrind",
                "--quiet",
                "--collect-atstart=no",
                "--toggle-collect=measured_region",
                "--dump-after=measured_region",
                f"--callgrind-out-file={profiles}",
                str(stripped),
                "--guard",
            ],
            # Hashing is deterministic. The caller's environment is not passed on, because its size moves the stack.
            env={
                "PATH": "/usr/bin:/bin",
                "HOME": folder,
                "SWIFT_DETERMINISTIC_HASHING": "1",
                "BENCH_PLUGINS": str(plugins),
            },
            capture_output=True,
            text=True,
            timeout=300,
        )
        if done.returncode != 0:
            raise RuntimeError(f"the scenarios failed under valgrind:\n{done.stdout}{done.stderr}")
        lines = [line.split() for line in done.stdout.splitlines() if line.strip()]
        # The first region is the program's check that allocations are counted.
        totals = [_total(Path(f"{profiles}.{number + 2}")) for number in range(len(lines))]
    return {
        name: Cost(total / int(count), int(allocations) / int(count), int(size) / int(count))
        for (name, count, allocations, size), total in zip(lines, totals, strict=True)
    }


def _total(profile):
    found = re.search(r"^totals: (\d+)", profile.read_text(), re.MULTILINE)
    if not found:
        raise RuntimeError(f"callgrind wrote no totals to {profile.name}: has its format changed?")
    return int(found.group(1))


def thresholds():
    return {name: Cost(**cost) for name, cost in json.loads(THRESHOLDS.read_text())["scenarios"].items()}


def complaint(name, cost, limit):
    """A text about a cost that exceeds its threshold; None if it does not."""
    if limit is None:
        return f"{name} has no threshold: `make guard-update` writes one"
    if cost.instructions > limit.instructions * (1 + TOLERANCE):
        return (
            f"{name} takes {cost.instructions:,.0f} instructions, {cost.instructions / limit.instructions - 1:+.1%} "
            "against its threshold of "
            f"{limit.instructions:,.0f} (tolerance {TOLERANCE:.0%}). {UPDATE}"
        )
    if cost.allocations > limit.allocations + ALLOCATION_SLACK:
        return (
            f"{name} allocates {cost.allocations:g} times, {cost.bytes:.0f} bytes; "
            f"its threshold is {limit.allocations:g}. {UPDATE}"
        )
    return None


def update(costs):
    swift = subprocess.run(["swift", "--version"], capture_output=True, text=True).stdout
    version = re.search(r"Swift version (\S+)", swift)
    content = {
        "about": "Cost of one operation; see Tests/Guard/guard.py. Written by `make guard-update`.",
        "swift": version.group(1) if version else None,
        "scenarios": {
            name: {
                "instructions": round(cost.instructions, 1),
                "allocations": round(cost.allocations, 3),
                "bytes": round(cost.bytes, 1),
            }
            for name, cost in costs.items()
        },
    }
    THRESHOLDS.write_text(json.dumps(content, indent=2) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", default="check", choices=["check", "update"])
    options = parser.parse_args()
    before = thresholds() if THRESHOLDS.exists() else {}
    costs = measure(binary())
    print(f"{'':28}{'instructions':>14}{'threshold':>12}{'':>8}{'allocations':>13}{'threshold':>11}")
    for name, cost in costs.items():
        limit = before.get(name)
        print(
            f"{name:28}{cost.instructions:14,.0f}"
            + (
                f"{limit.instructions:12,.0f}{cost.instructions / limit.instructions - 1:+8.1%}"
                f"{cost.allocations:13g}{limit.allocations:11g}"
                if limit
                else f"{'-':>12}{'':>8}{cost.allocations:13g}{'-':>11}"
            )
        )
    if options.what == "update":
        update(costs)
        print(f"written: {THRESHOLDS.relative_to(ROOT)}")
        return 0
    complaints = [text for name, cost in costs.items() if (text := complaint(name, cost, before.get(name)))]
    print("\n".join(complaints))
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
