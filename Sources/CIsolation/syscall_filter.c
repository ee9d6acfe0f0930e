#define _GNU_SOURCE
#include "syscall_filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

#define LOAD(field)  BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define ALLOW        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define REFUSE(code) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (code))
#define DENY(name)   BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1), REFUSE(EPERM)
#define NAMESPACE_FLAGS \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

// Missing in older headers of the kernel.
#ifndef SYS_process_madvise
#define SYS_process_madvise 440
#endif
#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif

int32_t jf_syscall_filter_install(void) {
#ifdef ARCHITECTURE
    static struct sock_filter code[] = {
        // A call by the numbers of another architecture, such as 32-bit x86.
        LOAD(arch),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0),
        REFUSE(EPERM),
        LOAD(nr),
#if defined(__x86_64__)
        // x32: the same numbers with this bit.
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1),
        REFUSE(EPERM),
        DENY(iopl),
        DENY(ioperm),
        DENY(modify_ldt),
        DENY(uselib),
        DENY(_sysctl),
        DENY(create_module),
        DENY(get_kernel_syms),
        DENY(query_module),
#endif
        DENY(ptrace),
        DENY(process_vm_readv),
        DENY(process_vm_writev),
        DENY(process_madvise),
        DENY(pidfd_getfd),
        DENY(kcmp),
        DENY(mount),
        DENY(umount2),
        DENY(pivot_root),
        DENY(chroot),
        DENY(fsopen),
        DENY(fsconfig),
        DENY(fsmount),
        DENY(fspick),
        DENY(open_tree),
        DENY(move_mount),
        DENY(mount_setattr),
        DENY(setns),
        DENY(unshare),
        DENY(init_module),
        DENY(finit_module),
        DENY(delete_module),
        DENY(kexec_load),
#ifdef SYS_kexec_file_load
        DENY(kexec_file_load),
#endif
        DENY(reboot),
        DENY(swapon),
        DENY(swapoff),
        DENY(bpf),
        DENY(perf_event_open),
        DENY(userfaultfd),
        DENY(add_key),
        DENY(request_key),
        DENY(keyctl),
        DENY(acct),
        DENY(quotactl),
        DENY(syslog),
        DENY(vhangup),
        DENY(settimeofday),
        DENY(clock_settime),
        DENY(clock_adjtime),
        DENY(adjtimex),
        DENY(sethostname),
        DENY(setdomainname),
        DENY(open_by_handle_at),
        DENY(name_to_handle_at),
        DENY(lookup_dcookie),
        DENY(nfsservctl),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1),
        REFUSE(ENOSYS),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 1, 0),
        ALLOW,
        // The lower half of the flags of clone, on a little-endian machine.
        LOAD(args[0]),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, NAMESPACE_FLAGS, 0, 1),
        REFUSE(EPERM),
        ALLOW,
    };
    struct sock_fprog program = { .len = sizeof code / sizeof code[0], .filter = code };
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0 ? 0 : errno;
#else
    return ENOTSUP;
#endif
}
