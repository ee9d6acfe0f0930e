# Two commands matter: `make run` to see it work, `make test` to know that it does. Both install what they need on Debian 12.

BINARY := .build/release/jackfield
PYTHON := .venv/bin/python
VENV := .venv/installed

.PHONY: help run test build format lint docs packages test-packages conformance clean

help:
	@echo 'make run          build, then serve the demo on http://localhost:8080 (PORT=8081 for another port)'
	@echo 'make test         build and run all tests'
	@echo 'make format       format the sources: Swift, C, Python'
	@echo 'make lint         check how they are formatted, and what the linters find (part of make test)'
	@echo 'make docs         the documentation of the Swift SDK, a web site in .build/docs'
	@echo 'make build        build for release: the daemon, and its plugins beside it'
	@echo 'make conformance  replay the recorded sessions of the reference Socket.IO server, and time 10,000 heartbeats'
	@echo 'make guard        count what the protocol modules cost, against thresholds (part of make test)'
	@echo 'make sanitize     the unit tests under AddressSanitizer and ThreadSanitizer'
	@echo 'make fuzz         every fuzzer for a while: FUZZ_SECONDS=600 (make test runs their committed inputs once)'
	@echo 'make floods       a flood of each kind beside 500 honest clients: their latencies, the memory; about 12 minutes'
	@echo 'make bench        measure against a bare server and the field; about 45 minutes'
	@echo 'make clean        remove what was built; ./data stays'

run: build
	exec $(BINARY) serve --demo --plugin notifications --plugin rooms

build: packages
	swift build -c release

packages:
	@scripts/install-packages scripts/packages-build.txt

test-packages:
	@scripts/install-packages scripts/packages-build.txt scripts/packages-test.txt

test: test-packages $(VENV)
	@$(PYTHON) scripts/test.py

format: test-packages $(VENV)
	@scripts/format

lint: test-packages $(VENV)
	@$(PYTHON) scripts/test.py format lint

docs: packages
	@scripts/docs

conformance: test-packages build
	python3 Tests/Golden/replay.py
	python3 Tests/Conformance/heartbeats.py

# Made again when the list changes; the mark comes last, so that a broken install is not taken for a whole one.
$(VENV): scripts/requirements.txt | test-packages
	python3 -m venv .venv
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --requirement scripts/requirements.txt
	@touch $(VENV)

clean:
	rm -rf .build .venv

# What takes long has a file of its own beside what it runs.
-include Benchmarks/bench.mk Fuzz/fuzz.mk Tests/Floods/floods.mk
