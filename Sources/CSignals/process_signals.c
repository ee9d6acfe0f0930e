#define _GNU_SOURCE
#include "process_signals.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static const int own[] = { SIGTERM, SIGINT, SIGHUP, SIGPIPE };
#define OWN_COUNT   (sizeof own / sizeof own[0])
// Real-time signals have higher numbers.
#define LAST_SIGNAL 31

static int out = -1;
// The signal actions at the last installation or inspection.
static struct sigaction known[LAST_SIGNAL + 1];

static void on_signal(int number) {
    int saved = errno;
    unsigned char byte = (unsigned char)number;
    // If the pipe is full, the reader has enough signals to handle already.
    ssize_t written = write(out, &byte, 1);
    (void)written;
    errno = saved;
}

static void make_own(int number, struct sigaction *action) {
    memset(action, 0, sizeof *action);
    sigemptyset(&action->sa_mask);
    if (number == SIGPIPE) {
        action->sa_handler = SIG_IGN;
    } else {
        action->sa_handler = on_signal;
        action->sa_flags = SA_RESTART;
    }
}

static int is_same(const struct sigaction *a, const struct sigaction *b) {
    // sa_handler and sa_sigaction are one union.
    if (a->sa_handler != b->sa_handler) return 0;
    // Without a handler the flags have no effect, and NIO ignores SIGPIPE with other flags than the host.
    if (a->sa_handler == SIG_IGN || a->sa_handler == SIG_DFL) return 1;
    return ((a->sa_flags ^ b->sa_flags) & (SA_SIGINFO | SA_RESTART | SA_ONSTACK | SA_NODEFER | SA_RESETHAND)) == 0;
}

int32_t jf_signals_install(int32_t descriptor) {
    out = descriptor;
    for (size_t i = 0; i < OWN_COUNT; i++) {
        struct sigaction action;
        make_own(own[i], &action);
        if (sigaction(own[i], &action, NULL) != 0) return errno;
    }
    for (int number = 1; number <= LAST_SIGNAL; number++) sigaction(number, NULL, &known[number]);
    return 0;
}

void jf_signals_inspect(uint64_t *restored, uint64_t *foreign, uintptr_t *functions) {
    *restored = *foreign = 0;
    for (int number = 1; number <= LAST_SIGNAL; number++) {
        struct sigaction now;
        int is_own = 0;
        for (size_t i = 0; i < OWN_COUNT; i++) is_own = is_own || own[i] == number;
        if (sigaction(number, NULL, &now) != 0 || is_same(&now, &known[number])) continue;
        int has_function = now.sa_handler != SIG_IGN && now.sa_handler != SIG_DFL;
        functions[number] = has_function ? (uintptr_t)now.sa_handler : 0;
        if (is_own) {
            if (sigaction(number, &known[number], NULL) == 0) *restored |= (uint64_t)1 << number;
        } else {
            known[number] = now;
            *foreign |= (uint64_t)1 << number;
        }
    }
}
