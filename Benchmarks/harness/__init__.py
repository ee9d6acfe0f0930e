"""The benchmark harness: what `Benchmarks/run.py` runs. Standard library only."""
