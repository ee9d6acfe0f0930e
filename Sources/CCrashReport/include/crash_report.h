// The report of a crash: a line that names the plugin, the callback and the thread when a fatal signal ends the
// process.
//
// In C, because a signal handler may only call async-signal-safe functions, and Swift guarantees this for none of its
// code. What the handler reads is prepared before, in memory that is never freed: each thread that runs plugin code
// registers the word in which it publishes its running callback anyway, and each plugin its name, files and addresses.
// A callback therefore costs nothing for it.
#pragma once

#include <stdint.h>

// What is known of one load of a plugin. Never freed.
typedef struct jf_crash_plugin jf_crash_plugin;

// A callback. The word of a thread holds the address of one of these while it runs, else 0. Never freed.
typedef struct jf_crash_callback {
    // The caller's object, which the caller may set later; the handler does not use it.
    const void *object;
    // UTF-8, terminated: "the handler of 'chat' of '/'".
    const char *title;
    // Whose callback it is; NULL: of the plugin that the thread belongs to.
    const jf_crash_plugin *plugin;
} jf_crash_callback;

// Makes a callback. `title` is copied.
jf_crash_callback *jf_crash_callback_make(const void *object, const char *title, const jf_crash_plugin *plugin);

// Makes a plugin; texts are copied. [any-thread]
jf_crash_plugin *jf_crash_plugin_make(const char *name, const char *file);

// Changes its name.
void jf_crash_plugin_rename(jf_crash_plugin *plugin, const char *name);

// Sets where its code is loaded from. `build_id` is hexadecimal, or empty.
void jf_crash_plugin_set_copy(jf_crash_plugin *plugin, const char *copy, const char *build_id);

// Sets the addresses of its code: those of the library that `address` lies in.
void jf_crash_plugin_set_code(jf_crash_plugin *plugin, const void *address);

// The plugin whose library has this address; NULL if none. [any-thread, async-signal-safe]
const jf_crash_plugin *jf_crash_plugin_at(uintptr_t address);

// Sets the folder with the private copies of plugins: a descriptor, or -1. The handler sets its time of change to the
// present, so that the copies are kept as those of a process that has just ended.
void jf_crash_set_folder(int32_t folder);

// Registers the calling thread, and gives it a stack for signal handlers if it has none, so that a stack overflow can
// be reported.
//
// `running` is the word with the address of the running jf_crash_callback; it must be valid until
// jf_crash_thread_leave, or the end of the thread. `plugin` is NULL if the thread belongs to no plugin.
void jf_crash_thread_enter(const jf_crash_plugin *plugin, const void *running);

// Undoes jf_crash_thread_enter; at the end of the thread.
void jf_crash_thread_leave(void);

// How the line is written.
enum { JF_CRASH_TEXT = 0, JF_CRASH_JSON = 1 };

// Installs the handler of SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP and SIGABRT. Call it once in a process, before any
// plugin is loaded.
//
// The handler writes one line to standard error, appends a record to `file` (a descriptor, or -1 for none), restores
// the action that the signal had before, and passes the signal on to it: the exit status and core dumps stay those of
// the signal. A signal that is ignored stays so.
//
// A call of exit is reported in the same way, unless jf_crash_expect_exit was called before.
//
// The record is one line with a JSON object: time, at (the time in milliseconds since 1970), pid, signal, thread, and,
// as far as known, plugin, file, build_id and callback.
//
// `consequence` is the end of the line; it is not copied: "the process ends, all clients are disconnected".
void jf_crash_install(int32_t file, int32_t format, const char *consequence);

// Says that the process is about to end by itself: exit is not reported from now on.
void jf_crash_expect_exit(void);
