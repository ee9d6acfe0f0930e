#include "send_ring.h"

#if !__has_include(<liburing.h>)
#error "the header of liburing is missing: run 'make packages', or install liburing-dev"
#endif

#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <sys/socket.h>

// Marks a send without a result. The kernel's results are byte counts or -errno, which are never that small.
enum { UNANSWERED = INT32_MIN };

struct jf_send_ring {
    struct io_uring ring;
    uint32_t capacity;
};

jf_send_ring *jf_send_ring_open(uint32_t capacity, int32_t *error) {
    jf_send_ring *ring = calloc(1, sizeof *ring);
    if (!ring) {
        *error = ENOMEM;
        return NULL;
    }
    // Completions are processed on this thread, when it waits for them: no interrupts and no helper threads. A failed
    // send does not stop the ones behind it.
    struct io_uring_params parameters = { .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN |
                                                   IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL };
    int code = io_uring_queue_init_params(capacity, &ring->ring, &parameters);
    if (code < 0) {
        free(ring);
        *error = -code;
        return NULL;
    }
    ring->capacity = capacity;
    return ring;
}

int32_t jf_send_ring_descriptor(const jf_send_ring *ring) { return ring->ring.ring_fd; }

void jf_send_ring_close(jf_send_ring *ring) {
    io_uring_queue_exit(&ring->ring);
    free(ring);
}

// After this many calls in a row without a completion, the shortage of memory is not temporary: the ring has failed.
enum { FRUITLESS_CALLS = 1000 };

// Sets the missing results after the ring has failed. The kernel dequeues sends in order, so the ones it has not
// dequeued are the last ones: -EAGAIN. The outcome of the others is unknown: -EIO.
static void give_up(jf_send_ring *ring, jf_send *sends, uint32_t count) {
    uint32_t unsubmitted = io_uring_sq_ready(&ring->ring);
    for (uint32_t i = 0; i < count; i++)
        if (sends[i].result == UNANSWERED) sends[i].result = i + unsubmitted >= count ? -EAGAIN : -EIO;
}

static int32_t perform(jf_send_ring *ring, jf_send *sends, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        // The queue has room for `capacity`, and is empty between two calls.
        struct io_uring_sqe *place = io_uring_get_sqe(&ring->ring);
        // With MSG_DONTWAIT the kernel completes the send at once. Otherwise it would wait for room in the socket and
        // use the bytes later.
        io_uring_prep_send(place, sends[i].descriptor, sends[i].bytes, sends[i].count, MSG_DONTWAIT | MSG_NOSIGNAL);
        io_uring_sqe_set_data(place, &sends[i]);
        sends[i].result = UNANSWERED;
    }
    int fruitless = 0;
    for (uint32_t due = count; due > 0;) {
        // Submits all sends. If a signal interrupts this, or memory or room for completions is short for a moment, the
        // next iteration submits the rest.
        int code = io_uring_submit_and_wait(&ring->ring, due);
        uint32_t before = due;
        struct io_uring_cqe *answer;
        while (due > 0 && io_uring_peek_cqe(&ring->ring, &answer) == 0) {
            ((jf_send *)io_uring_cqe_get_data(answer))->result = answer->res;
            io_uring_cqe_seen(&ring->ring, answer);
            due--;
        }
        fruitless = due < before ? 0 : fruitless + 1;
        int is_passing = code >= 0 || code == -EINTR || code == -EAGAIN || code == -EBUSY;
        if (due > 0 && (!is_passing || fruitless == FRUITLESS_CALLS)) {
            give_up(ring, sends, count);
            return code < 0 ? -code : EIO;
        }
    }
    return 0;
}

int32_t jf_send_ring_perform(jf_send_ring *ring, jf_send *sends, uint32_t count) {
    int32_t broken = 0;
    for (uint32_t done = 0; done < count; done += ring->capacity) {
        uint32_t part = count - done < ring->capacity ? count - done : ring->capacity;
        if (!broken) {
            broken = perform(ring, sends + done, part);
        } else {
            for (uint32_t i = 0; i < part; i++) sends[done + i].result = -EAGAIN;
        }
    }
    return broken;
}
