"""Computes ratios from the rounds, and makes the table from the ratios."""

import statistics
from dataclasses import dataclass

from harness.workloads import STRAND_FACTOR, STRAND_LATENCY_US

ENOUGH_QUIET_ROUNDS = 3


@dataclass(frozen=True)
class Spread:
    median: float
    least: float
    most: float
    count: int

    @classmethod
    def of(cls, values):
        return cls(statistics.median(values), min(values), max(values), len(values)) if values else None


def _usable(rounds):
    """The quiet rounds if there are enough of them, else all: CPU per message can be used from a
    noisy run, too, but is less exact."""
    quiet = [round_ for round_ in rounds if not any(result["noisy"] for result in round_.values())]
    return quiet if len(quiet) >= ENOUGH_QUIET_ROUNDS else rounds


def values(rounds, server, key):
    return [round_[server][key] for round_ in _usable(rounds) if server in round_]


def ratios(rounds, server, base="bare", key="srv_us_per"):
    """The server's cost divided by the base's, for each round."""
    return [
        round_[server][key] / round_[base][key]
        for round_ in _usable(rounds)
        if server in round_ and base in round_ and round_[base][key] > 0
    ]


def summarize(workloads, servers, results):
    """[{name, title, target, cells: {server: {median, least, most, …}}}]"""
    rows = []
    for workload in workloads:
        rounds = results.get(workload.name, [])
        row = {
            "name": workload.name,
            "title": workload.title,
            "unit": workload.unit,
            "target": workload.target,
            "measure": "bytes" if workload.memory else "ratio",
            "cells": {},
        }
        for server in servers:
            spread = Spread.of(
                values(rounds, server.name, "rss_per_conn") if workload.memory else ratios(rounds, server.name)
            )
            if not spread:
                continue
            wrong = sum(round_[server.name]["failed_checks"] for round_ in rounds if server.name in round_)
            row["cells"][server.name] = {
                "median": round(spread.median, 3),
                "least": round(spread.least, 3),
                "most": round(spread.most, 3),
                "rounds": spread.count,
                "cpu_us": round(statistics.median(values(rounds, server.name, "srv_us_per")), 3),
                "per_core_second": round(1e6 / max(1e-3, statistics.median(values(rounds, server.name, "srv_us_per")))),
                "p50_us": round(statistics.median(values(rounds, server.name, "p50_us")), 1),
                "p99_us": round(statistics.median(values(rounds, server.name, "p99_us")), 1),
                "noisy": sum(round_[server.name]["noisy"] for round_ in _usable(rounds) if server.name in round_),
                "wrong": wrong,
            }
        rows.append(row)
    return rows


def strand_costs(rows):
    """What the strand costs more than the inline handler: (factor at 16 in flight, microseconds of p50 when idle),
    None where not measured."""
    cells = {row["name"]: row["cells"] for row in rows}

    def both(name):
        return [cells.get(name, {}).get(server) for server in ("jackfield", "jackfield-strand")]

    inline, strand = both("echo16")
    factor = strand["median"] / inline["median"] if inline and strand else None
    inline, strand = both("idle")
    latency = strand["p50_us"] - inline["p50_us"] if inline and strand else None
    return factor, latency


def _amount(row, value):
    if row["measure"] == "bytes":
        return f"{value:,.0f} B" if value < 1024 else f"{value / 1024:.1f} KB"
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"


def _cell(row, cell, is_base):
    if not cell:
        return "–"
    doubt = "" if not cell["wrong"] else " (wrong answers!)"
    if is_base and row["measure"] == "ratio":
        return f"1 ({cell['cpu_us']:.2g} µs)" if cell["cpu_us"] < 10 else f"1 ({cell['cpu_us']:.0f} µs)"
    text = _amount(row, cell["median"])
    if cell["rounds"] > 1:
        text += f" ({_amount(row, cell['least'])}–{_amount(row, cell['most'])})"
    return text + doubt


def verdict(row, server="jackfield"):
    """Whether Jackfield's bound is held; None if it was not measured."""
    cell = row["cells"].get(server)
    return None if not cell or not row["target"] else cell["median"] <= row["target"]


def table(rows, servers):
    """The table in Markdown."""
    present = [server for server in servers if any(server.name in row["cells"] for row in rows)]
    lines = [
        "| work | " + " | ".join(server.title for server in present) + " | bound |",
        "|---|" + "---|" * (len(present) + 1),
    ]
    for row in rows:
        if row["target"] is None:
            continue
        cells = [_cell(row, row["cells"].get(server.name), server.name == "bare") for server in present]
        held = verdict(row)
        bound = f"≤ {_amount(row, row['target'])}" + ("" if held is None else " held" if held else " **missed**")
        lines.append(f"| {row['title']} | " + " | ".join(cells) + f" | {bound} |")
    return "\n".join(lines)


def strand_lines(rows):
    factor, latency = strand_costs(rows)
    lines = []
    if factor is not None:
        lines.append(f"A strand costs {factor:.2f} × the inline handler at 16 in flight (bound {STRAND_FACTOR}).")
    if latency is not None:
        lines.append(f"A strand adds {latency:.0f} µs to the p50 of an idle server (bound {STRAND_LATENCY_US} µs).")
    return lines


def document(rows, servers, about):
    """docs/bench.md: the table, and how it was measured."""
    versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items() if number)
    counts = {cell["rounds"] for row in rows for cell in row["cells"].values()} or {0}
    rounds = " to ".join(str(count) for count in sorted({min(counts), max(counts)}))
    noisy = sum(cell["noisy"] for row in rows for cell in row["cells"].values())
    notes = [
        "Server CPU per unit of work as a multiple of the bare server's in the same round: the median of "
        f"{rounds} interleaved rounds, with the minimum and the maximum. Memory is the growth of the resident set.",
        f"{about['processor']}, {about['cores']} cores, {about['memory_gib']} GiB, Linux {about['kernel']}; "
        f"{versions}; "
        f"Jackfield {about['commit']}; {about['date']}. Server on one core, load generator on another, one event loop.",
    ]
    if noisy:
        notes.append(f"{noisy} of the runs of this table were noisy: other processes used the machine, too.")
    measured = {name for row in rows for name in row["cells"]}
    if absent := [name for name in about["servers"] if name not in measured]:
        notes.append(f"Not measured, because this machine could not provide or run it: {', '.join(absent)}.")
    notes += strand_lines(rows)
    return "\n\n".join([table(rows, servers), *notes]) + "\n"
