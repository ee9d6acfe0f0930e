// Performs many sends with one system call, through liburing. In C, because liburing's header needs other system
// headers than those that Swift has imported.
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef struct jf_send_ring jf_send_ring;

typedef struct jf_send {
    const void *bytes;
    size_t count;
    int32_t descriptor;
    int32_t result; // bytes that the kernel accepted, or -errno
} jf_send;

// Creates a ring for at most `capacity` sends per system call. Only the calling thread may use it; the kernel checks
// this. On failure returns NULL and sets *error to an errno: the kernel is older than Linux 6.1, or a container forbids
// io_uring.
jf_send_ring *jf_send_ring_open(uint32_t capacity, int32_t *error);

// The file descriptor of the ring; tests use it to break the ring.
int32_t jf_send_ring_descriptor(const jf_send_ring *ring);

void jf_send_ring_close(jf_send_ring *ring);

// Performs all `count` sends and stores their results. Never waits for a peer: the result is -EAGAIN if the socket has
// no room.
//
// Returns 0, or an errno if the ring has failed. Then sends that were not submitted also have the result -EAGAIN, and
// submitted ones without a completion have -EIO. Close a failed ring.
int32_t jf_send_ring_perform(jf_send_ring *ring, jf_send *sends, uint32_t count);
