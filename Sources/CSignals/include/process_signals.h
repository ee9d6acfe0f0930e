// The signal handling of the process. In C, because a signal handler may only call async-signal-safe functions, and
// Swift guarantees this for none of its code.
//
// The host's signals are SIGTERM, SIGINT and SIGHUP, which are written to a descriptor as one byte each (the number),
// and SIGPIPE, which is ignored.
#pragma once

#include <stdint.h>

// Installs the actions of the host's signals. `descriptor` must be non-blocking. Call it once in a process. Returns 0
// or an errno.
int32_t jf_signals_install(int32_t descriptor);

// Checks whether other code has changed the action of a signal below the real-time ones, and restores the host's
// actions. One thread at a time.
//
// Sets a bit (1 << number) in `restored` for each of the host's signals that was restored, and in `foreign` for each
// other signal that has changed since the last call, which is left as it is. `functions` has 32 elements: the function
// that was found for each changed signal, by its number; 0 if it was ignored or set to its default.
void jf_signals_inspect(uint64_t *restored, uint64_t *foreign, uintptr_t *functions);
