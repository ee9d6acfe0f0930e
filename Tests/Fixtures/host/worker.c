/*
 * A plugin whose worker process ends in several ways. Its configuration {"file": path} names a file: if that exists,
 * the plugin declares one event more.
 */
#define _DEFAULT_SOURCE /* usleep */
#include <jackfield/jackfield.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const jf_host *host;
static jf_core_api core;
static jf_events_api io;
static jf_tokens_api tokens;
static jf_json_api json;

static void on_pid(void *instance, const jf_event *event) {
    char args[32];
    (void)instance;
    snprintf(args, sizeof args, "[%d]", (int)getpid());
    io.ack(host, event->ack, jf_text_of(args), NULL, 0);
}

static void on_die(void *instance, const jf_event *event) {
    (void)instance;
    (void)event;
    abort();
}

/* As an unrecovered panic of Go does. */
static void on_leave(void *instance, const jf_event *event) {
    (void)instance;
    (void)event;
    _exit(2);
}

static void on_keep(void *instance, const jf_event *event) {
    jf_token kept;
    (void)instance;
    tokens.keep(host, event->ack, &kept);
}

static void on_hang(void *instance, const jf_event *event) {
    (void)instance;
    (void)event;
    for (;;) sleep(1);
}

static void on_grow(void *instance, const jf_event *event) {
    (void)instance;
    (void)event;
    for (;;) {
        char *block = malloc(16 << 20);
        if (!block) abort();
        memset(block, 1, 16 << 20);
        usleep(10000);
    }
}

static void on_folder(void *instance, const jf_event *event) {
    char folder[256], args[300];
    (void)instance;
    snprintf(args, sizeof args, "[\"%s\"]", getcwd(folder, sizeof folder) ? folder : "");
    io.ack(host, event->ack, jf_text_of(args), NULL, 0);
}

static jf_code create(const jf_host *h, void **instance, jf_error *error) {
    (void)h;
    (void)instance;
#ifdef CREATE_DIES
    abort();
#endif
    (void)error;
    return JF_OK;
}

static const jf_event_decl events[] = {
    JF_EVENT("pid", on_pid),   JF_EVENT("die", on_die),       JF_EVENT("keep", on_keep),   JF_EVENT("hang", on_hang),
    JF_EVENT("grow", on_grow), JF_EVENT("folder", on_folder), JF_EVENT("leave", on_leave), JF_EVENT("more", on_pid),
};

static int has_more(void) {
    jf_text config;
    jf_json value = { .struct_size = sizeof value };
    char path[512];
    uint64_t length = 0;
    if (core.config(host, &config) != JF_OK || json.read(host, config, JF_TEXT("/file"), &value) != JF_OK ||
        json.text(host, value.raw, path, sizeof path - 1, &length) != JF_OK)
        return 0;
    path[length] = 0;
    return access(path, F_OK) == 0;
}

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    host = boot->host;
    if (boot->query(host, JF_CORE, &core, sizeof core) || boot->query(host, JF_EVENTS, &io, sizeof io) ||
        boot->query(host, JF_TOKENS, &tokens, sizeof tokens) || boot->query(host, JF_JSON, &json, sizeof json))
        return JF_E_UNSUPPORTED;
    jf_describe(plugin, "worker", "1.0.0");
    JF_SET_LIST(plugin->events, events);
    if (!has_more()) plugin->events.count--;
    plugin->create = create;
    return JF_OK;
}
