/*
 * Counts the allocations of a process. See allocations.c.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ALLOCATIONS_H
#define ALLOCATIONS_H

#include <stdint.h>

/** What the process has asked of its allocator since it started, on all threads. */
typedef struct allocation_counts {
    uint64_t
        allocations; /**< calls of malloc, calloc, realloc (of nothing or to a larger size), memalign and the like */
    uint64_t frees;  /**< calls of free with something to free */
    uint64_t bytes;  /**< bytes asked for by those allocations */
} allocation_counts;

/** [any-thread] */
allocation_counts allocations_so_far(void);

/**
 * Calls `body`. What is measured stands between the entry and the return of this function, so that valgrind can be told
 * so: `--toggle-collect=measured_region --dump-after=measured_region`. It is never inlined.
 */
void measured_region(void (*body)(void *context), void *context);

/** Returns `pointer`, which the optimizer can no longer know anything about, nor what it points at. */
const void *unseen(const void *pointer);

#endif
