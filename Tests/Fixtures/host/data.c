/*
 * Sets, replaces and removes a pointer for each socket, which is freed on the strand after its last use. The pointers
 * are addresses of numbers; freeing one logs "frees N".
 */
#define _POSIX_C_SOURCE 200809L
#include <jackfield/jackfield.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/** Prints the line and ends the test run. */
#define FAIL() (fprintf(stderr, "data.c:%d\n", __LINE__), abort())

static const jf_host *host;
static jf_core_api core;
static jf_events_api io;
static jf_sockets_api sockets;
static jf_tokens_api tokens;
static jf_json_api json;
static pthread_t strand;

struct item {
    int number;
    int users; /* running callbacks that received it */
};

static void free_item(void *instance, void *data) {
    struct item *item = data;
    char line[64];
    if (instance != (void *)&core || !pthread_equal(strand, pthread_self())) FAIL();
    if (__atomic_load_n(&item->users, __ATOMIC_SEQ_CST) != 0) FAIL();
    snprintf(line, sizeof line, "frees %d", item->number);
    core.log(host, JF_LOG_INFO, jf_text_of(line));
    free(item);
}

static void answer(const jf_event *event, int first, int second) {
    char buffer[64];
    snprintf(buffer, sizeof buffer, "[%d,%d]", first, second);
    io.ack(host, event->ack, jf_text_of(buffer), NULL, 0);
}

static int number(const void *data) { return data ? ((const struct item *)data)->number : 0; }

static jf_code set(jf_socket socket, int n) {
    struct item *item = calloc(1, sizeof *item);
    jf_code code;
    item->number = n;
    code = sockets.set_plugin_data(host, socket, item, free_item);
    if (code != JF_OK) free(item);
    return code;
}

static int argument(const jf_event *event) {
    jf_json value = { 0 };
    return json.read(host, event->args, JF_TEXT("/0"), &value) == JF_OK ? (int)value.integer : 0;
}

static void on_set(void *instance, const jf_event *event) {
    (void)instance;
    answer(event, set(event->socket, argument(event)), number(event->plugin_data));
}

static void *set_elsewhere(void *context) {
    jf_socket socket = *(jf_socket *)context;
    if (set(socket, 99) != JF_OK) FAIL();
    return NULL;
}

static void on_set_elsewhere(void *instance, const jf_event *event) {
    pthread_t thread;
    jf_socket socket = event->socket;
    (void)instance;
    pthread_create(&thread, NULL, set_elsewhere, &socket);
    pthread_join(thread, NULL);
    answer(event, 0, 0);
}

static void on_get(void *instance, const jf_event *event) {
    void *data = &strand;
    jf_code code = sockets.plugin_data(host, event->socket, &data);
    (void)instance;
    if (code != JF_OK || number(data) != number(event->plugin_data)) FAIL();
    answer(event, code, number(event->plugin_data));
}

static void on_remove(void *instance, const jf_event *event) {
    (void)instance;
    answer(event, sockets.set_plugin_data(host, event->socket, NULL, NULL), number(event->plugin_data));
}

static void on_again(void *instance, const jf_event *event) {
    (void)instance;
    answer(event, sockets.set_plugin_data(host, event->socket, event->plugin_data, NULL), number(event->plugin_data));
}

/** Replaces the pointer that it has received and continues to use the old one for a while. */
static void on_use(void *instance, const jf_event *event) {
    struct timespec time = { 0, 100000000 };
    struct item *item = event->plugin_data;
    char line[32];
    (void)instance;
    __atomic_add_fetch(&item->users, 1, __ATOMIC_SEQ_CST);
    if (set(event->socket, argument(event)) != JF_OK) FAIL();
    snprintf(line, sizeof line, "uses %d", item->number);
    core.log(host, JF_LOG_INFO, jf_text_of(line));
    nanosleep(&time, NULL);
    __atomic_sub_fetch(&item->users, 1, __ATOMIC_SEQ_CST);
    answer(event, 0, item->number);
}

static void on_gone(void *instance, const jf_event *event) {
    int item = 0;
    void *data = &item;
    (void)instance;
    if (sockets.plugin_data(host, event->socket ^ 1, &data) != JF_E_GONE || data != NULL) FAIL();
    answer(event, sockets.set_plugin_data(host, event->socket ^ 1, &item, free_item), 0);
}

static void on_connected(void *instance, const jf_socket_event *event) {
    (void)instance;
    if (event->plugin_data || set(event->socket, 1) != JF_OK) FAIL();
    core.log(host, JF_LOG_INFO, JF_TEXT("has 1"));
}

static void on_disconnected(void *instance, const jf_socket_event *event) {
    char line[64];
    int item = 0;
    (void)instance;
    snprintf(line, sizeof line, "loses %d", number(event->plugin_data));
    core.log(host, JF_LOG_INFO, jf_text_of(line));
    if (sockets.set_plugin_data(host, event->socket, &item, free_item) != JF_E_GONE) FAIL();
}

#define EVENT(name_, handler_, run_) { .nsp = JF_LIT("/data"), .name = JF_LIT(name_), .handler = handler_, .run = run_ }
static const jf_event_decl events[] = {
    EVENT("set", on_set, JF_RUN_STRAND),       EVENT("set-inline", on_set, JF_RUN_INLINE),
    EVENT("set-lane", on_set, JF_RUN_BY_USER), EVENT("set-elsewhere", on_set_elsewhere, JF_RUN_STRAND),
    EVENT("get", on_get, JF_RUN_STRAND),       EVENT("get-inline", on_get, JF_RUN_INLINE),
    EVENT("get-lane", on_get, JF_RUN_BY_USER), EVENT("remove", on_remove, JF_RUN_STRAND),
    EVENT("again", on_again, JF_RUN_STRAND),   EVENT("use", on_use, JF_RUN_STRAND),
    EVENT("use-lane", on_use, JF_RUN_BY_USER), EVENT("gone", on_gone, JF_RUN_STRAND),
};

#ifndef RUN
#define RUN JF_RUN_STRAND
#endif
static const jf_nsp_decl nsps[] = {
    { .name = JF_LIT("/data"), .run = RUN, .disconnected = on_disconnected },
    { .name = JF_LIT("/connected"), .run = RUN, .connected = on_connected, .disconnected = on_disconnected },
};

static jf_code create(const jf_host *given, void **instance, jf_error *error) {
    (void)given;
    (void)error;
    *instance = (void *)&core;
    strand = pthread_self();
    return JF_OK;
}

static void stop(void *instance) {
    (void)instance;
    core.log(host, JF_LOG_INFO, JF_TEXT("stops"));
}

static void destroy(void *instance) {
    (void)instance;
    core.log(host, JF_LOG_INFO, JF_TEXT("is destroyed"));
}

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    host = boot->host;
    jf_describe(plugin, "data", "1.0.0");
    plugin->create = create;
    plugin->stop = stop;
    plugin->destroy = destroy;
    JF_SET_LIST(plugin->events, events);
    JF_SET_LIST(plugin->nsps, nsps);
    if (boot->query(host, JF_EVENTS, &io, sizeof io) || boot->query(host, JF_SOCKETS, &sockets, sizeof sockets) ||
        boot->query(host, JF_TOKENS, &tokens, sizeof tokens) || boot->query(host, JF_CORE, &core, sizeof core))
        return JF_E_FAILED;
    return boot->query(host, JF_JSON, &json, sizeof json);
}
