#define _GNU_SOURCE
#include "worker_process.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "syscall_filter.h"

// In <linux/sched.h>, which defines some types of <sched.h> a second time.
#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x00001000
#endif

// What the parent and the child share. The child runs in the parent's memory, on a stack of its own, until execve().
typedef struct launch {
    const jf_worker_settings *settings;
    pid_t parent;
    char oom_score[12]; // decimal digits
    // Written by the child when a step fails.
    int code;
    const char *step;
} launch;

static int fail(launch *launch, const char *step, int code) {
    launch->code = code;
    launch->step = step;
    return 127;
}

// A child in the parent's memory must not call the C library's setrlimit-like functions that touch other threads:
// setuid() of the C library would change the ids of the parent's threads. System calls concern the child alone.
static int become(uint32_t user, uint32_t group) {
    gid_t only = group;
    if (syscall(SYS_setgroups, (size_t)1, &only) != 0) return errno;
    if (syscall(SYS_setresgid, group, group, group) != 0) return errno;
    if (syscall(SYS_setresuid, user, user, user) != 0) return errno;
    return 0;
}

static int set_limit(int resource, int64_t value) {
    if (value < 0) return 0;
    struct rlimit limit;
    if (getrlimit(resource, &limit) != 0) return errno;
    // An unprivileged process cannot raise its hard limit.
    rlim_t wanted = (rlim_t)value;
    if (wanted > limit.rlim_max && geteuid() != 0) wanted = limit.rlim_max;
    limit.rlim_cur = limit.rlim_max = wanted;
    return setrlimit(resource, &limit) == 0 ? 0 : errno;
}

static void set_oom_score(const char *score) {
    int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (file < 0) return;
    // Without the score the kernel may end the daemon before the worker when memory is short, as without isolation.
    ssize_t written = write(file, score, strlen(score));
    (void)written;
    close(file);
}

static int set_descriptors(const jf_worker_settings *settings) {
    // Above the numbers that are assigned below, in case the daemon was started without standard descriptors.
    int channel = fcntl(settings->channel, F_DUPFD, 10);
    int output = fcntl(settings->output, F_DUPFD, 10);
    int input = open("/dev/null", O_RDONLY);
    if (channel < 0 || output < 0 || input < 0) return errno;
    if (input != 0 && dup2(input, 0) < 0) return errno;
    if (dup2(output, 1) < 0 || dup2(output, 2) < 0 || dup2(channel, JF_WORKER_CHANNEL) < 0) return errno;
    return syscall(SYS_close_range, JF_WORKER_CHANNEL + 1, ~0U, 0) == 0 ? 0 : errno;
}

static int run_child(void *argument) {
    launch *launch = argument;
    const jf_worker_settings *settings = launch->settings;
    int code;
    // The handlers are the parent's functions. All signals are blocked until they are removed.
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = SIG_DFL;
    for (int number = 1; number < NSIG; number++) sigaction(number, &action, NULL);
    if (setpgid(0, 0) != 0) return fail(launch, "making a process group", errno);
    if ((code = set_descriptors(settings)) != 0) return fail(launch, "setting the descriptors", code);
    set_oom_score(launch->oom_score);
    if ((code = set_limit(RLIMIT_CORE, settings->core_bytes)) != 0) return fail(launch, "setting RLIMIT_CORE", code);
    if ((code = set_limit(RLIMIT_NOFILE, settings->open_files)) != 0)
        return fail(launch, "setting RLIMIT_NOFILE", code);
    if ((code = set_limit(RLIMIT_NPROC, settings->processes)) != 0) return fail(launch, "setting RLIMIT_NPROC", code);
    // Before the change of the user, who may have no access to the folders above it.
    if (chdir(settings->folder) != 0) return fail(launch, "changing to the working folder", errno);
    if (settings->has_user && (code = become(settings->user, settings->group)) != 0)
        return fail(launch, "changing the user", code);
    // After the change of the user, which clears it.
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) return fail(launch, "setting the parent-death signal", errno);
    if (getppid() != launch->parent) return fail(launch, "finding the parent", ESRCH);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return fail(launch, "setting no_new_privs", errno);
    if (settings->has_filter && (code = jf_syscall_filter_install()) != 0)
        return fail(launch, "installing the seccomp filter", code);
    // Last, because the address space is the parent's until execve().
    if ((code = set_limit(RLIMIT_AS, settings->address_bytes)) != 0) return fail(launch, "setting RLIMIT_AS", code);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve(settings->executable, settings->arguments, settings->environment);
    return fail(launch, "executing the worker", errno);
}

// 0 if it is unknown.
static int own_oom_score(void) {
    char text[16];
    int file = open("/proc/self/oom_score_adj", O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    ssize_t length = read(file, text, sizeof text - 1);
    close(file);
    text[length > 0 ? length : 0] = 0;
    return atoi(text);
}

void jf_worker_start(const jf_worker_settings *settings, jf_worker_started *result) {
    enum { STACK_BYTES = 64 << 10 };
    launch launch = { .settings = settings, .parent = getpid() };
    int score = own_oom_score() + (settings->oom_bias < 1000 ? settings->oom_bias : 1000);
    snprintf(launch.oom_score, sizeof launch.oom_score, "%d", score < 1000 ? score : 1000);
    result->process = result->descriptor = -1;
    char *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED) {
        result->code = errno;
        result->step = "allocating a stack";
        return;
    }
    // As posix_spawn() of the C library does it: with CLONE_VFORK the page tables are not copied, which would take
    // milliseconds in a large daemon, and this thread continues after execve(). No handler of a signal may run in the
    // child, because it would change the parent's memory.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int descriptor = -1;
    // Stacks grow downwards on all processors of Swift on Linux.
    pid_t process =
        clone(run_child, stack + STACK_BYTES, CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &launch, &descriptor);
    int code = process < 0 ? errno : 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    munmap(stack, STACK_BYTES);
    if (process < 0) {
        result->code = code;
        result->step = "starting a process";
        return;
    }
    if (launch.code != 0) {
        int status;
        while (waitpid(process, &status, 0) < 0 && errno == EINTR) {}
        close(descriptor);
        result->code = launch.code;
        result->step = launch.step;
        return;
    }
    result->process = process;
    result->descriptor = descriptor;
    result->code = 0;
    result->step = "";
}

int32_t jf_worker_adopt(int32_t parent, const char *name) {
    // execve() of a file with capabilities clears the signal.
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    prctl(PR_SET_NAME, name, 0, 0, 0);
    return getppid() == parent ? 0 : -1;
}

int64_t jf_worker_resident_bytes(int32_t process) {
    char path[32], text[128];
    snprintf(path, sizeof path, "/proc/%d/statm", process);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return -1;
    ssize_t length = read(file, text, sizeof text - 1);
    close(file);
    if (length <= 0) return -1;
    text[length] = 0;
    long long total, resident;
    if (sscanf(text, "%lld %lld", &total, &resident) != 2) return -1;
    return resident * sysconf(_SC_PAGESIZE);
}

void jf_worker_kill(int32_t process) {
    kill(process, SIGKILL);
    kill(-process, SIGKILL);
}

int32_t jf_worker_wait(int32_t process, int32_t *status) {
    int value = 0;
    pid_t found;
    do { found = waitpid(process, &value, 0); } while (found < 0 && errno == EINTR);
    if (found != process) return -1;
    if (WIFEXITED(value)) {
        *status = WEXITSTATUS(value);
        return 0;
    }
    *status = WTERMSIG(value);
    return WCOREDUMP(value) ? 2 : 1;
}

int32_t jf_pipe_open(int32_t *reader, int32_t *writer) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return errno;
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    *reader = ends[0];
    *writer = ends[1];
    return 0;
}
