/*
 * The application that is flooded. Everything runs on its one strand, so that who floods it stands in the
 * way of the honest clients.
 *
 *     ask    [x]     acks with the same arguments: what the honest clients do
 *     sleep  [ms]    blocks the strand that long, then acks
 *     crowd  []      joins the room "crowd"; acks
 *     keep   [x]     becomes the socket's data; acks
 *     poll   []      asks every socket of "crowd" a question and gathers the answers; acks [[answered, expected]]
 *     fetch  []      fetches every socket of "crowd" with its data; acks [[found, bytes of data]]
 *     follow [id]    the plugin watches this user; acks [code]
 *     forget [id]    and no longer
 *
 * Its namespaces are made by patterns that an engine with backtracking takes exponential time to refuse.
 *
 *     cc -shared -fPIC -I include -o floods.so floods.c
 */
#define _POSIX_C_SOURCE 200809L
#include <jackfield/jackfield.h>

#include <stdio.h>
#include <time.h>

static const jf_host *host;
static jf_tokens_api tokens;
static jf_events_api io;
static jf_sockets_api sockets;
static jf_rooms_api rooms;
static jf_presence_api presence;
static jf_json_api json;

static void answer(jf_token token, unsigned long long a, unsigned long long b) {
    char args[64];
    snprintf(args, sizeof args, "[[%llu,%llu]]", a, b);
    io.ack(host, token, jf_text_of(args), NULL, 0);
}

static jf_json first(const jf_event *event) {
    jf_json value = { .struct_size = sizeof value };
    if (json.read(host, event->args, JF_TEXT("/0"), &value) != JF_OK) value.kind = 0;
    return value;
}

static void on_ask(void *instance, const jf_event *event) {
    (void)instance;
    io.ack(host, event->ack, event->args, NULL, 0);
}

static void on_sleep(void *instance, const jf_event *event) {
    jf_json milliseconds = first(event);
    (void)instance;
    if (milliseconds.is_integer) {
        struct timespec left = { .tv_sec = (time_t)(milliseconds.integer / 1000),
                                 .tv_nsec = (long)(milliseconds.integer % 1000 * 1000000) };
        while (nanosleep(&left, &left) != 0) {}
    }
    io.ack(host, event->ack, event->args, NULL, 0);
}

static const jf_text crowd = JF_LIT("crowd");

static void on_crowd(void *instance, const jf_event *event) {
    (void)instance;
    rooms.join(host, event->socket, crowd);
    io.ack(host, event->ack, JF_TEXT("[]"), NULL, 0);
}

static void on_keep(void *instance, const jf_event *event) {
    (void)instance;
    sockets.set_data(host, event->socket, first(event).raw);
    io.ack(host, event->ack, JF_TEXT("[]"), NULL, 0);
}

static void on_answers(void *instance, void *context, const jf_answers *answers) {
    (void)instance;
    answer((jf_token)(uintptr_t)context, answers->count, answers->expected);
}

static void on_poll(void *instance, const jf_event *event) {
    jf_target selection = { .struct_size = sizeof selection, .rooms = &crowd, .room_count = 1 };
    jf_message question = { .struct_size = sizeof question, .name = JF_TEXT("question"), .args = JF_TEXT("[]") };
    jf_token asker;
    (void)instance;
    if (tokens.keep(host, event->ack, &asker) != JF_OK) return;
    if (io.broadcast_ack(host, &selection, &question, 2000, on_answers, (void *)(uintptr_t)asker) != JF_OK)
        answer(asker, 0, 0);
}

static void on_fetched(void *instance, void *context, const jf_fetched *fetched) {
    const jf_socket_info *info = fetched->items;
    unsigned long long bytes = 0;
    (void)instance;
    for (uint32_t i = 0; i < fetched->count; i++) {
        bytes += info->data.len;
        info = (const jf_socket_info *)(const void *)((const char *)info + fetched->stride);
    }
    answer((jf_token)(uintptr_t)context, fetched->count, bytes);
}

static void on_fetch(void *instance, const jf_event *event) {
    jf_target selection = { .struct_size = sizeof selection, .rooms = &crowd, .room_count = 1 };
    jf_token asker;
    (void)instance;
    if (tokens.keep(host, event->ack, &asker) != JF_OK) return;
    if (sockets.fetch(host, &selection, JF_PART_ID | JF_PART_DATA, on_fetched, (void *)(uintptr_t)asker) != JF_OK)
        answer(asker, 0, 0);
}

static void change(const jf_event *event, jf_code (*what)(const jf_host *, jf_text)) {
    char user[256], args[32];
    jf_text name = { user, 0 };
    jf_code code = json.text(host, first(event).raw, user, sizeof user, &name.len);
    if (code == JF_OK) code = what(host, name);
    snprintf(args, sizeof args, "[%d]", (int)code);
    io.ack(host, event->ack, jf_text_of(args), NULL, 0);
}

static void on_follow(void *instance, const jf_event *event) {
    (void)instance;
    change(event, presence.watch);
}

static void on_forget(void *instance, const jf_event *event) {
    (void)instance;
    change(event, presence.unwatch);
}

static void on_presence(void *instance, const jf_presence_change *change) {
    (void)instance;
    (void)change;
}

static const jf_event_decl events[] = {
    JF_EVENT("ask", on_ask),       JF_EVENT("sleep", on_sleep),   JF_EVENT("crowd", on_crowd),
    JF_EVENT("keep", on_keep),     JF_EVENT("poll", on_poll),     JF_EVENT("fetch", on_fetch),
    JF_EVENT("follow", on_follow), JF_EVENT("forget", on_forget),
};

static const jf_nsp_decl namespaces[] = {
    { .name = JF_LIT("^/(a+)+$"), .flags = JF_NSP_PATTERN },
    { .name = JF_LIT("^/(a|aa|a?a)*[a-z]{1,60}b$"), .flags = JF_NSP_PATTERN },
};

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    host = boot->host;
    jf_describe(plugin, "floods", "1.0.0");
    JF_SET_LIST(plugin->events, events);
    JF_SET_LIST(plugin->nsps, namespaces);
    plugin->presence = on_presence;
    boot->query(host, JF_TOKENS, &tokens, sizeof tokens);
    boot->query(host, JF_SOCKETS, &sockets, sizeof sockets);
    boot->query(host, JF_ROOMS, &rooms, sizeof rooms);
    boot->query(host, JF_PRESENCE, &presence, sizeof presence);
    boot->query(host, JF_JSON, &json, sizeof json);
    return boot->query(host, JF_EVENTS, &io, sizeof io);
}
