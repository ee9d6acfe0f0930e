// A prefetch instruction, which Swift does not offer.
#pragma once

// Starts to load the 64 bytes at `address`, which may span two cache lines, into the cache. Never faults.
static inline void jf_prefetch(const void *address) {
    __builtin_prefetch(address);
    __builtin_prefetch((const char *)address + 63);
}
