#define _GNU_SOURCE
#include "shared_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { SIZE_SEALS = F_SEAL_SHRINK | F_SEAL_GROW, GUARD_BYTES = 4096 };

int32_t jf_shared_create(const char *name, uint64_t bytes) {
    if (bytes > INT64_MAX) return -EINVAL;
    int descriptor = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (descriptor < 0) return -errno;
    if (ftruncate(descriptor, (off_t)bytes) != 0 || fcntl(descriptor, F_ADD_SEALS, SIZE_SEALS | F_SEAL_SEAL) != 0) {
        int code = errno;
        close(descriptor);
        return -code;
    }
    return descriptor;
}

int64_t jf_shared_size(int32_t descriptor) {
    struct stat status;
    int seals = fcntl(descriptor, F_GET_SEALS);
    if (seals < 0 || fstat(descriptor, &status) != 0) return -errno;
    return (seals & SIZE_SEALS) == SIZE_SEALS ? status.st_size : -EPERM;
}

// Reserves `bytes` bytes of addresses and a page behind them that cannot be accessed, so that an access beyond the end
// faults, and so that no other thread's mapping comes between.
static char *reserve(uint64_t bytes, int32_t *error) {
    char *start = mmap(NULL, bytes + GUARD_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start != MAP_FAILED) return start;
    *error = errno;
    return NULL;
}

static void *map(int32_t descriptor, uint64_t offset, uint64_t bytes, int copies, int32_t *error) {
    char *start = reserve(bytes * (uint64_t)copies, error);
    for (int copy = 0; start && copy < copies; copy++) {
        void *place = mmap(start + bytes * (uint64_t)copy, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
                           descriptor, (off_t)offset);
        if (place == MAP_FAILED) {
            *error = errno;
            munmap(start, bytes * (uint64_t)copies + GUARD_BYTES);
            start = NULL;
        }
    }
    return start;
}

void *jf_shared_map(int32_t descriptor, uint64_t offset, uint64_t bytes, int32_t *error) {
    return map(descriptor, offset, bytes, 1, error);
}

void *jf_shared_map_ring(int32_t descriptor, uint64_t offset, uint64_t bytes, int32_t *error) {
    return map(descriptor, offset, bytes, 2, error);
}

void jf_shared_unmap(void *start, uint64_t bytes) { munmap(start, bytes + GUARD_BYTES); }

void jf_futex_wait(void *word, uint32_t expected, int64_t deadline) {
    struct timespec time = { .tv_sec = deadline / 1000000000, .tv_nsec = deadline % 1000000000 };
    int saved = errno;
    // FUTEX_WAIT takes a duration, FUTEX_WAIT_BITSET a moment of CLOCK_MONOTONIC.
    syscall(SYS_futex, word, FUTEX_WAIT_BITSET, expected, &time, NULL, FUTEX_BITSET_MATCH_ANY);
    errno = saved;
}

void jf_futex_wake(void *word, int32_t count) {
    int saved = errno;
    syscall(SYS_futex, word, FUTEX_WAKE, count, NULL, NULL, 0);
    errno = saved;
}
