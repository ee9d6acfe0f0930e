# Included by the Makefile. `make fuzz FUZZ_SECONDS=600` for longer runs; `make sanitize` tests the rooms with the sanitizers.

.PHONY: fuzz fuzz-replay sanitize

fuzz: packages
	@Fuzz/run

# The committed corpora once: what was found stays mended.
fuzz-replay: packages
	@Fuzz/run --replay

# AddressSanitizer: the rooms that work on raw pointers. ThreadSanitizer: those that several threads enter, and those they stand on.
# Swift's crash reporter would wait for a debugger when a test breaks. One build folder each, because every object is instrumented.
ADDRESS_MODULES := RawJSONTests|IdentityTests|EngineIOTests|SocketIOTests|TransportTests|PluginHostTests
THREAD_MODULES := PresenceTests|SocketIOTests|TransportTests|PluginHostTests
# Two tests at a time: instrumented code is several times slower, and tests that wait for an answer would wait too long.
SANITIZE := SWIFT_BACKTRACE=enable=no swift test --experimental-maximum-parallelization-width 2

sanitize: test-packages
	ASAN_OPTIONS=detect_leaks=0 $(SANITIZE) --sanitize=address --scratch-path .build/address --filter '$(ADDRESS_MODULES)'
	TSAN_OPTIONS=halt_on_error=1:suppressions=$(CURDIR)/Fuzz/thread.supp $(SANITIZE) --sanitize=thread --scratch-path .build/thread --filter '$(THREAD_MODULES)'
