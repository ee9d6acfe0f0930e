/* Broadcast targets that the client describes: {"all","every","user","rooms","except","self","not_self","nsp"}. */
#include <jackfield/jackfield.h>

#include <stdio.h>
#include <stdlib.h>

static const jf_host *host;
static jf_events_api io;
static jf_sockets_api sockets;
static jf_rooms_api rooms;
static jf_json_api json;

/** The text of a member of the first argument. */
static jf_text member(const jf_event *event, const char *pointer, char *out, uint64_t capacity) {
    jf_json value = { 0 };
    jf_text text = JF_EMPTY;
    if (json.read(host, event->args, jf_text_of(pointer), &value) != JF_OK) return text;
    if (value.kind != JF_JSON_STRING) return value.raw;
    if (json.text(host, value.raw, out, capacity, &text.len) != JF_OK) abort();
    text.ptr = out;
    return text;
}

#define MOST 1002
static char names[2][MOST][16];
static jf_text lists[2][MOST];

/** The texts of a list, walked with a cursor; n rooms for {"repeat":n}. */
static uint32_t list(const jf_event *event, const char *pointer, int which) {
    jf_json value = { 0 }, element = { 0 };
    jf_json_cursor cursor = { 0 };
    uint32_t count = 0;
    if (json.read(host, event->args, jf_text_of(pointer), &value) != JF_OK) return 0;
    if (value.kind == JF_JSON_NUMBER) {
        for (; count < value.integer; count++) {
            snprintf(names[which][count], sizeof names[which][count], "room%u", count);
            lists[which][count] = jf_text_of(names[which][count]);
        }
        return count;
    }
    if (json.open(host, value.raw, &cursor) != JF_OK) abort();
    while (json.next(host, &cursor, NULL, &element) == JF_OK) {
        uint64_t length;
        if (json.text(host, element.raw, names[which][count], sizeof names[which][count], &length) != JF_OK) abort();
        lists[which][count].ptr = names[which][count];
        lists[which][count++].len = length;
    }
    return count;
}

static jf_target selection(const jf_event *event) {
    static char user[512], nsp[64], unused[16];
    jf_target which = { 0 };
    if (member(event, "/0/all", unused, sizeof unused).len) which.flags |= JF_TARGET_ALL;
    if (member(event, "/0/every", unused, sizeof unused).len) which.flags |= JF_TARGET_EVERY_NSP;
    which.user = member(event, "/0/user", user, sizeof user);
    which.nsp = member(event, "/0/nsp", nsp, sizeof nsp);
    which.room_count = list(event, "/0/rooms", 0);
    which.rooms = which.room_count ? lists[0] : NULL;
    which.except_count = list(event, "/0/except", 1);
    which.except_rooms = which.except_count ? lists[1] : NULL;
    if (member(event, "/0/self", unused, sizeof unused).len) which.socket = event->socket;
    if (member(event, "/0/not_self", unused, sizeof unused).len) which.except_socket = event->socket;
    return which;
}

static void code(const jf_event *event, jf_code code) {
    char buffer[32];
    snprintf(buffer, sizeof buffer, "[%d]", code);
    io.ack(host, event->ack, jf_text_of(buffer), NULL, 0);
}

static void on_say(void *instance, const jf_event *event) {
    jf_target to = selection(event);
    jf_message message = { 0 };
    (void)instance;
    message.name = JF_TEXT("said");
    code(event, io.broadcast(host, &to, &message));
}

static void on_join(void *instance, const jf_event *event) {
    static char name[300];
    (void)instance;
    code(event, rooms.join(host, event->socket, member(event, "/0", name, sizeof name)));
}

static void on_join_all(void *instance, const jf_event *event) {
    jf_target which = selection(event);
    jf_text room = JF_TEXT("joined");
    (void)instance;
    code(event, rooms.join_all(host, &which, &room, 1));
}

static void on_leave_all(void *instance, const jf_event *event) {
    jf_target which = selection(event);
    jf_text room = JF_TEXT("joined");
    (void)instance;
    code(event, rooms.leave_all(host, &which, &room, 1));
}

static void on_close_all(void *instance, const jf_event *event) {
    jf_target which = selection(event);
    (void)instance;
    code(event, sockets.disconnect_all(host, &which, 0));
}

static void on_fetched(void *instance, void *context, const jf_fetched *fetched) {
    char buffer[32];
    (void)instance;
    snprintf(buffer, sizeof buffer, "[%d,%u]", fetched->status, (unsigned)fetched->count);
    io.ack(host, (jf_token)(uintptr_t)context, jf_text_of(buffer), NULL, 0);
}

static jf_tokens_api tokens;
static void on_count(void *instance, const jf_event *event) {
    jf_target which = selection(event);
    jf_token kept;
    jf_code result;
    (void)instance;
    if (tokens.keep(host, event->ack, &kept) != JF_OK) return;
    result = sockets.fetch(host, &which, 0, on_fetched, (void *)(uintptr_t)kept);
    if (result != JF_OK) {
        char buffer[32];
        snprintf(buffer, sizeof buffer, "[%d]", result);
        io.ack(host, kept, jf_text_of(buffer), NULL, 0);
    }
}

static void on_anonymous(void *instance, const jf_event *event) {
    jf_target to = { 0 };
    jf_message message = { 0 };
    (void)instance;
    to.user = event->user; /* forgets that a sender may be anonymous */
    message.name = JF_TEXT("private");
    code(event, io.broadcast(host, &to, &message));
}

static const jf_text both[] = { JF_LIT("/"), JF_LIT("/other") };
#define BOTH(event_name, function) { .name = JF_LIT(event_name), .handler = (function), .nsps = both, .nsp_count = 2 }
static const jf_event_decl events[] = {
    BOTH("say", on_say),
    BOTH("join", on_join),
    BOTH("join-all", on_join_all),
    BOTH("leave-all", on_leave_all),
    BOTH("close-all", on_close_all),
    BOTH("count", on_count),
    BOTH("anonymous", on_anonymous),
};

static const jf_nsp_decl nsps[] = { { .name = JF_LIT("/other") } };

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    host = boot->host;
    jf_describe(plugin, "select", "1.0.0");
    JF_SET_LIST(plugin->events, events);
    JF_SET_LIST(plugin->nsps, nsps);
    if (boot->query(host, JF_EVENTS, &io, sizeof io) || boot->query(host, JF_SOCKETS, &sockets, sizeof sockets) ||
        boot->query(host, JF_TOKENS, &tokens, sizeof tokens) || boot->query(host, JF_ROOMS, &rooms, sizeof rooms))
        return JF_E_FAILED;
    return boot->query(host, JF_JSON, &json, sizeof json);
}
