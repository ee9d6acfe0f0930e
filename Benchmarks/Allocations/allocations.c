/*
 * Counts allocations: replaces glibc's malloc family and forwards every call to it.
 *
 * Two ways to use it. Linked into a program, all of its libraries use these definitions instead of glibc's, and
 * `allocations_so_far` returns the counts. As a shared library under LD_PRELOAD it counts any program, for example the
 * daemon; with ALLOCATIONS_FILE in the environment the counts are in that file (an `allocation_counts`, native byte
 * order), where another process can read them at any time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "allocations.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* glibc's names for its allocator, which it exports for replacements of malloc. */
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

typedef struct {
    _Atomic uint64_t allocations, frees, bytes;
} counters;

_Static_assert(sizeof(counters) == sizeof(allocation_counts), "the file is read as allocation_counts");

static counters own;
static counters *_Atomic counts = &own;

static inline void count(size_t bytes) {
    counters *now = atomic_load_explicit(&counts, memory_order_relaxed);
    atomic_fetch_add_explicit(&now->allocations, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&now->bytes, bytes, memory_order_relaxed);
}

/* Runs before main, but after the first allocations of the dynamic loader, which the file therefore does not count. */
__attribute__((constructor)) static void share_counts(void) {
    const char *path = getenv("ALLOCATIONS_FILE");
    if (!path) return;
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0) return;
    if (ftruncate(file, sizeof(counters)) == 0) {
        void *shared = mmap(NULL, sizeof(counters), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        if (shared != MAP_FAILED) atomic_store(&counts, shared);
    }
    close(file);
}

allocation_counts allocations_so_far(void) {
    counters *now = atomic_load(&counts);
    return (allocation_counts){ atomic_load(&now->allocations), atomic_load(&now->frees), atomic_load(&now->bytes) };
}

__attribute__((noinline)) void measured_region(void (*body)(void *context), void *context) {
    body(context);
    /* Prevents a tail call, which would end the region before the body has run. */
    __asm__ volatile("" ::: "memory");
}

const void *unseen(const void *pointer) {
    __asm__ volatile("" : "+r"(pointer) : : "memory");
    return pointer;
}

/* ---- the malloc family ---- */

void *malloc(size_t size) {
    count(size);
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
    size_t bytes;
    count(__builtin_mul_overflow(number, size, &bytes) ? 0 : bytes);
    return __libc_calloc(number, size);
}

void *realloc(void *old, size_t size) {
    /* Shrinking in place, and growing within the usable size, is not an allocation. */
    if (!old || size > malloc_usable_size(old)) count(size);
    return __libc_realloc(old, size);
}

void free(void *old) {
    if (!old) return;
    counters *now = atomic_load_explicit(&counts, memory_order_relaxed);
    atomic_fetch_add_explicit(&now->frees, 1, memory_order_relaxed);
    __libc_free(old);
}

void *memalign(size_t alignment, size_t size) {
    count(size);
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **result, size_t alignment, size_t size) {
    if (alignment % sizeof(void *) != 0 || (alignment & (alignment - 1)) != 0 || alignment == 0) return EINVAL;
    void *memory = memalign(alignment, size);
    if (!memory) return ENOMEM;
    *result = memory;
    return 0;
}
