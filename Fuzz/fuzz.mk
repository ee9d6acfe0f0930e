# Included by the Makefile. `make fuzz FUZZ_SECONDS=600` runs longer; `make sanitize` tests the modules with the sanitizers.

.PHONY: fuzz fuzz-replay sanitize

fuzz: packages
	@Fuzz/run

# Runs the committed corpora once, so that what a fuzzer found before is tested again.
fuzz-replay: packages
	@Fuzz/run --replay

# AddressSanitizer: the modules that use raw pointers. ThreadSanitizer: those that several threads use, and those below them.
# Swift's crash reporter is off, because it would wait for a debugger when a test crashes. Each sanitizer has its own build
# folder, because every object file is instrumented.
ADDRESS_MODULES := RawJSONTests|SignaturesTests|IdentityTests|EngineIOTests|SocketIOTests|TransportTests|PluginHostTests
THREAD_MODULES := PresenceTests|SocketIOTests|TransportTests|PluginHostTests
# HostileTextTests measure time, which instrumented code does not keep; the fuzzers cover the same parsers.
# InvitationTests load the first-party plugins, and a library cannot reach ThreadSanitizer's functions in the program.
# Two tests at a time: instrumented code is several times slower, and tests that wait for an answer would wait too long.
SANITIZE := SWIFT_BACKTRACE=enable=no swift test --experimental-maximum-parallelization-width 2

sanitize: test-packages
	ASAN_OPTIONS=detect_leaks=0 $(SANITIZE) --skip HostileTextTests --sanitize=address --scratch-path .build/address --filter '$(ADDRESS_MODULES)'
	SERVICE_SECONDS=10 TSAN_OPTIONS=halt_on_error=1:suppressions=$(CURDIR)/Fuzz/thread.supp $(SANITIZE) --skip HostileTextTests --skip InvitationTests --sanitize=thread --scratch-path .build/thread --filter '$(THREAD_MODULES)'
