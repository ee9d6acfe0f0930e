#define _GNU_SOURCE
#include "crash_report.h"

#include "crash_text.h"

#include <errno.h>
#include <link.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

struct jf_crash_plugin {
    _Atomic(const char *) name;
    _Atomic(const char *) copy;
    _Atomic(const char *) build_id;
    const char *file;
    // The addresses of its code; `end` is 0 until they are known.
    uintptr_t start;
    _Atomic(uintptr_t) end;
    struct jf_crash_plugin *next;
};

// All plugins ever loaded, the newest first.
static _Atomic(struct jf_crash_plugin *) plugins;

// What the calling thread has registered. `initial-exec`: reading it in a signal handler calls nothing and allocates
// nothing.
static __thread __attribute__((tls_model("initial-exec"))) struct {
    const jf_crash_plugin *plugin;
    const _Atomic(uintptr_t) *running;
    // The stack for signal handlers that jf_crash_thread_enter has made; NULL if the thread had one.
    void *stack;
} own;

static const int fatal[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT };
static const char *const fatal_names[] = { "SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGTRAP", "SIGABRT" };
#define FATAL_COUNT (sizeof fatal / sizeof fatal[0])

// Bytes of a stack for signal handlers: enough for Swift's handler, which may run after this one.
#define STACK_SIZE   (128 * 1024)
// How far from its top the stack of the thread is searched for code of plugins.
#define SEARCHED     (256 * 1024)
// How long a second thread that crashes waits for the report of the first one, in milliseconds.
#define LONGEST_WAIT 2000

static struct sigaction previous[FATAL_COUNT];
// The process that is reported. A child that a plugin has forked is not.
static pid_t process;
static int32_t record_file = -1;
static _Atomic(int32_t) copies_folder = -1;
static int32_t line_format;
static const char *line_end;
// The addresses of the host's code.
static uintptr_t host_start, host_end;
// The kernel's number of the thread that reports; 0: none yet.
static _Atomic(int32_t) reporter;
static _Atomic(int32_t) is_reported;
// Whether the process is about to end by itself.
static _Atomic(int32_t) is_expected;
static struct text exit_text;

// ---- What is prepared

jf_crash_callback *jf_crash_callback_make(const void *object, const char *title, const jf_crash_plugin *plugin) {
    jf_crash_callback *callback = malloc(sizeof *callback);
    if (!callback) abort();
    callback->object = object;
    callback->title = strdup(title);
    callback->plugin = plugin;
    return callback;
}

jf_crash_plugin *jf_crash_plugin_make(const char *name, const char *file) {
    jf_crash_plugin *plugin = calloc(1, sizeof *plugin);
    if (!plugin) abort();
    atomic_store(&plugin->name, strdup(name));
    plugin->file = strdup(file);
    plugin->next = atomic_load(&plugins);
    while (!atomic_compare_exchange_weak(&plugins, &plugin->next, plugin)) {}
    return plugin;
}

// The text before is not freed, because a handler may be reading it.
void jf_crash_plugin_rename(jf_crash_plugin *plugin, const char *name) { atomic_store(&plugin->name, strdup(name)); }

void jf_crash_plugin_set_copy(jf_crash_plugin *plugin, const char *copy, const char *build_id) {
    atomic_store(&plugin->copy, strdup(copy));
    if (build_id[0]) atomic_store(&plugin->build_id, strdup(build_id));
}

struct range {
    uintptr_t address, start, end;
};

static int find_range(struct dl_phdr_info *library, size_t size, void *context) {
    struct range *range = context;
    uintptr_t start = UINTPTR_MAX, end = 0;
    (void)size;
    for (int i = 0; i < library->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &library->dlpi_phdr[i];
        if (segment->p_type != PT_LOAD || !(segment->p_flags & PF_X)) continue;
        uintptr_t first = library->dlpi_addr + segment->p_vaddr;
        if (first < start) start = first;
        if (first + segment->p_memsz > end) end = first + segment->p_memsz;
    }
    if (range->address < start || range->address >= end) return 0;
    range->start = start;
    range->end = end;
    return 1;
}

void jf_crash_plugin_set_code(jf_crash_plugin *plugin, const void *address) {
    struct range range = { (uintptr_t)address, 0, 0 };
    if (!dl_iterate_phdr(find_range, &range)) return;
    plugin->start = range.start;
    atomic_store(&plugin->end, range.end);
}

const jf_crash_plugin *jf_crash_plugin_at(uintptr_t address) {
    for (const jf_crash_plugin *plugin = atomic_load(&plugins); plugin; plugin = plugin->next)
        if (address < atomic_load(&plugin->end) && address >= plugin->start) return plugin;
    return NULL;
}

static const char *name_of(const jf_crash_plugin *plugin) { return atomic_load(&plugin->name); }

void jf_crash_set_folder(int32_t folder) { atomic_store(&copies_folder, folder); }

void jf_crash_thread_enter(const jf_crash_plugin *plugin, const void *running) {
    stack_t now, stack;
    own.plugin = plugin;
    own.running = running;
    if (sigaltstack(NULL, &now) != 0 || !(now.ss_flags & SS_DISABLE)) return;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    // The lowest page stays inaccessible: a handler that needs more stack must not write into other memory.
    char *memory = mmap(NULL, page + STACK_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (memory == MAP_FAILED) return;
    memset(&stack, 0, sizeof stack);
    stack.ss_sp = memory + page;
    stack.ss_size = STACK_SIZE;
    if (mprotect(stack.ss_sp, STACK_SIZE, PROT_READ | PROT_WRITE) != 0 || sigaltstack(&stack, NULL) != 0) {
        munmap(memory, page + STACK_SIZE);
        return;
    }
    own.stack = memory;
}

void jf_crash_thread_leave(void) {
    own.plugin = NULL;
    own.running = NULL;
    if (!own.stack) return;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    stack_t none, now;
    memset(&none, 0, sizeof none);
    none.ss_flags = SS_DISABLE;
    // Other code may have set a stack of its own meanwhile, which then stays in use.
    if (sigaltstack(NULL, &now) == 0 && now.ss_sp == (char *)own.stack + page) sigaltstack(&none, NULL);
    munmap(own.stack, page + STACK_SIZE);
    own.stack = NULL;
}

// ---- In the handler: only async-signal-safe functions from here on

// What is found out about a crash.
struct crash {
    // "SIGSEGV", or "exit(2)".
    char end[16];
    // The process that has sent the signal, if it is another one; 0: none.
    uint64_t sender;
    // The memory that could not be used.
    int has_address;
    uintptr_t address;
    // Whether it is a call of exit, which has no failing instruction.
    int is_exit;
    // The instruction that failed, and what is mapped there.
    uintptr_t instruction;
    struct mapping mapping;
    // Whose code that is; NULL: not a plugin's.
    const jf_crash_plugin *code;
    // The first address on the stack that is code of a plugin, and whose; 0 if there is none, or `code` is set.
    uintptr_t caller;
    const jf_crash_plugin *caller_code;
    struct mapping caller_mapping;
    // The callback that the thread was running; NULL if none.
    const jf_crash_callback *callback;
    const jf_crash_plugin *callback_plugin;
    // The plugin that is named; NULL if none.
    const jf_crash_plugin *plugin;
    char thread[17];
};

static void registers(const void *context, uintptr_t *instruction, uintptr_t *stack) {
    const ucontext_t *state = context;
#if defined(__x86_64__)
    *instruction = (uintptr_t)state->uc_mcontext.gregs[REG_RIP];
    *stack = (uintptr_t)state->uc_mcontext.gregs[REG_RSP];
#elif defined(__aarch64__)
    *instruction = (uintptr_t)state->uc_mcontext.pc;
    *stack = (uintptr_t)state->uc_mcontext.sp;
#else
#error "add this machine's registers"
#endif
}

// Copies memory that may not be mapped, for which the kernel is asked. Returns the number of bytes.
static size_t copy_memory(void *out, uintptr_t address, size_t size) {
    struct iovec to = { out, size }, from = { (void *)address, size };
    ssize_t count = process_vm_readv(getpid(), &to, 1, &from, 1, 0);
    return count > 0 ? (size_t)count : 0;
}

// Whether a call instruction ends at this address. Addresses of functions, which are on the stack as well, have none.
static int follows_call(uintptr_t address) {
    unsigned char code[7];
    if (copy_memory(code, address - sizeof code, sizeof code) != sizeof code) return 0;
    const unsigned char *end = code + sizeof code;
#if defined(__x86_64__)
    // call rel32; call through a register or memory (FF /2), which has 2, 3, 4, 6 or 7 bytes.
    if (end[-5] == 0xE8) return 1;
    for (int length = 2; length <= 7; length++)
        if (length != 5 && end[-length] == 0xFF && (end[1 - length] & 0x38) == 0x10) return 1;
    return 0;
#else
    uint32_t instruction;
    memcpy(&instruction, end - 4, 4);
    // bl and blr.
    return instruction >> 26 == 0x25 || (instruction & 0xFFFFFC1F) == 0xD63F0000;
#endif
}

// Finds the first word from `stack` on that looks like a return address into a plugin's code.
static uintptr_t find_caller(uintptr_t stack, const jf_crash_plugin **plugin) {
    static uintptr_t words[512];
    uintptr_t at = stack & ~(uintptr_t)(sizeof words[0] - 1);
    for (size_t done = 0; done < SEARCHED; done += sizeof words, at += sizeof words) {
        size_t count = copy_memory(words, at, sizeof words);
        for (size_t i = 0; i < count / sizeof words[0]; i++)
            if ((*plugin = jf_crash_plugin_at(words[i])) && follows_call(words[i])) return words[i];
        if (count < sizeof words) break;
    }
    *plugin = NULL;
    return 0;
}

// Finds out whose code runs. `stack` is where the stack of the thread is searched.
static void find_plugin(struct crash *crash, uintptr_t stack) {
    if (!crash->code) {
        crash->caller = find_caller(stack, &crash->caller_code);
        if (crash->caller) crash_find_mapping(crash->caller, &crash->caller_mapping);
    }
    crash->plugin = crash->code ? crash->code : crash->callback_plugin;
    // A thread that the host has not registered is a thread of the plugin whose code is on its stack.
    if (!crash->plugin && !own.running) crash->plugin = crash->caller_code;
}

static void find_callback(struct crash *crash) {
    prctl(PR_GET_NAME, crash->thread, 0, 0, 0);
    if (own.running) crash->callback = (const jf_crash_callback *)atomic_load(own.running);
    if (crash->callback) crash->callback_plugin = crash->callback->plugin ? crash->callback->plugin : own.plugin;
}

static void examine_signal(struct crash *crash, int number, const siginfo_t *info, const void *context) {
    uintptr_t stack;
    memset(crash, 0, sizeof *crash);
    for (size_t i = 0; i < FATAL_COUNT; i++)
        if (fatal[i] == number) memcpy(crash->end, fatal_names[i], strlen(fatal_names[i]));
    find_callback(crash);
    if ((info->si_code == SI_USER || info->si_code == SI_QUEUE) && info->si_pid != getpid()) {
        crash->sender = (uint64_t)info->si_pid;
        return;
    }
    // The kernel does not say which address it was if no memory can have it.
    crash->has_address = (number == SIGSEGV || number == SIGBUS) && info->si_code != SI_KERNEL;
    crash->address = (uintptr_t)info->si_addr;
    registers(context, &crash->instruction, &stack);
    crash_find_mapping(crash->instruction, &crash->mapping);
    crash->code = jf_crash_plugin_at(crash->instruction);
    // While its constructors run, the addresses of a plugin's code are not known yet.
    if (!crash->code && crash->callback_plugin) {
        const char *copy = atomic_load(&crash->callback_plugin->copy);
        if (copy && strcmp(copy, crash->mapping.path) == 0) crash->code = crash->callback_plugin;
    }
    find_plugin(crash, stack);
}

// "libc.so.6+0x9c123", or the address alone.
static void add_code(struct text *text, uintptr_t address, const struct mapping *mapping) {
    if (mapping->path[0]) {
        const char *slash = strrchr(mapping->path, '/');
        text_add(text, slash ? slash + 1 : mapping->path);
        text_add(text, "+");
        text_add_hex(text, address - mapping->base);
    } else {
        text_add_hex(text, address);
    }
}

static void add_plugin(struct text *text, const jf_crash_plugin *plugin) {
    const char *copy = atomic_load(&plugin->copy), *build_id = atomic_load(&plugin->build_id);
    text_add(text, " in plugin '");
    text_add(text, name_of(plugin));
    text_add(text, "' (file ");
    text_add(text, plugin->file);
    if (build_id) {
        text_add(text, ", build-id ");
        text_add(text, build_id);
    }
    if (copy) {
        text_add(text, ", copy ");
        text_add(text, copy);
    }
    text_add(text, "): ");
}

static void add_place(struct text *text, const struct crash *crash) {
    if (crash->callback) {
        text_add(text, crash->callback->title);
        if (crash->callback_plugin != crash->plugin && crash->callback_plugin) {
            text_add(text, " of plugin '");
            text_add(text, name_of(crash->callback_plugin));
            text_add(text, "'");
        }
        text_add(text, " on thread ");
    } else {
        text_add(text, crash->plugin && !own.running ? "its own thread " : "thread ");
    }
    text_add(text, crash->thread);
}

static void add_instruction(struct text *text, const struct crash *crash) {
    text_add(text, crash->mapping.is_executable ? ", in code of " : ", at ");
    if (crash->code) text_add(text, "the plugin, ");
    if (!crash->code && crash->instruction >= host_start && crash->instruction < host_end) text_add(text, "the host, ");
    add_code(text, crash->instruction, &crash->mapping);
    if (!crash->mapping.is_executable) text_add(text, ", where no code is");
}

static void add_message(struct text *text, const struct crash *crash) {
    text_add(text, "fatal: ");
    text_add(text, crash->end);
    if (crash->sender) {
        text_add(text, ", sent by process ");
        text_add_number(text, crash->sender);
    }
    if (crash->has_address) {
        text_add(text, " at address ");
        text_add_hex(text, crash->address);
    }
    if (crash->plugin) {
        add_plugin(text, crash->plugin);
    } else {
        text_add(text, crash->sender ? ": " : " in the host: ");
    }
    add_place(text, crash);
    // A jump to 0 is a crash at the instruction 0.
    if (!crash->is_exit && !crash->sender) add_instruction(text, crash);
    if (crash->caller && (!crash->plugin || crash->caller_code == crash->plugin)) {
        text_add(text, ", probably called from ");
        add_code(text, crash->caller, &crash->caller_mapping);
    }
    text_add(text, "; ");
    text_add(text, line_end);
}

static void write_all(int descriptor, const struct text *text) {
    size_t done = 0;
    while (done < text->count) {
        ssize_t count = write(descriptor, text->bytes + done, text->count - done);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return;
        done += (size_t)count;
    }
}

static void add_member(struct text *text, const char *name, const char *value) {
    text_add_raw(text, text->count > 1 ? ",\"" : "\"");
    text_add_raw(text, name);
    text_add_raw(text, "\":\"");
    text_add(text, value);
    text_add_raw(text, "\"");
}

static void write_line(const struct crash *crash, const char *now) {
    static struct text text;
    if (line_format == JF_CRASH_JSON) {
        text_begin(&text, TEXT_JSON);
        text_add_raw(&text, "{");
        add_member(&text, "time", now);
        add_member(&text, "level", "critical");
        add_member(&text, "logger", "jackfield");
        text_add_raw(&text, ",\"message\":\"");
        add_message(&text, crash);
        text_add_raw(&text, "\"");
        if (crash->plugin) add_member(&text, "plugin", name_of(crash->plugin));
        text_add_raw(&text, "}\n");
    } else {
        text_begin(&text, TEXT_PLAIN);
        text_add(&text, now);
        text_add(&text, " CRITICAL ");
        add_message(&text, crash);
        if (crash->plugin) {
            text_add(&text, " plugin=");
            text_add(&text, name_of(crash->plugin));
        }
        text_add_raw(&text, "\n");
    }
    write_all(STDERR_FILENO, &text);
}

static void write_record(const struct crash *crash, const char *now) {
    static struct text text;
    if (record_file < 0) return;
    text_begin(&text, TEXT_JSON);
    text_add_raw(&text, "{");
    add_member(&text, "time", now);
    text_add_raw(&text, ",\"at\":");
    text_add_number(&text, text_milliseconds());
    text_add_raw(&text, ",\"pid\":");
    text_add_number(&text, (uint64_t)getpid());
    add_member(&text, "signal", crash->end);
    add_member(&text, "thread", crash->thread);
    if (crash->plugin) {
        const char *build_id = atomic_load(&crash->plugin->build_id);
        add_member(&text, "plugin", name_of(crash->plugin));
        add_member(&text, "file", crash->plugin->file);
        if (build_id) add_member(&text, "build_id", build_id);
        if (crash->callback) add_member(&text, "callback", crash->callback->title);
    }
    text_add_raw(&text, "}\n");
    write_all(record_file, &text);
    // The process may take the machine down with it only after the record is written.
    fdatasync(record_file);
}

static void report(const struct crash *crash) {
    char now[32];
    text_time(now, sizeof now);
    write_line(crash, now);
    write_record(crash, now);
    if (atomic_load(&copies_folder) >= 0) futimens(atomic_load(&copies_folder), NULL);
    atomic_store(&is_reported, 1);
}

// Gives the signal to the action that it had before. It then ends the process as if there had been no handler.
static void pass_on(int number, siginfo_t *info, void *context) {
    const struct sigaction *before = NULL;
    for (size_t i = 0; i < FATAL_COUNT; i++)
        if (fatal[i] == number) before = &previous[i];
    if (!before) return;
    sigaction(number, before, NULL);
    if (before->sa_handler != SIG_DFL && before->sa_handler != SIG_IGN) {
        if (before->sa_flags & SA_SIGINFO) {
            before->sa_sigaction(number, info, context);
        } else {
            before->sa_handler(number);
        }
        return;
    }
    // An instruction that fails runs again after the handler, and fails again: a core dump has its exact place.
    int runs_again = number == SIGSEGV || number == SIGBUS || number == SIGILL || number == SIGFPE;
    if (info->si_code > 0 && runs_again) return;
    // Blocked until the handler returns, so that a core dump has the stack of the signal and not of this handler.
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, number);
    pthread_sigmask(SIG_BLOCK, &blocked, NULL);
    syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), number);
}

static void on_fatal_signal(int number, siginfo_t *info, void *context) {
    // Static, because the stack may be small.
    static struct crash crash;
    int saved = errno;
    int32_t self = (int32_t)syscall(SYS_gettid), nobody = 0;
    if (getpid() != process) {
        pass_on(number, info, context);
        return;
    }
    if (atomic_compare_exchange_strong(&reporter, &nobody, self)) {
        examine_signal(&crash, number, info, context);
        report(&crash);
    } else if (nobody != self) {
        // Another thread crashes too: the process must not end before the report of the first one is complete.
        for (int waited = 0; waited < LONGEST_WAIT && !atomic_load(&is_reported); waited += 10) {
            struct timespec pause = { 0, 10 * 1000 * 1000 };
            nanosleep(&pause, NULL);
        }
    }
    // Else this handler itself has crashed, or the action before returned.
    errno = saved;
    pass_on(number, info, context);
}

// Runs when a thread calls exit. The daemon itself says before that it ends.
static void on_process_exit(int status, void *context) {
    static struct crash crash;
    struct text *text = &exit_text;
    int32_t self = (int32_t)syscall(SYS_gettid), nobody = 0;
    (void)context;
    if (getpid() != process || atomic_load(&is_expected)) return;
    if (!atomic_compare_exchange_strong(&reporter, &nobody, self)) return;
    memset(&crash, 0, sizeof crash);
    crash.is_exit = 1;
    text_begin(text, TEXT_PLAIN);
    text_add(text, "exit(");
    text_add_number(text, (uint64_t)(status & 0xFF));
    text_add(text, ")");
    memcpy(crash.end, text->bytes, text->count);
    find_callback(&crash);
    find_plugin(&crash, (uintptr_t)__builtin_frame_address(0));
    report(&crash);
}

void jf_crash_expect_exit(void) { atomic_store(&is_expected, 1); }

static int find_host(struct dl_phdr_info *executable, size_t size, void *context) {
    struct range *range = context;
    // The first one is the executable.
    for (int i = 0; i < executable->dlpi_phnum && !range->address; i++)
        if (executable->dlpi_phdr[i].p_type == PT_LOAD && executable->dlpi_phdr[i].p_flags & PF_X)
            range->address = executable->dlpi_addr + executable->dlpi_phdr[i].p_vaddr;
    find_range(executable, size, range);
    return 1;
}

void jf_crash_install(int32_t file, int32_t format, const char *consequence) {
    struct range range = { 0, 0, 0 };
    dl_iterate_phdr(find_host, &range);
    host_start = range.start;
    host_end = range.end;
    process = getpid();
    record_file = file;
    line_format = format;
    line_end = consequence;
    on_exit(on_process_exit, NULL);
    for (size_t i = 0; i < FATAL_COUNT; i++) {
        struct sigaction action;
        if (sigaction(fatal[i], NULL, &previous[i]) != 0 || previous[i].sa_handler == SIG_IGN) continue;
        memset(&action, 0, sizeof action);
        action.sa_sigaction = on_fatal_signal;
        // A crash within the handler must reach it, and then the action before.
        action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
        sigfillset(&action.sa_mask);
        for (size_t j = 0; j < FATAL_COUNT; j++) sigdelset(&action.sa_mask, fatal[j]);
        sigaction(fatal[i], &action, NULL);
    }
}
