// A seccomp filter for workers: a list of system calls that no plugin needs, and that would let one out of its process.
#pragma once

#include <stdint.h>

// Installs the filter for the calling thread and its future children. Needs no_new_privs. Async-signal-safe. Returns 0
// or an errno: ENOTSUP on a processor for which the filter was not written.
//
// Refused with EPERM: debugging of other processes, mounts and other roots, namespaces, modules and kexec, reboot,
// swap, bpf, performance counters, kernel keys, clocks, accounting, raw input and output ports, file handles.
// Refused with ENOSYS: clone3, so that the C library uses clone, whose flags the filter can read.
int32_t jf_syscall_filter_install(void);
