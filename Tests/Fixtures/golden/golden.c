/*
 * The application behind the recorded sessions of the reference server: the same dozen events in every namespace.
 *
 *     cc -shared -fPIC -I include -o golden.so Tests/Fixtures/golden/golden.c
 */
#include <jackfield/jackfield.h>
#include <stdio.h>
#include <stdlib.h>

static const jf_host *host;
static jf_events_api io;
static jf_sockets_api sockets;
static jf_rooms_api rooms;
static jf_json_api json;

/* The most bytes that `blob` and `big` send. */
#define MOST_BYTES (64u * 1024 * 1024)

/* ---- arguments --------------------------------------------------------------------------------------------- */

/** The argument at a JSON pointer as raw JSON; null if there is none, as JavaScript's `undefined` becomes. */
static jf_text argument(const jf_event *event, const char *pointer) {
    jf_json value = { 0 };
    if (json.read(host, event->args, jf_text_of(pointer), &value) != JF_OK) return JF_TEXT("null");
    return value.raw;
}

/** The first argument as a number from 0 to MOST_BYTES. */
static uint64_t number(const jf_event *event) {
    jf_json value = { 0 };
    if (json.read(host, event->args, JF_TEXT("/0"), &value) != JF_OK || value.integer < 0) return 0;
    return value.integer < MOST_BYTES ? (uint64_t)value.integer : MOST_BYTES;
}

/** The first argument as text in a buffer of 256 bytes, the limit of a room's name. */
static jf_text room_in(char *buffer, const jf_event *event) {
    jf_text room = { NULL, 0 };
    if (json.text(host, argument(event, "/0"), buffer, 256, &room.len) == JF_OK) room.ptr = buffer;
    else room.len = 0;
    return room;
}

/** One raw JSON value as an argument list; the caller frees it. */
static jf_text list_of(jf_text value) {
    jf_text list = { NULL, 0 };
    char *bytes = malloc((size_t)value.len + 2);
    if (!bytes) return list;
    bytes[0] = '[';
    memcpy(bytes + 1, value.ptr, (size_t)value.len);
    bytes[value.len + 1] = ']';
    list.ptr = bytes;
    list.len = value.len + 2;
    return list;
}

static jf_message message_of(const char *name, jf_text args, const jf_event *attachments_of) {
    jf_message message = { 0 };
    message.name = jf_text_of(name);
    message.args = args;
    message.attachments = attachments_of->attachments;
    message.attachment_count = attachments_of->attachment_count;
    return message;
}

static void acknowledge(const jf_event *event) { io.ack(host, event->ack, JF_TEXT("[true]"), NULL, 0); }

/* ---- to the sender ----------------------------------------------------------------------------------------- */

static void on_echo(void *instance, const jf_event *event) {
    jf_message message = message_of("echo", event->args, event);
    (void)instance;
    io.emit(host, event->socket, &message);
}

static void on_ack(void *instance, const jf_event *event) {
    (void)instance;
    io.ack(host, event->ack, event->args, event->attachments, event->attachment_count);
}

static void on_blob(void *instance, const jf_event *event) {
    jf_text placeholder = JF_TEXT("[{\"_placeholder\":true,\"num\":0}]");
    jf_message message = { .name = JF_LIT("blob"), .attachment_count = 1 };
    uint64_t i, count = number(event);
    uint8_t *octets = malloc((size_t)count + 1);
    jf_bytes attachment;
    (void)instance;
    if (!octets) return;
    for (i = 0; i < count; i++) octets[i] = (uint8_t)(i % 251);
    attachment.ptr = octets;
    attachment.len = count;
    if (event->ack) {
        io.ack(host, event->ack, placeholder, &attachment, 1);
    } else {
        message.args = placeholder;
        message.attachments = &attachment;
        io.emit(host, event->socket, &message);
    }
    free(octets);
}

static void on_big(void *instance, const jf_event *event) {
    jf_message message = { .name = JF_LIT("big") };
    uint64_t count = number(event);
    char *text = malloc((size_t)count + 4);
    (void)instance;
    if (!text) return;
    memcpy(text, "[\"", 2);
    memset(text + 2, 'x', (size_t)count);
    memcpy(text + 2 + count, "\"]", 2);
    message.args.ptr = text;
    message.args.len = count + 4;
    io.emit(host, event->socket, &message);
    free(text);
}

static void on_burst(void *instance, const jf_event *event) {
    uint64_t i, count = number(event);
    (void)instance;
    for (i = 0; i < count; i++) {
        char args[24];
        jf_message message = { .name = JF_LIT("item") };
        message.args.ptr = args;
        message.args.len = (uint64_t)snprintf(args, sizeof args, "[%llu]", (unsigned long long)i);
        if (io.emit(host, event->socket, &message) != JF_OK) return;
    }
}

static void on_answer(void *instance, void *context, const jf_answer *answer) {
    jf_message message = { .name = JF_LIT("answer") };
    (void)instance;
    (void)context;
    if (answer->status != JF_OK) return;
    message.args = answer->args;
    message.attachments = answer->attachments;
    message.attachment_count = answer->attachment_count;
    io.emit(host, answer->socket, &message);
}

static void on_ask(void *instance, const jf_event *event) {
    jf_text args = list_of(argument(event, "/0"));
    jf_message message = message_of("question", args, event);
    (void)instance;
    io.emit_ack(host, event->socket, &message, 3600000, on_answer, NULL);
    free((void *)args.ptr);
}

static void on_disconnect_me(void *instance, const jf_event *event) {
    (void)instance;
    sockets.disconnect(host, event->socket, jf_text_equal(argument(event, "/0"), JF_TEXT("true")));
}

/* ---- to others --------------------------------------------------------------------------------------------- */

static void on_join(void *instance, const jf_event *event) {
    char name[256];
    (void)instance;
    rooms.join(host, event->socket, room_in(name, event));
    acknowledge(event);
}

static void on_leave(void *instance, const jf_event *event) {
    char name[256];
    (void)instance;
    rooms.leave(host, event->socket, room_in(name, event));
    acknowledge(event);
}

static void on_to_room(void *instance, const jf_event *event) {
    char name[256];
    jf_text room = room_in(name, event), args = list_of(argument(event, "/1"));
    jf_message message = message_of("room-msg", args, event);
    jf_target members = { 0 };
    (void)instance;
    members.nsp = event->nsp;
    members.rooms = &room;
    members.room_count = 1;
    io.broadcast(host, &members, &message);
    acknowledge(event);
    free((void *)args.ptr);
}

static void on_broadcast(void *instance, const jf_event *event) {
    jf_text args = list_of(argument(event, "/0"));
    jf_message message = message_of("broadcast-msg", args, event);
    jf_target others = { 0 };
    (void)instance;
    others.flags = JF_TARGET_ALL;
    others.nsp = event->nsp;
    others.except_socket = event->socket;
    io.broadcast(host, &others, &message);
    acknowledge(event);
    free((void *)args.ptr);
}

/* ---- who may join /chat ------------------------------------------------------------------------------------ */

static int32_t admit_to_chat(void *instance, const jf_attempt *attempt, jf_refusal *refusal) {
    jf_json token = { 0 };
    (void)instance;
    if (json.read(host, attempt->auth, JF_TEXT("/token"), &token) != JF_OK)
        return jf_refuse(refusal, "unauthorized", "{\"code\":\"missing_token\"}");
    if (!jf_text_equal(token.raw, JF_TEXT("\"golden-token\"")))
        return jf_refuse(refusal, "unauthorized", "{\"code\":\"wrong_token\"}");
    return JF_OK;
}

/* ---- who may open a session -------------------------------------------------------------------------------- */

static int32_t refuse_denied(void *instance, const jf_handshake *request, jf_handshake_reply *reply) {
    (void)instance;
    if (jf_text_equal(jf_find(request->headers, request->header_count, "x-golden-deny"), JF_TEXT("yes")))
        return jf_deny(reply, "denied by test");
    return JF_OK;
}

/* ---- declarations ------------------------------------------------------------------------------------------ */

#define DYNAMIC "^/dyn-[0-9]+$"
#define IN(space, event, function) \
    { .nsp = JF_LIT(space), .name = JF_LIT(event), .handler = function, .run = JF_RUN_INLINE }
#define EVERYWHERE(event, function) \
    IN("/", event, function), IN("/public", event, function), IN("/chat", event, function), IN(DYNAMIC, event, function)

static const jf_event_decl events[] = {
    EVERYWHERE("echo", on_echo),
    EVERYWHERE("ack", on_ack),
    EVERYWHERE("blob", on_blob),
    EVERYWHERE("big", on_big),
    EVERYWHERE("burst", on_burst),
    EVERYWHERE("ask", on_ask),
    EVERYWHERE("join", on_join),
    EVERYWHERE("leave", on_leave),
    EVERYWHERE("to-room", on_to_room),
    EVERYWHERE("broadcast", on_broadcast),
    EVERYWHERE("disconnect-me", on_disconnect_me),
};

static const jf_nsp_decl namespaces[] = {
    { .name = JF_LIT("/public") },
    { .name = JF_LIT("/chat"), .run = JF_RUN_INLINE, .admit = admit_to_chat },
    { .name = JF_LIT(DYNAMIC), .flags = JF_NSP_PATTERN },
};

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    host = boot->host;
    jf_describe(plugin, "golden", "1.0.0");
    JF_SET_LIST(plugin->events, events);
    JF_SET_LIST(plugin->nsps, namespaces);
    plugin->handshake = refuse_denied;
    boot->query(host, JF_EVENTS, &io, sizeof io);
    boot->query(host, JF_SOCKETS, &sockets, sizeof sockets);
    boot->query(host, JF_ROOMS, &rooms, sizeof rooms);
    return boot->query(host, JF_JSON, &json, sizeof json);
}
