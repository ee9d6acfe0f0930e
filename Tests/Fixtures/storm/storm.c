/*
 * A plugin that makes many calls at once, which a plugin should not do.
 *
 *     storm   [n]      n times: all sockets join a room and leave it; acks without waiting
 *     fetches [n]      fetches all sockets n times; acks [smallest count, largest count] after the last result
 *     joins   [n]      joins the sender to n rooms with a common prefix; acks [count of JF_OK, count of JF_E_LIMIT]
 *     leaves  [n]      leaves the same rooms
 *     log     [n, m]   logs n lines of m bytes, which differ in a number only; acks
 *     fail    []       answers with the error "no_luck"
 *
 *     cc -shared -fPIC -I include -o storm.so storm.c
 */
#include <jackfield/jackfield.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const jf_host *host;
static jf_core_api core;
static jf_events_api io;
static jf_sockets_api sockets;
static jf_rooms_api rooms;
static jf_json_api json;
static jf_tokens_api tokens;

static int64_t number(const jf_event *event, const char *pointer) {
    jf_json value = { .struct_size = sizeof value };
    return json.read(host, event->args, jf_text_of(pointer), &value) == JF_OK && value.is_integer ? value.integer : 0;
}

static void answer(jf_token token, long long a, long long b) {
    char buffer[64];
    snprintf(buffer, sizeof buffer, "[[%lld,%lld]]", a, b);
    io.ack(host, token, jf_text_of(buffer), NULL, 0);
}

static void on_storm(void *instance, const jf_event *event) {
    jf_target everybody = { .struct_size = sizeof everybody, .flags = JF_TARGET_ALL };
    jf_text room = JF_LIT("storm");
    int64_t n = number(event, "/0"), refused = 0;
    (void)instance;
    for (int64_t i = 0; i < n; i++) {
        if (rooms.join_all(host, &everybody, &room, 1) != JF_OK) refused++;
        if (rooms.leave_all(host, &everybody, &room, 1) != JF_OK) refused++;
    }
    answer(event->ack, n, refused);
}

static jf_token waiting;
static int64_t missing, least, most;

static void on_fetched(void *instance, void *context, const jf_fetched *fetched) {
    int64_t count = (int64_t)fetched->count;
    (void)instance;
    (void)context;
    if (count < least) least = count;
    if (count > most) most = count;
    if (--missing == 0) answer(waiting, least, most);
}

static void on_fetches(void *instance, const jf_event *event) {
    jf_target everybody = { .struct_size = sizeof everybody, .flags = JF_TARGET_ALL };
    int64_t n = number(event, "/0");
    (void)instance;
    if (tokens.keep(host, event->ack, &waiting) != JF_OK) return;
    missing = n;
    least = INT64_MAX;
    most = 0;
    for (int64_t i = 0; i < n; i++)
        if (sockets.fetch(host, &everybody, JF_PART_ID | JF_PART_ROOMS, on_fetched, NULL) != JF_OK) missing--;
}

static void change(const jf_event *event, jf_code (*what)(const jf_host *, jf_socket, jf_text)) {
    int64_t n = number(event, "/0"), done = 0, limit = 0;
    for (int64_t i = 0; i < n; i++) {
        char name[32];
        jf_code code;
        snprintf(name, sizeof name, "room-%lld", (long long)i);
        code = what(host, event->socket, jf_text_of(name));
        if (code == JF_OK) done++;
        if (code == JF_E_LIMIT) limit++;
    }
    answer(event->ack, done, limit);
}

static void on_joins(void *instance, const jf_event *event) {
    (void)instance;
    change(event, rooms.join);
}

static void on_leaves(void *instance, const jf_event *event) {
    (void)instance;
    change(event, rooms.leave);
}

static void on_log(void *instance, const jf_event *event) {
    int64_t n = number(event, "/0"), size = number(event, "/1");
    char *line = malloc((size_t)size + 32);
    (void)instance;
    if (!line) return;
    for (int64_t i = 0; i < n; i++) {
        int head = snprintf(line, 32, "line %lld ", (long long)i);
        memset(line + head, 'x', (size_t)size);
        core.log(host, JF_LOG_WARNING, (jf_text){ line, (uint64_t)head + (uint64_t)size });
    }
    free(line);
    answer(event->ack, n, 0);
}

static void on_fail(void *instance, const jf_event *event) {
    (void)instance;
    io.ack_error(host, event->ack, JF_TEXT("no_luck"), JF_TEXT("it did not work"));
}

static const jf_event_decl events[] = {
    { .name = JF_LIT("storm"), .handler = on_storm }, { .name = JF_LIT("fetches"), .handler = on_fetches },
    { .name = JF_LIT("joins"), .handler = on_joins }, { .name = JF_LIT("leaves"), .handler = on_leaves },
    { .name = JF_LIT("log"), .handler = on_log },     { .name = JF_LIT("fail"), .handler = on_fail },
};

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    host = boot->host;
    jf_describe(plugin, "storm", "1.0.0");
    JF_SET_LIST(plugin->events, events);
    if (boot->query(host, JF_CORE, &core, sizeof core) != JF_OK) return JF_E_UNSUPPORTED;
    if (boot->query(host, JF_TOKENS, &tokens, sizeof tokens) != JF_OK) return JF_E_UNSUPPORTED;
    if (boot->query(host, JF_EVENTS, &io, sizeof io) != JF_OK) return JF_E_UNSUPPORTED;
    if (boot->query(host, JF_SOCKETS, &sockets, sizeof sockets) != JF_OK) return JF_E_UNSUPPORTED;
    if (boot->query(host, JF_ROOMS, &rooms, sizeof rooms) != JF_OK) return JF_E_UNSUPPORTED;
    return boot->query(host, JF_JSON, &json, sizeof json);
}
