// Shared memory of two processes: creating and mapping it, atomic access to its words, and futexes. In C, because
// Swift has no atomic access to memory that it did not allocate, and futexes have no function in the C library.
#pragma once

#include <stdint.h>

// Creates an anonymous file of `bytes` bytes, whose size no process can change: a peer that could shorten the file
// would kill this process with SIGBUS. The descriptor is close-on-exec. Returns -errno on failure.
int32_t jf_shared_create(const char *name, uint64_t bytes);

// The size of a file in bytes, if its size is sealed and it is at most INT64_MAX; otherwise -errno.
int64_t jf_shared_size(int32_t descriptor);

// Maps `bytes` bytes at `offset` for reading and writing. Both are multiples of the page size. Returns NULL on failure,
// with *error set to an errno.
void *jf_shared_map(int32_t descriptor, uint64_t offset, uint64_t bytes, int32_t *error);

// As jf_shared_map, but maps the bytes twice, the second time directly behind the first: what begins before the end of
// the ring and continues at its start is contiguous in memory. Unmap with 2 * bytes.
void *jf_shared_map_ring(int32_t descriptor, uint64_t offset, uint64_t bytes, int32_t *error);

void jf_shared_unmap(void *start, uint64_t bytes);

// Waits until another thread or process calls jf_futex_wake on the word, if the word still has the value `expected`.
// `deadline` is in nanoseconds of CLOCK_MONOTONIC. May return early without a reason.
void jf_futex_wait(void *word, uint32_t expected, int64_t deadline);

// Wakes at most `count` waiters.
void jf_futex_wake(void *word, int32_t count);

// The head of a record, read from memory that the peer may change at any time: each word is read exactly once.
typedef struct jf_record_head {
    uint32_t size;
    uint16_t kind;
    uint16_t flags;
    uint64_t id;
} jf_record_head;

static inline jf_record_head jf_record_head_read(const void *place) {
    uint64_t first = __atomic_load_n((const uint64_t *)place, __ATOMIC_RELAXED);
    uint64_t second = __atomic_load_n((const uint64_t *)place + 1, __ATOMIC_RELAXED);
    jf_record_head head = { (uint32_t)first, (uint16_t)(first >> 32), (uint16_t)(first >> 48), second };
    return head;
}

static inline void jf_record_head_write(void *place, jf_record_head head) {
    uint64_t first = (uint64_t)head.size | (uint64_t)head.kind << 32 | (uint64_t)head.flags << 48;
    __atomic_store_n((uint64_t *)place, first, __ATOMIC_RELAXED);
    __atomic_store_n((uint64_t *)place + 1, head.id, __ATOMIC_RELAXED);
}

// Acquire.
static inline uint64_t jf_load64(const void *word) { return __atomic_load_n((const uint64_t *)word, __ATOMIC_ACQUIRE); }
static inline uint32_t jf_load32(const void *word) { return __atomic_load_n((const uint32_t *)word, __ATOMIC_ACQUIRE); }

// Release.
static inline void jf_store64(void *word, uint64_t value) {
    __atomic_store_n((uint64_t *)word, value, __ATOMIC_RELEASE);
}
static inline void jf_store32(void *word, uint32_t value) {
    __atomic_store_n((uint32_t *)word, value, __ATOMIC_RELEASE);
}

// Sequentially consistent.
static inline uint32_t jf_exchange32(void *word, uint32_t value) {
    return __atomic_exchange_n((uint32_t *)word, value, __ATOMIC_SEQ_CST);
}

// Whether the word had the value `expected` and was changed. Sequentially consistent.
static inline int jf_compare_exchange32(void *word, uint32_t expected, uint32_t value) {
    return __atomic_compare_exchange_n((uint32_t *)word, &expected, value, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

// Orders this thread's earlier store before its later load. Two threads that each store one word, call this, and load
// the other's word, cannot both miss the other's store.
static inline void jf_fence(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

// Tells the processor that the thread polls a word.
static inline void jf_relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb" ::: "memory");
#endif
}
