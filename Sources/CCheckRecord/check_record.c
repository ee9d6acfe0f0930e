#define _GNU_SOURCE
#include "check_record.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int32_t jf_check_record_create(void) {
    int descriptor = memfd_create("jackfield-check", MFD_CLOEXEC);
    if (descriptor < 0) return -1;
    if (ftruncate(descriptor, sizeof(jf_check_record)) != 0) {
        int code = errno;
        close(descriptor);
        errno = code;
        return -1;
    }
    return descriptor;
}

jf_check_record *jf_check_record_map(int32_t descriptor) {
    void *mapped = mmap(NULL, sizeof(jf_check_record), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    return mapped == MAP_FAILED ? NULL : mapped;
}

void jf_check_record_unmap(jf_check_record *record) { munmap(record, sizeof *record); }

void jf_check_record_set_step(jf_check_record *record, const char *text, uint64_t length) {
    if (length > sizeof record->step - 1) length = sizeof record->step - 1;
    memcpy(record->step, text, length);
    record->step[length] = 0;
}

// The other process may have written anything.
const char *jf_check_record_step(const jf_check_record *record) {
    ((char *)record->step)[sizeof record->step - 1] = 0;
    return record->step;
}

// MARK: The state of the process

uint64_t jf_check_heap_bytes(void) {
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

_Static_assert(sizeof(struct sigaction) <= sizeof(uint64_t) * 24, "jf_check_signals is too small");

static struct sigaction *action_of(jf_check_signals *known, int32_t number) {
    return (struct sigaction *)&known->words[24 * number];
}

void jf_check_signals_save(jf_check_signals *known) {
    for (int number = 1; number < 32; number++) sigaction(number, NULL, action_of(known, number));
}

int32_t jf_check_signal_changed(jf_check_signals *known, int32_t number, int32_t restore) {
    struct sigaction now, *before = action_of(known, number);
    if (number < 1 || number > 31 || sigaction(number, NULL, &now) != 0) return 0;
    // sa_handler and sa_sigaction are one union.
    if (now.sa_handler == before->sa_handler) return 0;
    if (restore) sigaction(number, before, NULL);
    else *before = now;
    return 1;
}

// MARK: Starting a process

int32_t jf_check_spawn(char *const *arguments, const char *folder, int32_t output, int32_t request, int32_t result,
                       int32_t record) {
    const int wanted[] = { -1, output, output, request, result, record };
    int copies[6];
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0) return -1;
    // Copies with high numbers, so that no dup2 below closes one that is still needed.
    for (int i = 0; i < 6; i++) {
        copies[i] = fcntl(i == 0 ? null : wanted[i], F_DUPFD_CLOEXEC, 64);
        if (copies[i] < 0) {
            int code = errno;
            while (i-- > 0) close(copies[i]);
            close(null);
            errno = code;
            return -1;
        }
    }
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t parent = getpid();
    pid_t child = fork();
    if (child == 0) {
        // Only async-signal-safe functions from here to exec.
        for (int number = 1; number < NSIG; number++) {
            struct sigaction action;
            memset(&action, 0, sizeof action);
            action.sa_handler = SIG_DFL;
            sigaction(number, &action, NULL);
        }
        setpgid(0, 0);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent || chdir(folder) != 0) _exit(127);
        for (int i = 0; i < 6; i++) {
            if (dup2(copies[i], i) < 0) _exit(127);
        }
        syscall(SYS_close_range, 6, ~0U, 0);
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        execv(arguments[0], arguments);
        _exit(127);
    }
    int code = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    for (int i = 0; i < 6; i++) close(copies[i]);
    close(null);
    errno = code;
    return child;
}
