/*
 * What the protocol's description requires of an application and the recorded sessions do not show: reasons for
 * disconnects, volatile events, broadcasts with acks, and namespace patterns.
 *
 *     tell     to volatile payload    emits `told` payload: to the sender ("one"), to everyone of the namespace
 *                                     ("all"), or to the room of that name
 *     fill     bytes                  emits `filling` with a text of this many bytes to the sender
 *     ask      -                      emits `question` to the sender and waits for the answer
 *     ask-all  timeout                asks all sockets but the sender; acks [status, expected, [answer, ...]], or the
 *                                     call's error code
 *     join     room                   joins the room
 *     remember value                  sets the socket's data
 *     recall   -                      acks {"data":value}
 *     leave    close                  the server disconnects the socket; if close is true, the whole connection
 *
 * A client with `{"refuse":true}` as auth is refused. In a namespace that a pattern declares, `declared` is emitted on
 * connect with that declaration. The reason of each disconnect is logged: the log can be read after the daemon's end.
 *
 *     cc -shared -fPIC -I include -o rows.so rows.c
 */
#include <jackfield/jackfield.h>

#include <stdio.h>
#include <stdlib.h>

static const jf_host *host;
static jf_core_api core;
static jf_tokens_api tokens;
static jf_events_api io;
static jf_sockets_api sockets;
static jf_rooms_api rooms;
static jf_json_api json;

#define MOST_BYTES (64 * 1024 * 1024)

/** The argument at a JSON pointer; kind 0 if there is none. */
static jf_json argument(const jf_event *event, const char *pointer) {
    jf_json value = { 0 };
    if (json.read(host, event->args, jf_text_of(pointer), &value) != JF_OK) value.kind = 0;
    return value;
}

/** The first argument as text in a buffer of 256 bytes, the limit of a room's name. */
static jf_text name_in(char *buffer, const jf_event *event) {
    jf_text name = { NULL, 0 };
    if (json.text(host, argument(event, "/0").raw, buffer, 256, &name.len) == JF_OK) name.ptr = buffer;
    else name.len = 0;
    return name;
}

/* ---- to clients --------------------------------------------------------------------------------------------- */

static void on_tell(void *instance, const jf_event *event) {
    jf_message message = { .name = JF_LIT("told") };
    jf_target several = { .nsp = event->nsp };
    jf_text payload = argument(event, "/2").raw, room;
    char args[256], name[256];
    (void)instance;
    room = name_in(name, event);
    message.flags = argument(event, "/1").kind == JF_JSON_TRUE ? JF_MESSAGE_VOLATILE : 0;
    message.args.ptr = args;
    message.args.len = (uint64_t)snprintf(args, sizeof args, "[%.*s]", (int)payload.len, payload.ptr);
    if (jf_text_equal(room, JF_TEXT("one"))) {
        io.emit(host, event->socket, &message);
        return;
    }
    if (jf_text_equal(room, JF_TEXT("all"))) {
        several.flags = JF_TARGET_ALL;
    } else {
        several.rooms = &room;
        several.room_count = 1;
    }
    io.broadcast(host, &several, &message);
}

static void on_fill(void *instance, const jf_event *event) {
    jf_message message = { .name = JF_LIT("filling") };
    int64_t count = argument(event, "/0").integer;
    char *text = count < 0 || count > MOST_BYTES ? NULL : malloc((size_t)count + 4);
    (void)instance;
    if (!text) return;
    memcpy(text, "[\"", 2);
    memset(text + 2, 'x', (size_t)count);
    memcpy(text + 2 + count, "\"]", 2);
    message.args.ptr = text;
    message.args.len = (uint64_t)count + 4;
    io.emit(host, event->socket, &message);
    free(text);
}

/* ---- questions ---------------------------------------------------------------------------------------------- */

static void on_answer(void *instance, void *context, const jf_answer *answer) {
    (void)instance;
    (void)context;
    (void)answer;
}

static void on_ask(void *instance, const jf_event *event) {
    jf_message question = { .name = JF_LIT("question") };
    (void)instance;
    io.emit_ack(host, event->socket, &question, 60000, on_answer, NULL);
}

static void on_answers(void *instance, void *context, const jf_answers *answers) {
    char args[4096];
    size_t length = (size_t)snprintf(args, sizeof args, "[%d,%u,[", answers->status, answers->expected);
    uint32_t i;
    (void)instance;
    for (i = 0; i < answers->count; i++) {
        jf_text answer = answers->items[i].args;
        if (length + answer.len + 4 > sizeof args) break;
        length += (size_t)sprintf(args + length, "%s%.*s", i ? "," : "", (int)answer.len, answer.ptr);
    }
    memcpy(args + length, "]]", 3);
    io.ack(host, (jf_token)(uintptr_t)context, jf_text_of(args), NULL, 0);
}

static void on_ask_all(void *instance, const jf_event *event) {
    jf_message question = { .name = JF_LIT("question") };
    jf_target others = { .flags = JF_TARGET_ALL, .nsp = event->nsp, .except_socket = event->socket };
    jf_token asker;
    char args[32];
    int32_t code;
    (void)instance;
    if (tokens.keep(host, event->ack, &asker) != JF_OK) return;
    code = io.broadcast_ack(host, &others, &question, (uint32_t)argument(event, "/0").integer, on_answers,
                            (void *)(uintptr_t)asker);
    if (code == JF_OK) return;
    snprintf(args, sizeof args, "[%d]", code);
    io.ack(host, asker, jf_text_of(args), NULL, 0);
}

/* ---- rooms and data ----------------------------------------------------------------------------------------- */

static void on_join(void *instance, const jf_event *event) {
    char name[256];
    (void)instance;
    rooms.join(host, event->socket, name_in(name, event));
}

static void on_remember(void *instance, const jf_event *event) {
    (void)instance;
    sockets.set_data(host, event->socket, argument(event, "/0").raw);
}

static void on_recall(void *instance, const jf_event *event) {
    char args[1024] = "[";
    uint64_t length = 0;
    (void)instance;
    if (sockets.describe(host, event->socket, JF_PART_DATA, args + 1, sizeof args - 3, &length) != JF_OK) return;
    memcpy(args + 1 + length, "]", 2);
    io.ack(host, event->ack, jf_text_of(args), NULL, 0);
}

/* ---- connects and disconnects ------------------------------------------------------------------------------- */

static int32_t admit(void *instance, const jf_attempt *attempt, jf_refusal *refusal) {
    jf_json refuse = { 0 };
    (void)instance;
    if (json.read(host, attempt->auth, JF_TEXT("/refuse"), &refuse) == JF_OK && refuse.kind == JF_JSON_TRUE)
        return jf_refuse(refusal, "not today", "{\"code\":\"not_today\"}");
    return JF_OK;
}

static void on_connected(void *instance, const jf_socket_event *event) {
    jf_message declared = { .name = JF_LIT("declared") };
    (void)instance;
    declared.args = jf_text_of(event->context);
    io.emit(host, event->socket, &declared);
}

static void on_leave(void *instance, const jf_event *event) {
    (void)instance;
    sockets.disconnect(host, event->socket, argument(event, "/0").kind == JF_JSON_TRUE);
}

static void log_going(const char *hook, const jf_socket_event *event) {
    jf_text room = { "-", 1 };
    char line[256];
    if (event->room_count) room = event->rooms[0];
    snprintf(line, sizeof line, "%s %.*s of %.*s in %.*s: %.*s.", hook, (int)event->id.len, event->id.ptr,
             (int)event->nsp.len, event->nsp.ptr, (int)room.len, room.ptr, (int)event->reason.len, event->reason.ptr);
    core.log(host, JF_LOG_INFO, jf_text_of(line));
}

static void on_disconnecting(void *instance, const jf_socket_event *event) {
    (void)instance;
    log_going("disconnecting", event);
}

static void on_disconnected(void *instance, const jf_socket_event *event) {
    (void)instance;
    log_going("disconnected", event);
}

/* ---- declarations ------------------------------------------------------------------------------------------- */

/* Two pairs of overlapping patterns: one with the narrow pattern first, one with the wide pattern first. The second
 * pair also overlaps the name /hall-0. */
#define NARROW_FIRST "^/room-[0-9]+$"
#define WIDE_SECOND  "^/room-.+$"
#define WIDE_FIRST   "^/hall-.+$"
#define NARROW_LAST  "^/hall-[0-9]+$"

#define PATTERN(expression)       \
    { .name = JF_LIT(expression), \
      .flags = JF_NSP_PATTERN,    \
      .run = JF_RUN_INLINE,       \
      .admit = admit,             \
      .connected = on_connected,  \
      .context = "[\"" expression "\"]" }

static const jf_nsp_decl namespaces[] = {
    { .name = JF_LIT("/"), .admit = admit, .disconnecting = on_disconnecting, .disconnected = on_disconnected },
    { .name = JF_LIT("/other"), .disconnecting = on_disconnecting, .disconnected = on_disconnected },
    PATTERN(NARROW_FIRST),
    PATTERN(WIDE_SECOND),
    PATTERN(WIDE_FIRST),
    PATTERN(NARROW_LAST),
    { .name = JF_LIT("/hall-0"), .run = JF_RUN_INLINE, .connected = on_connected, .context = "[\"/hall-0\"]" },
};

#define IN(space, event, function) \
    { .nsp = JF_LIT(space), .name = JF_LIT(event), .handler = function, .run = JF_RUN_INLINE }

static const jf_event_decl events[] = {
    IN("/", "tell", on_tell),       IN("/", "fill", on_fill),   IN("/", "ask", on_ask),
    IN("/", "ask-all", on_ask_all), IN("/", "join", on_join),   IN("/", "remember", on_remember),
    IN("/", "recall", on_recall),   IN("/", "leave", on_leave), IN(NARROW_FIRST, "ask", on_ask),
};

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    host = boot->host;
    jf_describe(plugin, "rows", "1.0.0");
    JF_SET_LIST(plugin->events, events);
    JF_SET_LIST(plugin->nsps, namespaces);
    boot->query(host, JF_CORE, &core, sizeof core);
    boot->query(host, JF_TOKENS, &tokens, sizeof tokens);
    boot->query(host, JF_EVENTS, &io, sizeof io);
    boot->query(host, JF_SOCKETS, &sockets, sizeof sockets);
    boot->query(host, JF_ROOMS, &rooms, sizeof rooms);
    return boot->query(host, JF_JSON, &json, sizeof json);
}
