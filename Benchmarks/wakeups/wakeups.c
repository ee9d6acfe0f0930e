// What it costs to wake another process that waits for shared memory: with a futex or an eventfd, after polling or not.
//
//     cc -O2 -o wakeups Benchmarks/wakeups/wakeups.c && ./wakeups
//
// Two processes pass a counter forth and back, as the rings of Sources/Isolation do: the writer wakes the reader only
// if the reader says that it sleeps. Prints the round trip with 1 and with 16 messages in flight.
#define _GNU_SOURCE
#include <linux/futex.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// One direction, on a cache line of its own.
typedef struct direction {
    _Alignas(128) uint64_t sent;
    uint32_t sleeps;
} direction;

typedef struct run {
    int uses_eventfd;
    int64_t poll; // nanoseconds
    int yields;   // whether polling gives the processor to other threads in between
    unsigned window;
} run;

enum { ROUNDS = 20000, THERE = 0, BACK = 1 };

static direction *directions;
static int eventfds[2];
static int64_t sent_at[ROUNDS], latencies[ROUNDS];

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void pause_processor(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

static void publish(const run *run, int way, uint64_t count) {
    direction *d = &directions[way];
    __atomic_store_n(&d->sent, count, __ATOMIC_RELEASE);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (!__atomic_load_n(&d->sleeps, __ATOMIC_RELAXED)) return;
    if (!__atomic_exchange_n(&d->sleeps, 0, __ATOMIC_SEQ_CST)) return;
    uint64_t one = 1;
    if (!run->uses_eventfd) {
        syscall(SYS_futex, &d->sleeps, FUTEX_WAKE, 1, NULL, NULL, 0);
    } else if (write(eventfds[way], &one, sizeof one) != sizeof one) {
        abort();
    }
}

static int is_there(const direction *d, uint64_t known) { return __atomic_load_n(&d->sent, __ATOMIC_ACQUIRE) > known; }

static uint64_t await(const run *run, int way, uint64_t known) {
    direction *d = &directions[way];
    for (int64_t end = run->poll ? now() + run->poll : 0; run->poll && now() < end;) {
        for (int i = 0; i < 16 && !is_there(d, known); i++) pause_processor();
        if (is_there(d, known)) break;
        if (run->yields) sched_yield();
    }
    while (!is_there(d, known)) {
        __atomic_store_n(&d->sleeps, 1, __ATOMIC_SEQ_CST);
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        // With an eventfd, a writer that has cleared the word will write; that write must be read.
        if (is_there(d, known) && (!run->uses_eventfd || __atomic_exchange_n(&d->sleeps, 0, __ATOMIC_SEQ_CST))) break;
        uint64_t value;
        if (!run->uses_eventfd) {
            syscall(SYS_futex, &d->sleeps, FUTEX_WAIT, 1, NULL, NULL, 0);
        } else if (read(eventfds[way], &value, sizeof value) != sizeof value) {
            abort();
        }
    }
    return __atomic_load_n(&d->sent, __ATOMIC_ACQUIRE);
}

static int compare(const void *left, const void *right) {
    int64_t difference = *(const int64_t *)left - *(const int64_t *)right;
    return difference < 0 ? -1 : difference > 0;
}

static void measure(const run *run) {
    directions = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (directions == MAP_FAILED) abort();
    for (int way = 0; way < 2; way++) eventfds[way] = eventfd(0, EFD_CLOEXEC);
    pid_t child = fork();
    if (child == 0) {
        for (uint64_t seen = 0; seen < ROUNDS;) {
            for (uint64_t sent = await(run, THERE, seen); seen < sent;) publish(run, BACK, ++seen);
        }
        _exit(0);
    }
    int64_t start = now();
    uint64_t sent = 0;
    for (uint64_t seen = 0; seen < ROUNDS;) {
        while (sent < ROUNDS && sent - seen < run->window) {
            sent_at[sent] = now();
            publish(run, THERE, ++sent);
        }
        uint64_t back = await(run, BACK, seen);
        for (int64_t time = now(); seen < back; seen++) latencies[seen] = time - sent_at[seen];
    }
    double seconds = (double)(now() - start) / 1e9;
    waitpid(child, NULL, 0);
    qsort(latencies, ROUNDS, sizeof latencies[0], compare);
    printf("%-7s poll %5lld ns%-15s %2u in flight: p50 %5.1f us, p99 %5.1f us, %5.0f k/s\n",
           run->uses_eventfd ? "eventfd" : "futex", (long long)run->poll, run->yields ? " with yields," : ",",
           run->window, (double)latencies[ROUNDS / 2] / 1e3, (double)latencies[ROUNDS * 99 / 100] / 1e3,
           ROUNDS / seconds / 1e3);
    munmap(directions, 4096);
    close(eventfds[THERE]);
    close(eventfds[BACK]);
}

int main(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    static const int64_t polls[] = { 0, 5000, 20000 };
    for (unsigned window = 1; window <= 16; window += 15)
        for (int kind = 0; kind < 2; kind++)
            for (unsigned poll = 0; poll < 3; poll++)
                for (int yields = 0; yields <= (polls[poll] > 0); yields++)
                    measure(&(run){ kind, polls[poll], yields, window });
    return 0;
}
