// What Swift's module of the C library leaves out of malloc.h.
#pragma once

#include <malloc.h>

// Limits what each arena keeps at its end to 1 MB. By default glibc raises this limit to twice the largest mapped block
// that was ever freed, up to 64 MB in every arena, and malloc_trim releases the end of the main arena only. Blocks of
// 1 MB and more are mapped on their own, and their memory goes back to the system when they are freed.
static inline void jf_limit_heap_slack(void) {
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
    mallopt(M_TRIM_THRESHOLD, 1 << 20);
}

// Gives the free pages of every arena back to the system. Takes the lock of each arena in turn.
static inline void jf_trim_heap(void) { malloc_trim(0); }
