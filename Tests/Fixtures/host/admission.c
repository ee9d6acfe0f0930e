/*
 * A plugin that authenticates clients itself. Each of several plugins has a NAME and obeys the member NAME of the
 * client's auth, {"do":"accept"|"later"|"elsewhere"|"deny","user","claims","data","expires","tag"}.
 */
#define _POSIX_C_SOURCE 200809L
#include <jackfield/jackfield.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#ifndef NAME
#define NAME "one"
#endif
#ifndef RUN
#define RUN JF_RUN_STRAND
#endif

/** Prints the line and ends the test run. */
#define FAIL() (fprintf(stderr, "admission.c:%d\n", __LINE__), abort())

static const jf_host *host;
static jf_core_api core;
static jf_tokens_api tokens;
static jf_events_api io;
static jf_sockets_api sockets;
static jf_json_api json;

static void say(const char *what, const char *detail) {
    char line[512];
    snprintf(line, sizeof line, NAME " %s %s", what, detail);
    core.log(host, JF_LOG_INFO, jf_text_of(line));
}

static void free_tag(void *instance, void *data) {
    if (instance != (void *)&core) FAIL();
    say("frees", data);
    free(data);
}

/** The data of a decision that is made later. */
struct decision {
    jf_token token;
    jf_admission admission;
    jf_code code;
    char user[512], data[65600], claims[1024];
};

static jf_text member(jf_text document, const char *pointer, char *out, uint64_t capacity) {
    jf_json value = { 0 };
    jf_text text = JF_EMPTY;
    if (json.read(host, document, jf_text_of(pointer), &value) != JF_OK) return text;
    text.ptr = out;
    if (value.kind == JF_JSON_STRING) {
        if (json.text(host, value.raw, out, capacity, &text.len) != JF_OK) FAIL();
    } else {
        if (value.raw.len > capacity) FAIL();
        memcpy(out, value.raw.ptr, (size_t)value.raw.len);
        text.len = value.raw.len;
    }
    return text;
}

static void *decide(void *context) {
    struct decision *decision = context;
    decision->code = sockets.accept(host, decision->token, &decision->admission);
    return NULL;
}

static void *decide_and_free(void *context) {
    struct timespec time = { 0, 20000000 };
    nanosleep(&time, NULL);
    decide(context);
    free(context);
    return NULL;
}

static jf_code admit(void *instance, const jf_attempt *attempt, jf_refusal *refusal) {
    char line[512], what[32], tag[32];
    struct decision *decision;
    jf_json number = { 0 };
    jf_code code;
    pthread_t thread;
    jf_text todo = member(attempt->auth, "/" NAME "/do", what, sizeof what), name;
    (void)instance;
    snprintf(line, sizeof line, "'%.*s' %.*s", (int)attempt->user.len, attempt->user.ptr, (int)attempt->claims.len,
             attempt->claims.ptr);
    say("sees", line);
    if (attempt->transport != JF_TRANSPORT_WEBSOCKET || attempt->connection == 0) return JF_E_FAILED;
    if (todo.len == 0) return JF_OK;
    if (jf_text_equal(todo, JF_TEXT("deny"))) return jf_refuse(refusal, "no", NULL);
    if (jf_text_equal(todo, JF_TEXT("odd"))) return 77;

    decision = calloc(1, sizeof *decision);
    decision->token = attempt->decision;
    decision->admission.struct_size = sizeof decision->admission;
    decision->admission.user = member(attempt->auth, "/" NAME "/user", decision->user, sizeof decision->user);
    decision->admission.claims = member(attempt->auth, "/" NAME "/claims", decision->claims, sizeof decision->claims);
    decision->admission.data = member(attempt->auth, "/" NAME "/data", decision->data, sizeof decision->data);
    if (json.read(host, attempt->auth, JF_TEXT("/" NAME "/expires"), &number) == JF_OK)
        decision->admission.expires_at = number.integer;
    name = member(attempt->auth, "/" NAME "/tag", tag, sizeof tag);
    if (name.len) {
        char *copy = calloc(1, (size_t)name.len + 1);
        memcpy(copy, name.ptr, (size_t)name.len);
        decision->admission.plugin_data = copy;
        decision->admission.free_data = free_tag;
    }
    if (jf_text_equal(todo, JF_TEXT("later"))) {
        if (tokens.keep(host, attempt->decision, &decision->token) != JF_OK) FAIL();
        if (sockets.accept(host, attempt->decision, NULL) != JF_E_GONE) FAIL();
        pthread_create(&thread, NULL, decide_and_free, decision);
        pthread_detach(thread);
        return JF_PENDING;
    }
    if (jf_text_equal(todo, JF_TEXT("elsewhere"))) {
        pthread_create(&thread, NULL, decide, decision);
        pthread_join(thread, NULL);
        code = decision->code;
        free(decision->admission.plugin_data);
        free(decision);
        snprintf(line, sizeof line, "%d", code);
        say("on another thread gets", line);
        return JF_OK;
    }
    code = sockets.accept(host, attempt->decision, &decision->admission);
    if (code != JF_OK) free(decision->admission.plugin_data);
    free(decision);
    if (code != JF_OK) return code;
    if (sockets.accept(host, attempt->decision, NULL) != JF_E_GONE) FAIL();
    /* Ignored, because the token was completed. */
    return JF_E_FAILED;
}

static void on_connected(void *instance, const jf_socket_event *event) {
    (void)instance;
    say("has", event->plugin_data ? event->plugin_data : "nothing");
}

static void on_disconnected(void *instance, const jf_socket_event *event) {
    (void)instance;
    say("loses", event->plugin_data ? event->plugin_data : "nothing");
}

static void on_who(void *instance, const jf_event *event) {
    char buffer[2048] = "[";
    uint64_t length = 0;
    (void)instance;
    if (sockets.describe(host, event->socket, JF_PART_USER | JF_PART_CLAIMS | JF_PART_DATA, buffer + 1,
                         sizeof buffer - 64, &length) != JF_OK)
        FAIL();
    snprintf(buffer + 1 + length, 63, ",\"%.*s\",\"%s\"]", (int)event->user.len, event->user.ptr,
             event->plugin_data ? (const char *)event->plugin_data : "nothing");
    io.ack(host, event->ack, jf_text_of(buffer), NULL, 0);
}

static const jf_event_decl events[] = {
    { .nsp = JF_LIT("/in"), .name = JF_LIT("who-" NAME), .handler = on_who },
    { .nsp = JF_LIT("/in"), .name = JF_LIT("who-inline-" NAME), .handler = on_who, .run = JF_RUN_INLINE },
};

static const jf_nsp_decl nsps[] = {
    { .name = JF_LIT("/in"), .run = RUN, .admit = admit, .connected = on_connected, .disconnected = on_disconnected },
};

static jf_code create(const jf_host *given, void **instance, jf_error *error) {
    (void)given;
    (void)error;
    *instance = (void *)&core;
    return JF_OK;
}

static void destroy(void *instance) {
    (void)instance;
    say("is", "destroyed");
}

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    host = boot->host;
    jf_describe(plugin, NAME, "1.0.0");
    plugin->create = create;
    plugin->destroy = destroy;
    JF_SET_LIST(plugin->events, events);
    JF_SET_LIST(plugin->nsps, nsps);
    if (boot->query(host, JF_EVENTS, &io, sizeof io) || boot->query(host, JF_SOCKETS, &sockets, sizeof sockets) ||
        boot->query(host, JF_TOKENS, &tokens, sizeof tokens) || boot->query(host, JF_CORE, &core, sizeof core))
        return JF_E_FAILED;
    return boot->query(host, JF_JSON, &json, sizeof json);
}
