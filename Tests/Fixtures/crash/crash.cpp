/*
 * A plugin that ends the process in many ways. Each is an event, called on the strand; its configuration names one to
 * use elsewhere:
 *
 *     how: null           a way of the table `ways`
 *     where: create       where: constructor, main, create, timer, inline (the event `inline`), thread (the event
 *                         `thread`, on a thread of the plugin's own)
 */
#include <jackfield/jackfield.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <pthread.h>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

static const jf_host *host;
static jf_core_api core;
static jf_events_api io;
static jf_json_api json;
static std::string how, where;

static int *volatile nowhere;
static void (*volatile no_function)();
static volatile int one = 1, zero;

/*
 * Each is a function of its own, which the report can name by its address. No call is the last statement of its
 * function: the compiler would make it a jump, which leaves no return address.
 */
extern "C" {
__attribute__((noinline)) void crash_null() { *nowhere = 1; }
__attribute__((noinline)) void crash_abort() { abort(); }
__attribute__((noinline)) void crash_throw() { throw std::runtime_error("not caught"); }
__attribute__((noinline)) int crash_overflow(int depth) {
    volatile char much[4096];
    if (depth < 0) return 0;
    much[0] = (char)depth;
    return crash_overflow(depth + 1) + much[0];
}
__attribute__((noinline)) void crash_library() { nowhere[0] = (int)strlen((const char *)(char *volatile)nowhere); }
__attribute__((noinline)) void crash_jump() {
    no_function();
    zero = 0;
}
__attribute__((noinline)) void crash_trap() {
    raise(SIGTRAP);
    zero = 0;
}
__attribute__((noinline)) void crash_illegal() { __builtin_trap(); }
__attribute__((noinline)) void crash_divide() { zero = one / zero; }
__attribute__((noinline)) void crash_exit() { exit(3); }
}

static void fail(const std::string &way) {
    if (way == "null") crash_null();
    if (way == "abort") crash_abort();
    if (way == "throw") crash_throw();
    if (way == "overflow") crash_overflow(0);
    if (way == "library") crash_library();
    if (way == "jump") crash_jump();
    if (way == "trap") crash_trap();
    if (way == "illegal") crash_illegal();
    if (way == "divide") crash_divide();
    if (way == "exit") crash_exit();
}

static void *fail_on_thread(void *) {
    pthread_setname_np(pthread_self(), "crasher");
    fail(how);
    return nullptr;
}

static void on_event(void *, const jf_event *event) { fail(std::string(event->name.ptr, event->name.len)); }
/* A child crashes, which is not the daemon. */
static void on_fork(void *, const jf_event *event) {
    pid_t child = fork();
    if (child == 0) abort();
    waitpid(child, nullptr, 0);
    io.ack(host, event->ack, JF_TEXT("[]"), nullptr, 0);
}
static void on_inline(void *, const jf_event *) { fail(how); }
static void on_thread(void *, const jf_event *) {
    pthread_t thread;
    if (pthread_create(&thread, nullptr, fail_on_thread, nullptr) == 0) pthread_join(thread, nullptr);
}
static void on_timer(void *, void *) {
    if (where == "timer") fail(how);
}

static std::string setting(const char *pointer) {
    jf_text config;
    jf_json value = {};
    char text[64];
    uint64_t length = 0;
    if (core.config(host, &config) != JF_OK || json.read(host, config, jf_text_of(pointer), &value) != JF_OK ||
        value.kind != JF_JSON_STRING || json.text(host, value.raw, text, sizeof text, &length) != JF_OK)
        return "";
    return std::string(text, length);
}

static jf_code create(const jf_host *, void **, jf_error *) {
    if (where == "create") fail(how);
    return JF_OK;
}

static jf_event_decl declared[16];
static jf_timer_decl timers[1];

/* Runs before the host calls anything, so no configuration can be read. */
__attribute__((constructor)) static void construct() {
    if (getenv("CRASH_IN_CONSTRUCTOR")) crash_null();
}

extern "C" jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    static const char *const names[] = { "null", "abort", "throw",   "overflow", "library",
                                         "jump", "trap",  "illegal", "divide",   "exit" };
    uint32_t count = 0;
    jf_code code;
    host = boot->host;
    if ((code = boot->query(host, JF_CORE, &core, sizeof core)) ||
        (code = boot->query(host, JF_EVENTS, &io, sizeof io)) ||
        (code = boot->query(host, JF_JSON, &json, sizeof json)))
        return code;
    how = setting("/how");
    where = setting("/where");
    if (where == "main") fail(how);
    jf_describe(plugin, "bad", "1.0.0");
    for (const char *name : names) {
        declared[count].name = jf_text_of(name);
        declared[count++].handler = on_event;
    }
    declared[count].name = jf_text_of("inline");
    declared[count].run = JF_RUN_INLINE;
    declared[count++].handler = on_inline;
    declared[count].name = jf_text_of("fork");
    declared[count++].handler = on_fork;
    declared[count].name = jf_text_of("thread");
    declared[count++].handler = on_thread;
    plugin->events.items = declared;
    plugin->events.count = count;
    plugin->events.stride = sizeof declared[0];
    timers[0].interval = 100;
    timers[0].handler = on_timer;
    JF_SET_LIST(plugin->timers, timers);
    plugin->create = create;
    return JF_OK;
}
