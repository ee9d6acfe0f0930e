/*
 * Counts the allocations of a process. See allocations.c.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ALLOCATIONS_H
#define ALLOCATIONS_H

#include <stdint.h>

/** The allocations of the process since it started, on all threads. */
typedef struct allocation_counts {
    uint64_t
        allocations; /**< calls of malloc, calloc, memalign and similar functions, and of realloc with NULL or a larger
                          size */
    uint64_t frees;  /**< calls of free, except with NULL */
    uint64_t bytes;  /**< the bytes requested by those allocations */
} allocation_counts;

/** [any-thread] */
allocation_counts allocations_so_far(void);

/**
 * Calls `body`. It is never inlined, so that valgrind can measure between its entry and its return:
 * `--toggle-collect=measured_region --dump-after=measured_region`.
 */
void measured_region(void (*body)(void *context), void *context);

/** Returns `pointer`. The optimizer knows nothing about the result and the memory that it points to. */
const void *unseen(const void *pointer);

#endif
