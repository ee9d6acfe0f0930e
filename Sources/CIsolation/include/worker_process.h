// Starts a process with limits. In C, because between clone() and execve() only async-signal-safe functions may be
// called, and Swift guarantees this for none of its code.
#pragma once

#include <stdint.h>

typedef struct jf_worker_settings {
    const char *executable;
    // Both end with NULL. arguments[0] is the name that ps shows.
    char *const *arguments;
    char *const *environment;
    const char *folder;    // the working folder
    int32_t channel;       // a descriptor, which becomes JF_WORKER_CHANNEL
    int32_t output;        // a descriptor, which becomes standard output and standard error
    int64_t core_bytes;    // RLIMIT_CORE; -1: unchanged, as for the next three
    int64_t open_files;    // RLIMIT_NOFILE
    int64_t processes;     // RLIMIT_NPROC
    int64_t address_bytes; // RLIMIT_AS
    int32_t oom_bias;      // added to this process's oom_score_adj; at least 0
    int32_t has_user;      // whether to become `user` and `group`, with no other groups
    uint32_t user;
    uint32_t group;
    int32_t has_filter; // whether to install the seccomp filter of jf_syscall_filter_install
} jf_worker_settings;

enum { JF_WORKER_CHANNEL = 3 };

typedef struct jf_worker_started {
    int32_t process;    // its id, and that of its process group
    int32_t descriptor; // a pidfd, close-on-exec
    int32_t code;       // 0, or an errno: there is no process then
    const char *step;   // what failed, a static string
} jf_worker_started;

// Starts a process that
// - has the descriptors 0 (/dev/null), 1, 2 (`output`) and 3 (`channel`) and no other;
// - has a process group of its own, no blocked signal and no ignored signal;
// - gets SIGKILL when the calling *thread* ends, so call it on a thread that lives as long as this process;
// - cannot gain privileges by executing a file (no_new_privs).
//
// Returns after the process has executed its file, or has failed to. The calling thread is stopped for that time, and
// other threads are not.
void jf_worker_start(const jf_worker_settings *settings, jf_worker_started *result);

// For the worker, at its start: repeats what execve() may have undone, and sets the name that `top` shows (15 bytes).
// Returns 0 if `parent` is still the parent, otherwise -1: the worker must end.
int32_t jf_worker_adopt(int32_t parent, const char *name);

// The process's memory in use (resident) in bytes, or -1 if it does not exist.
int64_t jf_worker_resident_bytes(int32_t process);

// Sends SIGKILL to the process and to every process of its group. The process must not have been waited for.
void jf_worker_kill(int32_t process);

// Waits for a process that has ended.
//
// Returns 0 if it exited with *status, 1 if the signal *status ended it, 2 if it did and a core dump was written, or -1
// if the status is unknown, because other code of this process has waited for it.
int32_t jf_worker_wait(int32_t process, int32_t *status);

// Opens a pipe whose ends are close-on-exec and whose reading end is non-blocking. Returns 0 or an errno.
int32_t jf_pipe_open(int32_t *reader, int32_t *writer);
