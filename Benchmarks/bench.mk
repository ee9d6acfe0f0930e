# The benchmarks and the regression guard; see Benchmarks/README.md. Included by the Makefile.

.PHONY: bench bench-quick bench-scale bench-pushes bench-allocations micro guard guard-update bench-packages

bench-packages:
	@scripts/install-packages scripts/packages-build.txt Benchmarks/packages.txt

# Makes the table of the README in about 40 minutes: docs/bench.md, docs/bench.svg, docs/bench.json.
bench: bench-packages build
	Benchmarks/run.py

bench-quick: bench-packages build
	Benchmarks/run.py --quick

bench-scale: bench-packages build
	Benchmarks/run.py scale

bench-pushes: bench-packages build
	Benchmarks/run.py pushes

bench-allocations: bench-packages build
	Benchmarks/run.py allocations

# Nanoseconds and allocations per operation of the protocol modules.
micro: bench-packages
	Benchmarks/run.py micro

# Compares instructions and allocations per operation with Tests/Guard/thresholds.json. Nothing is timed, so a busy machine
# gives the same result.
guard: bench-packages $(VENV)
	$(PYTHON) -m pytest -q Tests/Guard

guard-update: bench-packages $(VENV)
	$(PYTHON) Tests/Guard/guard.py update
