#!/usr/bin/env python3
"""What an event with an ack costs in each place where its handler can run: on the event loop, on the plugin's strand,
and in a worker process (`isolation: process`).

    isolation.py [--rounds 5] [--seconds 3] [--binary .build/release/jackfield]

One client with 1 event in flight, then with 16. The three daemons run at the same time, and each round measures them
one after the other, since the machine's speed changes. Prints the medians of the rounds: p50 and p99 of the time from
writing an event to reading its ack, and events a second.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLACES = {
    "event loop": ("JF_RUN_INLINE", "none"),
    "strand": ("JF_RUN_STRAND", "none"),
    "worker process": ("JF_RUN_STRAND", "process"),
}


class Daemon:
    def __init__(self, binary, folder, run, isolation):
        folder.mkdir()
        library = folder / "bench.so"
        source = ROOT / "Benchmarks/plugins/bench.c"
        flags = ["-O2", "-shared", "-fPIC", "-I", str(ROOT / "include"), f"-DBENCH_RUN={run}"]
        subprocess.run(["cc", *flags, "-o", str(library), str(source)], check=True)
        settings = {
            "port": 0,
            "auth": False,
            "cors": False,
            "control": None,
            "plugins": [{"path": str(library), "isolation": isolation, "required": True}],
        }
        (folder / "jackfield.yaml").write_text(json.dumps(settings))
        command = [binary, "serve", "--config", str(folder / "jackfield.yaml")]
        with open(folder / "log", "w") as log:
            self.process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        until = time.monotonic() + 20
        while True:
            text = (folder / "log").read_text()
            found = re.search(r"http://127\.0\.0\.1:(\d+)", text)
            if found:
                break
            if self.process.poll() is not None or time.monotonic() > until:
                sys.exit(f"the daemon does not serve:\n{text}")
            time.sleep(0.05)
        self.port = found[1]
        time.sleep(1)

    def measure(self, loadgen, window, seconds):
        command = [loadgen, "ack", "--port", self.port, "--n", "1", "--window", str(window), "--secs", str(seconds)]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return json.loads(output.splitlines()[-1])

    def stop(self):
        self.process.terminate()
        self.process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--binary", default=str(ROOT / ".build/release/jackfield"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        loadgen = str(folder / "loadgen")
        source = str(ROOT / "Benchmarks/load/loadgen.c")
        subprocess.run(["cc", "-std=gnu11", "-O3", "-march=native", "-o", loadgen, source], check=True)
        daemons = {
            place: Daemon(os.path.abspath(options.binary), folder / str(index), *where)
            for index, (place, where) in enumerate(PLACES.items())
        }
        try:
            for window in (1, 16):
                results = {place: [] for place in PLACES}
                for _ in range(options.rounds):
                    for place, daemon in daemons.items():
                        results[place].append(daemon.measure(loadgen, window, options.seconds))
                print(f"{window} in flight")
                for place, found in results.items():
                    keys = ("p50_us", "p99_us", "per_s")
                    p50, p99, rate = (statistics.median(one[key] for one in found) for key in keys)
                    print(f"  {place:15} p50 {p50:7.1f} µs  p99 {p99:7.1f} µs  {rate:9.0f} events/s", flush=True)
        finally:
            for daemon in daemons.values():
                daemon.stop()


if __name__ == "__main__":
    main()
