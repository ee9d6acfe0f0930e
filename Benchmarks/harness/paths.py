"""Paths. Everything that the benchmarks build goes below .build/bench, which git ignores."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BENCHMARKS = ROOT / "Benchmarks"
BUILT = ROOT / ".build" / "bench"
DOCS = ROOT / "docs"
RELEASE = ROOT / ".build" / "release"
