// Many sends with one system call, through liburing. In C, because liburing's header asks for other system headers than
// Swift has imported already.
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef struct jf_send_ring jf_send_ring;

typedef struct jf_send {
    const void *bytes;
    size_t count;
    int32_t descriptor;
    int32_t result; // bytes that the kernel took, or -errno
} jf_send;

// A ring for at most `capacity` sends at once. It belongs to the calling thread, which the kernel checks.
// NULL with *error = errno: an old kernel (io_uring as it is used here is of Linux 6.1), or a
// container that forbids it.
jf_send_ring *jf_send_ring_open(uint32_t capacity, int32_t *error);

// The kernel's handle of it; tests break the ring by it.
int32_t jf_send_ring_descriptor(const jf_send_ring *ring);

void jf_send_ring_close(jf_send_ring *ring);

// Does all `count` sends and stores their results. Never waits for a peer: what a socket cannot take now is -EAGAIN.
//
// 0, or the errno of a ring that works no more: then -EAGAIN is also the result of what was not handed over, and -EIO
// that of what was, but has no answer. Close such a ring.
int32_t jf_send_ring_perform(jf_send_ring *ring, jf_send *sends, uint32_t count);
