# `make run` starts a demo, `make test` runs all tests. Both install what they need on Debian 12.

BINARY := .build/release/jackfield
PYTHON := .venv/bin/python
VENV := .venv/installed

.PHONY: help run test build format lint docs packages test-packages conformance clean

help:
	@echo 'make run          build, then serve the demo on http://localhost:8080 (PORT=8081 make run: another port)'
	@echo 'make test         build and run all tests'
	@echo 'make format       format the sources: Swift, C, Python'
	@echo 'make lint         check the format, and run the linters (part of make test)'
	@echo 'make docs         build the reference of the Swift SDK, a web site in .build/docs'
	@echo 'make build        build the daemon and its plugins for release, into .build/release'
	@echo 'make conformance  replay the recorded sessions of the reference Socket.IO server, and time 10,000 heartbeats'
	@echo 'make guard        count instructions and allocations, compare them with thresholds (part of make test)'
	@echo 'make sanitize     run unit tests under AddressSanitizer and ThreadSanitizer'
	@echo 'make fuzz         run each fuzzer for 60 s (FUZZ_SECONDS=600: for 600 s); make test runs their committed inputs'
	@echo 'make floods       flood a daemon and measure 500 other clients meanwhile; about 12 minutes'
	@echo 'make reloads      reload a plugin 100 times while 10,000 clients send it events; then versions that fail; about 25 minutes'
	@echo 'make bench        measure against a bare server and other servers; about 45 minutes'
	@echo 'make clean        remove .build and .venv; ./data stays'

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

# Installed again when the list changes. The file `installed` is written last, so that an install that failed is repeated.
$(VENV): scripts/requirements.txt | test-packages
	python3 -m venv .venv
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --requirement scripts/requirements.txt
	@touch $(VENV)

clean:
	rm -rf .build .venv

# The targets that take long are in files beside the programs that they run.
-include Benchmarks/bench.mk Fuzz/fuzz.mk Tests/Floods/floods.mk Tests/Reloads/reloads.mk
