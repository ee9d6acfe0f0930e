// The functions of malloc.h that Swift's Glibc module does not export.
#pragma once

#include <malloc.h>

// Limits the free memory that each arena keeps at its end to 1 MB. By default glibc raises this limit to twice the
// largest mapped block that was ever freed, up to 64 MB per arena, and malloc_trim releases the end of the main arena
// only. Blocks of 1 MB and more are mapped on their own, and freeing them returns their memory to the system.
static inline void jf_limit_heap_slack(void) {
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
    mallopt(M_TRIM_THRESHOLD, 1 << 20);
}

// Returns the free pages of every arena to the system. Locks each arena in turn.
static inline void jf_trim_heap(void) { malloc_trim(0); }
