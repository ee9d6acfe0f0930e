"""The machine: its hardware, and how much CPU other processes use."""

import os
import platform
import re
import resource
import subprocess
import time
from datetime import UTC, datetime

from harness.paths import ROOT


def allow_many_files():
    """The servers and the load generator inherit this limit; a fan-out to 10,000 needs it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def _ticks():
    """(busy, all) CPU ticks of the whole machine since it started."""
    with open("/proc/stat") as file:
        values = [int(word) for word in file.readline().split()[1:9]]
    return sum(values) - values[3] - values[4], sum(values)


def wait_until_quiet(cores, patience):
    """Waits until the machine used fewer than `cores` cores over a second, at most `patience` s.
    Returns the last reading."""
    end = time.monotonic() + patience
    while True:
        busy, total = _ticks()
        time.sleep(1)
        busy_now, total_now = _ticks()
        used = (busy_now - busy) / max(1, total_now - total) * os.cpu_count()
        if used < cores or time.monotonic() > end:
            return used


def version(*command, pattern=r"\d+(\.\d+)+"):
    """The first version number that a program prints, or None if the program does not exist."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    except OSError:
        return None
    found = re.search(pattern, done.stdout + done.stderr)
    return found.group(0) if found else None


def _processor():
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()


def _memory_gib():
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30))


def _commit():
    done = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip() or None


def description():
    """The machine and the versions of the programs, which the numbers depend on."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": _memory_gib(),
        "kernel": platform.release(),
        "commit": _commit(),
        "versions": {
            "swift": version("swift", "--version", pattern=r"(?<=Swift version )\S+"),
            "gcc": version("gcc", "--version", pattern=r"\d+\.\d+\.\d+"),
            "node": version("node", "--version"),
        },
    }
