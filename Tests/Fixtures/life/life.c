/*
 * A plugin whose life cycle callbacks misbehave as its configuration says:
 *
 *     name: life          the plugin's name
 *     block: create       blocks in this callback: main, create, start, stop, destroy; or atexit
 *     ms: 3000            for this many milliseconds; the default is an hour
 *     pipe: true          writes to a broken pipe in create
 *     handler: true       installs handlers of SIGTERM and SIGPIPE in create
 *     mask: true          blocks every signal of the strand's thread in create
 *     fault: true         installs a handler of SIGSEGV in create
 *     admit: "message"    refuses every client that joins /
 *     deny: true          refuses every handshake
 *
 * Events: `block-inline` [ms] blocks its event loop; `block` [ms] its strand. `child`, `child-inline` and
 * `child-thread` ack with the signals that are blocked in a child process, in the format of /proc. A plugin whose
 * `name` is configured declares no events.
 */
#define _GNU_SOURCE
#include <jackfield/jackfield.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const jf_host *host;
static jf_core_api core;
static jf_events_api io;
static jf_json_api json;
static char name[64], block[16], message[128];
static int64_t block_ms;

static void sleep_ms(int64_t ms) {
    struct timespec left = { ms / 1000, ms % 1000 * 1000000 };
    while (nanosleep(&left, &left) != 0) {}
}

/** The configuration's text at a JSON pointer; empty if there is none. */
static void setting(const char *pointer, char *out, size_t size) {
    jf_text config;
    jf_json value = { 0 };
    uint64_t length = 0;
    out[0] = 0;
    if (core.config(host, &config) != JF_OK || json.read(host, config, jf_text_of(pointer), &value) != JF_OK ||
        value.kind != JF_JSON_STRING)
        return;
    if (json.text(host, value.raw, out, size - 1, &length) == JF_OK) out[length] = 0;
}

static jf_json scalar(const char *pointer) {
    jf_text config;
    jf_json value = { 0 };
    if (core.config(host, &config) == JF_OK) json.read(host, config, jf_text_of(pointer), &value);
    return value;
}

static void maybe_block(const char *where) {
    if (strcmp(block, where) == 0) sleep_ms(block_ms);
}

static void at_exit(void) { maybe_block("atexit"); }

static void on_signal(int number) { (void)number; }

static void take(int number) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    sigaction(number, &action, NULL);
}

static int64_t first_integer(const jf_event *event) {
    jf_json value = { 0 };
    return json.read(host, event->args, JF_TEXT("/0"), &value) == JF_OK && value.is_integer ? value.integer : 3600000;
}

static void on_block(void *instance, const jf_event *event) {
    (void)instance;
    sleep_ms(first_integer(event));
    io.ack(host, event->ack, JF_TEXT("[]"), NULL, 0);
}

static void blocked_in_child(char *out, size_t size) {
    char line[128] = "";
    FILE *child = popen("grep SigBlk /proc/self/status", "r");
    if (child && fgets(line, sizeof line, child)) line[strcspn(line, "\n")] = 0;
    if (child) pclose(child);
    snprintf(out, size, "[\"%s\"]", line[0] ? line + strspn(line, "SigBlk:\t ") : "nothing");
}

static void on_child(void *instance, const jf_event *event) {
    char answer[128];
    (void)instance;
    blocked_in_child(answer, sizeof answer);
    io.ack(host, event->ack, jf_text_of(answer), NULL, 0);
}

static void *child_of_thread(void *answer) {
    blocked_in_child(answer, 128);
    return NULL;
}

static void on_child_thread(void *instance, const jf_event *event) {
    char answer[128] = "[]";
    pthread_t thread;
    (void)instance;
    if (pthread_create(&thread, NULL, child_of_thread, answer) == 0) pthread_join(thread, NULL);
    io.ack(host, event->ack, jf_text_of(answer), NULL, 0);
}

static const jf_event_decl events[] = {
    { .name = JF_LIT("block"), .handler = on_block },
    { .name = JF_LIT("block-inline"), .handler = on_block, .run = JF_RUN_INLINE },
    { .name = JF_LIT("child"), .handler = on_child },
    { .name = JF_LIT("child-inline"), .handler = on_child, .run = JF_RUN_INLINE },
    { .name = JF_LIT("child-thread"), .handler = on_child_thread },
};

static jf_code admit(void *instance, const jf_attempt *attempt, jf_refusal *refusal) {
    (void)instance;
    (void)attempt;
    return message[0] ? jf_refuse(refusal, message, NULL) : JF_OK;
}

static const jf_nsp_decl nsps[] = { { .name = JF_LIT("/"), .admit = admit } };

static jf_code handshake(void *instance, const jf_handshake *request, jf_handshake_reply *reply) {
    (void)instance;
    (void)request;
    return jf_deny(reply, "not you");
}

static jf_code create(const jf_host *given, void **instance, jf_error *error) {
    (void)given;
    (void)instance;
    (void)error;
    if (scalar("/pipe").kind == JF_JSON_TRUE) {
        int ends[2];
        if (pipe(ends) != 0) return JF_E_FAILED;
        close(ends[0]);
        if (write(ends[1], "x", 1) >= 0) return JF_E_FAILED;
        close(ends[1]);
    }
    if (scalar("/handler").kind == JF_JSON_TRUE) {
        take(SIGTERM);
        take(SIGPIPE);
    }
    if (scalar("/fault").kind == JF_JSON_TRUE) take(SIGSEGV);
    if (scalar("/mask").kind == JF_JSON_TRUE) {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_BLOCK, &all, NULL);
    }
    if (strcmp(block, "atexit") == 0) atexit(at_exit);
    maybe_block("create");
    return JF_OK;
}

static jf_code start(void *instance, jf_error *error) {
    (void)instance;
    (void)error;
    maybe_block("start");
    return JF_OK;
}

static void stop(void *instance) {
    (void)instance;
    core.log(host, JF_LOG_INFO, JF_TEXT("it stops"));
    maybe_block("stop");
}

static void destroy(void *instance) {
    (void)instance;
    maybe_block("destroy");
    core.log(host, JF_LOG_INFO, JF_TEXT("it is destroyed"));
}

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    jf_code code;
    host = boot->host;
    if ((code = boot->query(host, JF_CORE, &core, sizeof core)) ||
        (code = boot->query(host, JF_EVENTS, &io, sizeof io)) ||
        (code = boot->query(host, JF_JSON, &json, sizeof json)))
        return code;
    setting("/name", name, sizeof name);
    setting("/block", block, sizeof block);
    setting("/admit", message, sizeof message);
    block_ms = scalar("/ms").is_integer ? scalar("/ms").integer : 3600000;
    maybe_block("main");
    jf_describe(plugin, name[0] ? name : "life", "1.0.0");
    plugin->create = create;
    plugin->start = start;
    plugin->stop = stop;
    plugin->destroy = destroy;
    /* Two plugins cannot declare the same events. */
    if (!name[0]) JF_SET_LIST(plugin->events, events);
    JF_SET_LIST(plugin->nsps, nsps);
    if (scalar("/deny").kind == JF_JSON_TRUE) plugin->handshake = handshake;
    return JF_OK;
}
