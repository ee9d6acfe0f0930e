#define _GNU_SOURCE
#include "check_record.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
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

static void set(char *target, uint64_t capacity, const char *text, uint64_t length) {
    if (length > capacity - 1) length = capacity - 1;
    memcpy(target, text, length);
    target[length] = 0;
}

void jf_check_record_set_step(jf_check_record *record, const char *text, uint64_t length) {
    set(record->step, sizeof record->step, text, length);
}

void jf_check_record_set_callback(jf_check_record *record, const char *text, uint64_t length) {
    set(record->callback, sizeof record->callback, text, length);
}

// The other process may have written anything.
const char *jf_check_record_step(const jf_check_record *record) {
    ((char *)record->step)[sizeof record->step - 1] = 0;
    return record->step;
}

const char *jf_check_record_callback(const jf_check_record *record) {
    ((char *)record->callback)[sizeof record->callback - 1] = 0;
    return record->callback;
}

const char *jf_check_record_thread(const jf_check_record *record) {
    ((char *)record->thread)[sizeof record->thread - 1] = 0;
    return record->thread;
}

const char *jf_check_record_symbol(const jf_check_record *record) {
    ((char *)record->symbol)[sizeof record->symbol - 1] = 0;
    return record->symbol;
}

// MARK: Crashes

static const int fatal[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT, SIGSYS };
#define FATAL_COUNT (sizeof fatal / sizeof fatal[0])

static jf_check_record *watched;
static int wake = -1;
static volatile int released;
static int crashing;

static void on_crash(int number, siginfo_t *info, void *context) {
    // A second thread that crashes meanwhile waits for the first one to end the process.
    if (__atomic_exchange_n(&crashing, 1, __ATOMIC_SEQ_CST)) {
        for (;;) pause();
    }
    watched->signal = number;
    watched->address = (uint64_t)(uintptr_t)info->si_addr;
    ucontext_t *machine = context;
#if defined(__x86_64__)
    watched->code = (uint64_t)machine->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    watched->code = machine->uc_mcontext.pc;
#endif
    prctl(PR_GET_NAME, watched->thread);
    if (write(wake, "", 1) == 1) {
        struct timespec pause = { 0, 5 * 1000 * 1000 };
        for (int i = 0; i < 400 && !released; i++) nanosleep(&pause, NULL);
    }
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = SIG_DFL;
    sigaction(number, &action, NULL);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), number);
}

void jf_check_record_watch(jf_check_record *record, int32_t descriptor) {
    watched = record;
    wake = descriptor;
    for (size_t i = 0; i < FATAL_COUNT; i++) {
        struct sigaction action;
        memset(&action, 0, sizeof action);
        action.sa_sigaction = on_crash;
        action.sa_flags = SA_SIGINFO | SA_ONSTACK;
        sigemptyset(&action.sa_mask);
        sigaction(fatal[i], &action, NULL);
    }
}

void jf_check_record_release(void) { released = 1; }

void jf_check_record_set_symbol(jf_check_record *record) {
    Dl_info info;
    if (dladdr((void *)(uintptr_t)record->code, &info) == 0 || !info.dli_fname) return;
    const char *slash = strrchr(info.dli_fname, '/');
    snprintf(record->symbol, sizeof record->symbol, "%s in %s", info.dli_sname ? info.dli_sname : "a function",
             slash ? slash + 1 : info.dli_fname);
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
