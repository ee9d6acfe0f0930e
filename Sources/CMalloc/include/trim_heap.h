// What Swift's module of the C library leaves out of malloc.h.
#pragma once

#include <malloc.h>

// Gives the free pages of every arena back to the system. Takes the lock of each arena in turn.
static inline void jf_trim_heap(void) { malloc_trim(0); }
