// What this process does with signals. In C, because a signal handler may call only what is async-signal-safe, and
// Swift says that of nothing.
//
// The host's signals are SIGTERM, SIGINT and SIGHUP, whose numbers are written to a descriptor as one byte each, and
// SIGPIPE, which is ignored.
#pragma once

#include <stdint.h>

// Takes the host's signals over. `descriptor` must not block. Once in a process. 0, or an errno.
int32_t jf_signals_install(int32_t descriptor);

// Looks at the signals below the real-time ones, and puts the host's own back. One thread at a time.
//
// `restored` gets a bit (1 << number) for each of the host's signals that somebody had changed, `foreign` for each
// other signal whose action somebody has changed since the last call; that stays.
void jf_signals_inspect(uint64_t *restored, uint64_t *foreign);
