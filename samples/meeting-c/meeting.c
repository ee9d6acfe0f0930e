/*
 * An online meeting service: a complete application in one file. It has its own authentication, three namespaces,
 * 27 events, binary files, polls that every client answers, and events for operators.
 *
 *     cc -shared -fPIC -I include -o meeting.so samples/meeting-c/meeting.c
 *
 *     # meeting.yaml: the plugin authenticates clients, so the host verifies no token
 *     auth: false
 *     plugins:
 *       - path: ./meeting.so
 *         config: { people: { alice: { key: "k1" }, root: { key: "k0", staff: true } } }
 *
 *     jackfield serve --config meeting.yaml
 *     io("http://localhost:8080", { auth: { name: "alice", key: "k1" } })
 *
 * All configured people may join "/" and "/board", those with `staff` also "/staff". Events, each answered by an ack
 * unless the list says otherwise:
 *
 *     all       ping, hello
 *     /         status {text} · enter {room} · exit {room} · say {room, text} · members {room} · direct {user, text}
 *               typing {room} (volatile, no ack) · poll {room, question, timeout} · question {to, text, timeout}
 *               remind {ms, text} · forget {timer} · watch {user} · unwatch {user}
 *               upload <binary> · download <number> · count-words {text}
 *     /board    draw <binary> · snapshot · clear · cursor {x, y} (volatile, no ack)
 *     /staff    sockets · kick {user} · move {from, to} · announce {text} · stats
 *
 * The delay of 50 ms before a decision for "/board" simulates a look-up in a directory. `count-words` runs on a thread
 * that the plugin starts, because long work would block the strand.
 */
#define _POSIX_C_SOURCE 200809L
#include <jackfield/jackfield.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define PEOPLE    64
#define FILES     32
#define STROKES   64
#define ROOM      128
#define MOST_FILE 65536
#define EVENT     4096 /* fits an event with a text of 512 bytes: JSON escapes need up to 6 bytes for one */

typedef struct person {
    char name[64], key[64];
    int32_t staff;
} person;

/* The plugin_data of a socket. */
typedef struct session {
    const person *who;
    uint32_t events; /* not atomic: written on the strand only */
} session;

typedef struct file {
    uint8_t *octets;
    uint64_t length;
} file;

/* A kept ack with the data that its answer needs. */
typedef struct pending {
    jf_token ack;
    jf_socket socket;
    char text[EVENT];
} pending;

static const jf_host *host;
static jf_core_api core;
static jf_tokens_api tokens;
static jf_events_api io;
static jf_sockets_api sockets;
static jf_rooms_api rooms;
static jf_presence_api presence;
static jf_timers_api timers;
static jf_http_api http;
static jf_json_api json;

static person people[PEOPLE];
static uint32_t people_count;
static file files[FILES], strokes[STROKES];
static uint32_t file_count, stroke_count;
static uint64_t joined, said;
static int32_t is_closed; /* read on the event loops, so accessed atomically */

/* ---- arguments and answers --------------------------------------------------------------------------------- */

/* A member of the first argument as text in `buffer`; 0 if it is missing, no string or too long. */
static int32_t text_at(const jf_event *event, const char *pointer, char *buffer, uint64_t capacity, jf_text *text) {
    jf_json value = { .struct_size = sizeof value };
    if (json.read(host, event->args, jf_text_of(pointer), &value) != JF_OK || value.kind != JF_JSON_STRING) return 0;
    if (json.text(host, value.raw, buffer, capacity, &text->len) != JF_OK) return 0;
    text->ptr = buffer;
    return text->len > 0;
}

static int32_t integer_at(const jf_event *event, const char *pointer, int64_t least, int64_t most, int64_t *integer) {
    jf_json value = { .struct_size = sizeof value };
    if (json.read(host, event->args, jf_text_of(pointer), &value) != JF_OK || !value.is_integer) return 0;
    *integer = value.integer;
    return value.integer >= least && value.integer <= most;
}

static void ok(const jf_event *event) { io.ack(host, event->ack, JF_TEXT("[{\"ok\":true}]"), NULL, 0); }

static void wrong(const jf_event *event, const char *what) {
    io.ack_error(host, event->ack, JF_TEXT("invalid_arguments"), jf_text_of(what));
}

/* Answers with the result of a host call. */
static void answer_code(const jf_event *event, jf_code code) {
    jf_text words = JF_EMPTY;
    if (code == JF_OK) {
        ok(event);
        return;
    }
    core.describe(host, code, &words);
    io.ack_error(host, event->ack, code == JF_E_LIMIT ? JF_TEXT("overloaded") : JF_TEXT("internal"), words);
}

/* Begins the arguments of an event or an ack: an array with one object. */
static void begin(jf_json_writer *writer, char *buffer, uint64_t capacity) {
    writer->struct_size = sizeof *writer;
    json.begin(host, writer, buffer, capacity);
    json.begin_container(host, writer, JF_JSON_ARRAY);
    json.begin_container(host, writer, JF_JSON_OBJECT);
}

static jf_text finish(jf_json_writer *writer) {
    jf_text args = JF_EMPTY;
    json.close_container(host, writer);
    json.close_container(host, writer);
    json.done(host, writer, &args); /* empty text, which means "[]", if it did not fit */
    return args;
}

static void put_text(jf_json_writer *writer, const char *name, jf_text value) {
    json.add_name(host, writer, jf_text_of(name));
    json.add_text(host, writer, value);
}

static void put_integer(jf_json_writer *writer, const char *name, int64_t value) {
    json.add_name(host, writer, jf_text_of(name));
    json.add_integer(host, writer, value);
}

/* ---- who may join ------------------------------------------------------------------------------------------ */

static void free_memory(void *instance, void *data) {
    (void)instance;
    free(data);
}

static const person *find(jf_text name) {
    uint32_t i;
    for (i = 0; i < people_count; i++)
        if (jf_text_equal(jf_text_of(people[i].name), name)) return &people[i];
    return NULL;
}

/* The person whose name and key the client sent; NULL: they are wrong. */
static const person *authenticate(const jf_attempt *attempt) {
    char name[64], key[64];
    jf_json value = { .struct_size = sizeof value };
    jf_text text = { name, 0 }, secret = { key, 0 };
    const person *who;
    if (json.read(host, attempt->auth, JF_TEXT("/name"), &value) != JF_OK) return NULL;
    if (json.text(host, value.raw, name, sizeof name, &text.len) != JF_OK) return NULL;
    if (json.read(host, attempt->auth, JF_TEXT("/key"), &value) != JF_OK) return NULL;
    if (json.text(host, value.raw, key, sizeof key, &secret.len) != JF_OK) return NULL;
    who = find(text);
    return who && jf_text_equal(jf_text_of(who->key), secret) ? who : NULL;
}

/* Accepts the client as `who`, with a new session as plugin_data. */
static jf_code accept_client(jf_token decision, const person *who) {
    jf_admission admission = { .struct_size = sizeof admission,
                               .data = JF_LIT("{\"status\":\"here\"}"),
                               .free_data = free_memory };
    session *made = calloc(1, sizeof *made);
    jf_code code;
    if (!made) return JF_E_FAILED;
    made->who = who;
    admission.user = jf_text_of(who->name);
    admission.claims = who->staff ? JF_TEXT("{\"staff\":true}") : JF_TEXT("{\"staff\":false}");
    admission.plugin_data = made;
    code = sockets.accept(host, decision, &admission);
    if (code != JF_OK) free(made); /* the client left: the host does not keep plugin_data */
    return JF_OK;
}

static jf_code admit(void *instance, const jf_attempt *attempt, jf_refusal *refusal) {
    const person *who = authenticate(attempt);
    (void)instance;
    if (!who) return jf_refuse(refusal, "name or key is wrong", "{\"code\":\"wrong_key\"}");
    return accept_client(attempt->decision, who);
}

static jf_code admit_staff(void *instance, const jf_attempt *attempt, jf_refusal *refusal) {
    const person *who = authenticate(attempt);
    (void)instance;
    if (!who || !who->staff) return jf_refuse(refusal, "for staff only", "{\"code\":\"not_staff\"}");
    return accept_client(attempt->decision, who);
}

typedef struct directory_request {
    jf_token decision;
    const person *who;
} directory_request;

static void directory_answered(void *instance, void *context) {
    directory_request *request = context;
    (void)instance;
    if (accept_client(request->decision, request->who) != JF_OK) tokens.drop(host, request->decision);
    free(request);
}

static jf_code admit_to_board(void *instance, const jf_attempt *attempt, jf_refusal *refusal) {
    const person *who = authenticate(attempt);
    directory_request *request;
    (void)instance;
    if (!who) return jf_refuse(refusal, "name or key is wrong", "{\"code\":\"wrong_key\"}");
    request = malloc(sizeof *request);
    if (!request) return JF_E_FAILED;
    request->who = who;
    if (tokens.keep(host, attempt->decision, &request->decision) != JF_OK ||
        timers.after(host, 50, directory_answered, request, free_memory, NULL) != JF_OK) {
        free(request);
        return JF_E_FAILED;
    }
    return JF_PENDING;
}

static void on_connected(void *instance, const jf_socket_event *event) {
    (void)instance;
    (void)event;
    joined++;
}

/* Emits `left` to the socket's rooms while it is still in them. */
static void on_disconnecting(void *instance, const jf_socket_event *event) {
    char buffer[EVENT];
    jf_json_writer writer;
    jf_message message = { .struct_size = sizeof message, .name = JF_LIT("left") };
    jf_target others = { .struct_size = sizeof others, .except_socket = event->socket };
    (void)instance;
    if (event->room_count < 2) return; /* the first is the socket's own id */
    others.nsp = event->nsp;
    others.rooms = event->rooms + 1;
    others.room_count = event->room_count - 1;
    begin(&writer, buffer, sizeof buffer);
    put_text(&writer, "user", event->user);
    put_text(&writer, "reason", event->reason);
    message.args = finish(&writer);
    io.broadcast(host, &others, &message);
}

/* Refuses new sessions while the service is closed, and adds headers to the HTTP responses. */
static jf_code on_handshake(void *instance, const jf_handshake *request, jf_handshake_reply *reply) {
    (void)instance;
    (void)request;
    if (__atomic_load_n(&is_closed, __ATOMIC_RELAXED)) return jf_deny(reply, "the meeting service is closed");
    jf_add_header(reply, 0, "x-meeting-session", "new");
    return jf_add_header(reply, 1, "x-meeting-version", "1");
}

/* ---- all namespaces ---------------------------------------------------------------------------------------- */

static void on_ping(void *instance, const jf_event *event) {
    (void)instance;
    io.ack(host, event->ack, event->args, event->attachments, event->attachment_count);
}

static void on_hello(void *instance, const jf_event *event) {
    char buffer[EVENT], described[1024];
    jf_json_writer writer;
    jf_text about = { described, 0 };
    session *own = event->plugin_data;
    (void)instance;
    if (sockets.describe(host, event->socket, JF_PART_CLAIMS | JF_PART_DATA | JF_PART_CONNECTION, described,
                         sizeof described, &about.len) != JF_OK)
        return;
    begin(&writer, buffer, sizeof buffer);
    put_text(&writer, "user", event->user);
    put_text(&writer, "id", event->id);
    put_text(&writer, "nsp", event->nsp);
    put_integer(&writer, "events", own ? ++own->events : 0);
    json.add_name(host, &writer, JF_TEXT("about"));
    json.add_json(host, &writer, about);
    io.ack(host, event->ack, finish(&writer), NULL, 0);
}

/* ---- "/": rooms and messages ------------------------------------------------------------------------------- */

static void on_status(void *instance, const jf_event *event) {
    char text[256], buffer[EVENT];
    jf_text status = JF_EMPTY, data = JF_EMPTY;
    jf_json_writer writer = { .struct_size = sizeof writer };
    jf_message message = { .struct_size = sizeof message, .name = JF_LIT("status") };
    jf_target others = { .struct_size = sizeof others, .flags = JF_TARGET_ALL, .except_socket = event->socket };
    (void)instance;
    if (!text_at(event, "/0/text", text, sizeof text, &status)) {
        wrong(event, "send {text}: 1 to 256 bytes");
        return;
    }
    json.begin(host, &writer, buffer, sizeof buffer);
    json.begin_container(host, &writer, JF_JSON_OBJECT);
    put_text(&writer, "status", status);
    json.close_container(host, &writer);
    json.done(host, &writer, &data);
    sockets.set_data(host, event->socket, data);

    begin(&writer, buffer, sizeof buffer);
    put_text(&writer, "user", event->user);
    put_text(&writer, "status", status);
    message.args = finish(&writer);
    io.broadcast(host, &others, &message);
    ok(event);
}

/* Sends an event to all other sockets in a room. */
static jf_code emit_to_room(const jf_event *event, const char *name, jf_text room, jf_text text, uint32_t flags) {
    char buffer[EVENT];
    jf_json_writer writer;
    jf_message message = { .struct_size = sizeof message, .flags = flags };
    jf_target others = {
        .struct_size = sizeof others, .rooms = &room, .room_count = 1, .except_socket = event->socket
    };
    begin(&writer, buffer, sizeof buffer);
    put_text(&writer, "room", room);
    put_text(&writer, "user", event->user);
    if (text.len) put_text(&writer, "text", text);
    message.name = jf_text_of(name);
    message.args = finish(&writer);
    return io.broadcast(host, &others, &message);
}

static void on_enter(void *instance, const jf_event *event) {
    char name[ROOM];
    jf_text room = JF_EMPTY, none = JF_EMPTY;
    jf_code code;
    (void)instance;
    if (!text_at(event, "/0/room", name, sizeof name, &room)) {
        wrong(event, "send {room}: 1 to 128 bytes");
        return;
    }
    code = rooms.join(host, event->socket, room);
    if (code == JF_OK) emit_to_room(event, "entered", room, none, 0);
    answer_code(event, code);
}

static void on_exit(void *instance, const jf_event *event) {
    char name[ROOM];
    jf_text room = JF_EMPTY, none = JF_EMPTY;
    (void)instance;
    if (!text_at(event, "/0/room", name, sizeof name, &room)) {
        wrong(event, "send {room}: 1 to 128 bytes");
        return;
    }
    emit_to_room(event, "left", room, none, 0);
    answer_code(event, rooms.leave(host, event->socket, room));
}

/* Runs in order for each room, but for several rooms at once, so the counter is atomic. */
static void on_say(void *instance, const jf_event *event) {
    char name[ROOM], words[512];
    jf_text room = JF_EMPTY, text = JF_EMPTY;
    (void)instance;
    if (!text_at(event, "/0/room", name, sizeof name, &room) ||
        !text_at(event, "/0/text", words, sizeof words, &text)) {
        wrong(event, "send {room, text}: 1 to 128 and 1 to 512 bytes");
        return;
    }
    __atomic_add_fetch(&said, 1, __ATOMIC_RELAXED);
    answer_code(event, emit_to_room(event, "said", room, text, 0));
}

static void on_typing(void *instance, const jf_event *event) {
    char name[ROOM];
    jf_text room = JF_EMPTY, none = JF_EMPTY;
    (void)instance;
    if (text_at(event, "/0/room", name, sizeof name, &room))
        emit_to_room(event, "typing", room, none, JF_MESSAGE_VOLATILE);
}

/* The context is the kept ack, so there is no memory to free. */
static void members_found(void *instance, void *context, const jf_fetched *fetched) {
    char buffer[8192];
    jf_json_writer writer = { .struct_size = sizeof writer };
    jf_text args = JF_EMPTY;
    const jf_socket_info *info = fetched->items;
    uint64_t i;
    (void)instance;
    json.begin(host, &writer, buffer, sizeof buffer);
    json.begin_container(host, &writer, JF_JSON_ARRAY);
    json.begin_container(host, &writer, JF_JSON_ARRAY);
    for (i = 0; i < fetched->count; i++) {
        json.add_text(host, &writer, info->user);
        info = (const jf_socket_info *)((const char *)info + fetched->stride);
    }
    json.close_container(host, &writer);
    json.close_container(host, &writer);
    if (json.done(host, &writer, &args) != JF_OK) {
        io.ack_error(host, (jf_token)(uintptr_t)context, JF_TEXT("overloaded"),
                     JF_TEXT("the room has too many members to list"));
        return;
    }
    io.ack(host, (jf_token)(uintptr_t)context, args, NULL, 0);
}

static void on_members(void *instance, const jf_event *event) {
    char name[ROOM];
    jf_text room = JF_EMPTY;
    jf_token kept = 0;
    (void)instance;
    if (!text_at(event, "/0/room", name, sizeof name, &room)) {
        wrong(event, "send {room}: 1 to 128 bytes");
        return;
    }
    if (tokens.keep(host, event->ack, &kept) != JF_OK) return; /* the client wants no answer */
    if (rooms.members(host, event->nsp, room, members_found, (void *)(uintptr_t)kept) != JF_OK) tokens.drop(host, kept);
}

static void on_direct(void *instance, const jf_event *event) {
    char name[64], words[512], buffer[EVENT];
    jf_text user = JF_EMPTY, text = JF_EMPTY;
    jf_json_writer writer;
    jf_message message = { .struct_size = sizeof message, .name = JF_LIT("direct") };
    jf_target tabs = { .struct_size = sizeof tabs };
    int32_t online = 0;
    (void)instance;
    if (!text_at(event, "/0/user", name, sizeof name, &user) ||
        !text_at(event, "/0/text", words, sizeof words, &text)) {
        wrong(event, "send {user, text}: 1 to 64 and 1 to 512 bytes");
        return;
    }
    presence.is_online(host, user, &online);
    begin(&writer, buffer, sizeof buffer);
    put_text(&writer, "from", event->user);
    put_text(&writer, "text", text);
    message.args = finish(&writer);
    tabs.user = user;
    io.broadcast(host, &tabs, &message);
    io.ack(host, event->ack, online ? JF_TEXT("[{\"online\":true}]") : JF_TEXT("[{\"online\":false}]"), NULL, 0);
}

/* ---- "/": questions that clients answer -------------------------------------------------------------------- */

static void poll_answered(void *instance, void *context, const jf_answers *answers) {
    char buffer[EVENT];
    jf_json_writer writer;
    jf_text args;
    const jf_answer *item = answers->items;
    uint32_t i;
    (void)instance;
    begin(&writer, buffer, sizeof buffer);
    put_integer(&writer, "asked", answers->expected);
    json.add_name(host, &writer, JF_TEXT("complete"));
    json.add_bool(host, &writer, answers->status == JF_OK);
    json.add_name(host, &writer, JF_TEXT("answers"));
    json.begin_container(host, &writer, JF_JSON_ARRAY);
    for (i = 0; i < answers->count; i++) {
        json.add_json(host, &writer, item->args);
        item = (const jf_answer *)((const char *)item + answers->stride);
    }
    json.close_container(host, &writer);
    args = finish(&writer);
    if (args.len) io.ack(host, (jf_token)(uintptr_t)context, args, NULL, 0);
    else
        io.ack_error(host, (jf_token)(uintptr_t)context, JF_TEXT("overloaded"),
                     JF_TEXT("the answers are too many to list"));
}

static void on_poll(void *instance, const jf_event *event) {
    char name[ROOM], words[512], buffer[EVENT];
    jf_text room = JF_EMPTY, question = JF_EMPTY;
    jf_json_writer writer;
    jf_message message = { .struct_size = sizeof message, .name = JF_LIT("poll") };
    jf_target others = {
        .struct_size = sizeof others, .rooms = &room, .room_count = 1, .except_socket = event->socket
    };
    jf_token kept = 0;
    int64_t timeout = 0;
    (void)instance;
    if (!text_at(event, "/0/room", name, sizeof name, &room) ||
        !text_at(event, "/0/question", words, sizeof words, &question) ||
        !integer_at(event, "/0/timeout", 1, 60000, &timeout)) {
        wrong(event, "send {room, question, timeout}: 1 to 128 bytes, 1 to 512 bytes, 1 to 60000 ms");
        return;
    }
    begin(&writer, buffer, sizeof buffer);
    put_text(&writer, "question", question);
    message.args = finish(&writer);
    if (tokens.keep(host, event->ack, &kept) != JF_OK) return;
    if (io.broadcast_ack(host, &others, &message, (uint32_t)timeout, poll_answered, (void *)(uintptr_t)kept) != JF_OK)
        tokens.drop(host, kept);
}

static void question_answered(void *instance, void *context, const jf_answer *answer) {
    jf_token kept = (jf_token)(uintptr_t)context;
    (void)instance;
    if (answer->status == JF_OK) io.ack(host, kept, answer->args, answer->attachments, answer->attachment_count);
    else
        io.ack_error(host, kept, JF_TEXT("unavailable"),
                     answer->status == JF_E_TIMEOUT ? JF_TEXT("no answer in time") : JF_TEXT("the socket left"));
}

/* The first socket of the user gets the question. */
static void person_found(void *instance, void *context, const jf_fetched *fetched) {
    pending *asked = context;
    jf_message message = { .struct_size = sizeof message, .name = JF_LIT("question") };
    (void)instance;
    message.args = jf_text_of(asked->text);
    if (fetched->count == 0) {
        io.ack_error(host, asked->ack, JF_TEXT("not_found"), JF_TEXT("the user is not connected"));
    } else if (io.emit_ack(host, fetched->items->socket, &message, 2000, question_answered,
                           (void *)(uintptr_t)asked->ack) != JF_OK) {
        tokens.drop(host, asked->ack);
    }
    free(asked);
}

static void on_question(void *instance, const jf_event *event) {
    char name[64], words[256];
    jf_text user = JF_EMPTY, text = JF_EMPTY;
    jf_json_writer writer;
    jf_target tabs = { .struct_size = sizeof tabs };
    pending *asked;
    (void)instance;
    if (!text_at(event, "/0/to", name, sizeof name, &user) || !text_at(event, "/0/text", words, sizeof words, &text)) {
        wrong(event, "send {to, text}: 1 to 64 and 1 to 256 bytes");
        return;
    }
    asked = malloc(sizeof *asked);
    if (!asked) return;
    begin(&writer, asked->text, sizeof asked->text - 1);
    put_text(&writer, "from", event->user);
    put_text(&writer, "text", text);
    asked->text[finish(&writer).len] = 0;
    tabs.user = user;
    if (tokens.keep(host, event->ack, &asked->ack) != JF_OK) {
        free(asked);
    } else if (sockets.fetch(host, &tabs, 0, person_found, asked) != JF_OK) {
        tokens.drop(host, asked->ack);
        free(asked);
    }
}

/* ---- "/": reminders, presence ------------------------------------------------------------------------------ */

static void reminder_due(void *instance, void *context) {
    pending *reminder = context;
    jf_message message = { .struct_size = sizeof message, .name = JF_LIT("reminder") };
    (void)instance;
    message.args = jf_text_of(reminder->text);
    io.emit(host, reminder->socket, &message); /* JF_E_GONE: the socket has left */
    free(reminder);
}

static void on_remind(void *instance, const jf_event *event) {
    char words[256], number[64];
    jf_text text = JF_EMPTY;
    jf_json_writer writer;
    jf_timer timer = 0;
    int64_t delay = 0;
    pending *reminder;
    (void)instance;
    if (!integer_at(event, "/0/ms", 0, 86400000, &delay) || !text_at(event, "/0/text", words, sizeof words, &text)) {
        wrong(event, "send {ms, text}: 0 to 86400000 and 1 to 256 bytes");
        return;
    }
    reminder = malloc(sizeof *reminder);
    if (!reminder) return;
    reminder->socket = event->socket;
    begin(&writer, reminder->text, sizeof reminder->text - 1);
    put_text(&writer, "text", text);
    reminder->text[finish(&writer).len] = 0;
    if (timers.after(host, (uint64_t)delay, reminder_due, reminder, free_memory, &timer) != JF_OK) {
        free(reminder);
        return;
    }
    /* As text, because a JavaScript number cannot hold the 64 bits of a handle. */
    snprintf(number, sizeof number, "[{\"timer\":\"%llu\"}]", (unsigned long long)timer);
    io.ack(host, event->ack, jf_text_of(number), NULL, 0);
}

static void on_forget(void *instance, const jf_event *event) {
    char number[32];
    jf_text text = JF_EMPTY;
    (void)instance;
    if (!text_at(event, "/0/timer", number, sizeof number - 1, &text)) {
        wrong(event, "send {timer}, as `remind` answered");
        return;
    }
    number[text.len] = 0;
    if (timers.cancel(host, (jf_timer)strtoull(number, NULL, 10)) == JF_OK) ok(event);
    else io.ack_error(host, event->ack, JF_TEXT("not_found"), JF_TEXT("there is no such reminder any more"));
}

static void on_watch(void *instance, const jf_event *event) {
    char name[64];
    jf_text user = JF_EMPTY;
    (void)instance;
    if (text_at(event, "/0/user", name, sizeof name, &user)) answer_code(event, presence.watch(host, user));
    else wrong(event, "send {user}: 1 to 64 bytes");
}

static void on_unwatch(void *instance, const jf_event *event) {
    char name[64];
    jf_text user = JF_EMPTY;
    (void)instance;
    if (text_at(event, "/0/user", name, sizeof name, &user)) answer_code(event, presence.unwatch(host, user));
    else wrong(event, "send {user}: 1 to 64 bytes");
}

static void on_presence(void *instance, const jf_presence_change *change) {
    char buffer[EVENT];
    jf_json_writer writer;
    jf_message message = { .struct_size = sizeof message, .name = JF_LIT("presence") };
    jf_target all = { .struct_size = sizeof all, .flags = JF_TARGET_ALL };
    (void)instance;
    begin(&writer, buffer, sizeof buffer);
    put_text(&writer, "user", change->user);
    json.add_name(host, &writer, JF_TEXT("online"));
    json.add_bool(host, &writer, change->online);
    message.args = finish(&writer);
    io.broadcast(host, &all, &message);
}

/* ---- "/": binary files, long work -------------------------------------------------------------------------- */

/* Copies the first attachment to the end of a list; -1: there is none, it is too large, or the list is full. */
static int32_t store(const jf_event *event, file *list, uint32_t *count, uint32_t most) {
    jf_bytes octets;
    uint8_t *copy;
    if (event->attachment_count == 0 || *count == most) return -1;
    octets = event->attachments[0];
    if (octets.len > MOST_FILE || !(copy = malloc((size_t)octets.len + 1))) return -1;
    memcpy(copy, octets.ptr, (size_t)octets.len);
    list[*count].octets = copy;
    list[*count].length = octets.len;
    return (int32_t)(*count)++;
}

static void on_upload(void *instance, const jf_event *event) {
    char args[64];
    int32_t number = store(event, files, &file_count, FILES);
    (void)instance;
    if (number < 0) {
        wrong(event, "send one binary argument of at most 65536 bytes; 32 files are kept");
        return;
    }
    snprintf(args, sizeof args, "[{\"number\":%d,\"size\":%llu}]", number, (unsigned long long)files[number].length);
    io.ack(host, event->ack, jf_text_of(args), NULL, 0);
}

static void on_download(void *instance, const jf_event *event) {
    jf_bytes attachment;
    int64_t number = 0;
    (void)instance;
    if (!integer_at(event, "/0", 0, (int64_t)file_count - 1, &number)) {
        io.ack_error(host, event->ack, JF_TEXT("not_found"), JF_TEXT("there is no file of this number"));
        return;
    }
    attachment.ptr = files[number].octets;
    attachment.len = files[number].length;
    io.ack(host, event->ack, JF_TEXT("[{\"_placeholder\":true,\"num\":0}]"), &attachment, 1);
}

typedef struct count_job {
    jf_token ack;
    uint64_t length;
    char args[]; /* a copy: the event's memory is valid only until its handler returns */
} count_job;

static void *count_words(void *context) {
    count_job *job = context;
    char answer[64];
    uint64_t i, words = 0;
    int32_t inside = 0;
    for (i = 0; i < job->length; i++) {
        int32_t letter = job->args[i] > ' ' && job->args[i] != '"' && job->args[i] != '[' && job->args[i] != ']';
        words += letter && !inside;
        inside = letter;
    }
    snprintf(answer, sizeof answer, "[{\"words\":%llu}]", (unsigned long long)words);
    io.ack(host, job->ack, jf_text_of(answer), NULL, 0); /* a kept token may be completed from any thread */
    free(job);
    return NULL;
}

/* Running threads; destroy waits for them. */
static pthread_t workers[16];
static uint32_t worker_count;

static void join_workers(void) {
    while (worker_count) pthread_join(workers[--worker_count], NULL);
}

static void on_count_words(void *instance, const jf_event *event) {
    jf_json text = { .struct_size = sizeof text };
    count_job *job;
    (void)instance;
    if (json.read(host, event->args, JF_TEXT("/0/text"), &text) != JF_OK) return;
    if (worker_count == sizeof workers / sizeof *workers) join_workers();
    job = malloc(sizeof *job + (size_t)text.raw.len);
    if (!job) return;
    job->length = text.raw.len;
    memcpy(job->args, text.raw.ptr, (size_t)text.raw.len);
    if (tokens.keep(host, event->ack, &job->ack) != JF_OK) {
        free(job);
    } else if (pthread_create(&workers[worker_count], NULL, count_words, job) == 0) {
        worker_count++;
    } else {
        tokens.drop(host, job->ack);
        free(job);
    }
}

/* ---- "/board" ---------------------------------------------------------------------------------------------- */

static void on_draw(void *instance, const jf_event *event) {
    jf_message message = { .struct_size = sizeof message, .name = JF_LIT("drawn") };
    jf_target others = { .struct_size = sizeof others, .flags = JF_TARGET_ALL, .except_socket = event->socket };
    (void)instance;
    if (store(event, strokes, &stroke_count, STROKES) < 0) {
        wrong(event, "send one binary argument of at most 65536 bytes; a board holds 64 strokes");
        return;
    }
    others.nsp = event->nsp;
    message.args = event->args; /* unchanged, with its placeholder */
    message.attachments = event->attachments;
    message.attachment_count = event->attachment_count;
    answer_code(event, io.broadcast(host, &others, &message));
}

/* Sends the newest ten strokes, because clients refuse a packet with more than ten attachments. */
static void on_snapshot(void *instance, const jf_event *event) {
    char buffer[EVENT];
    jf_bytes attachments[10];
    jf_json_writer writer = { .struct_size = sizeof writer };
    jf_text args = JF_EMPTY;
    uint32_t i, count = stroke_count < 10 ? stroke_count : 10;
    (void)instance;
    json.begin(host, &writer, buffer, sizeof buffer);
    json.begin_container(host, &writer, JF_JSON_ARRAY);
    json.begin_container(host, &writer, JF_JSON_ARRAY);
    for (i = 0; i < count; i++) {
        char placeholder[48];
        const file *stroke = &strokes[stroke_count - count + i];
        attachments[i].ptr = stroke->octets;
        attachments[i].len = stroke->length;
        snprintf(placeholder, sizeof placeholder, "{\"_placeholder\":true,\"num\":%u}", (unsigned)i);
        json.add_json(host, &writer, jf_text_of(placeholder));
    }
    json.close_container(host, &writer);
    json.close_container(host, &writer);
    json.done(host, &writer, &args);
    io.ack(host, event->ack, args, attachments, count);
}

static void on_clear(void *instance, const jf_event *event) {
    jf_message message = { .struct_size = sizeof message, .name = JF_LIT("cleared") };
    jf_target all = { .struct_size = sizeof all, .flags = JF_TARGET_ALL };
    (void)instance;
    while (stroke_count) free(strokes[--stroke_count].octets);
    all.nsp = event->nsp;
    answer_code(event, io.broadcast(host, &all, &message));
}

/* Runs on the event loop, because it only forwards bytes. */
static void on_cursor(void *instance, const jf_event *event) {
    jf_message message = { .struct_size = sizeof message, .flags = JF_MESSAGE_VOLATILE, .name = JF_LIT("cursor") };
    jf_target others = { .struct_size = sizeof others, .flags = JF_TARGET_ALL, .except_socket = event->socket };
    (void)instance;
    others.nsp = event->nsp;
    message.args = event->args;
    io.broadcast(host, &others, &message);
}

/* ---- "/staff" ---------------------------------------------------------------------------------------------- */

static void sockets_found(void *instance, void *context, const jf_fetched *fetched) {
    (void)instance;
    if (fetched->status == JF_E_GONE) return; /* the plugin is stopping; the host completes the kept ack */
    /* With JF_PART_JSON the host writes an array, which becomes the only argument. */
    {
        uint64_t length = fetched->json.len + 2;
        char *args = malloc((size_t)length);
        jf_text text;
        if (!args) return;
        args[0] = '[';
        memcpy(args + 1, fetched->json.ptr, (size_t)fetched->json.len);
        args[length - 1] = ']';
        text.ptr = args;
        text.len = length;
        io.ack(host, (jf_token)(uintptr_t)context, text, NULL, 0);
        free(args);
    }
}

static void on_sockets(void *instance, const jf_event *event) {
    jf_target all = { .struct_size = sizeof all, .flags = JF_TARGET_ALL | JF_TARGET_EVERY_NSP };
    uint32_t parts = JF_PART_ID | JF_PART_USER | JF_PART_DATA | JF_PART_ROOMS | JF_PART_CONNECTION | JF_PART_JSON;
    jf_token kept = 0;
    (void)instance;
    if (tokens.keep(host, event->ack, &kept) != JF_OK) return;
    if (sockets.fetch(host, &all, parts, sockets_found, (void *)(uintptr_t)kept) != JF_OK) tokens.drop(host, kept);
}

static void on_kick(void *instance, const jf_event *event) {
    char name[64];
    jf_text user = JF_EMPTY;
    jf_target tabs = { .struct_size = sizeof tabs, .flags = JF_TARGET_EVERY_NSP };
    (void)instance;
    if (!text_at(event, "/0/user", name, sizeof name, &user)) {
        wrong(event, "send {user}: 1 to 64 bytes");
        return;
    }
    tabs.user = user;
    answer_code(event, sockets.disconnect_all(host, &tabs, 1));
}

/* Moves all sockets of one room to another. The calls take effect in this order because one thread makes them. */
static void on_move(void *instance, const jf_event *event) {
    char old_name[ROOM], new_name[ROOM];
    jf_text from = JF_EMPTY, to = JF_EMPTY;
    jf_target members = { .struct_size = sizeof members, .room_count = 1 };
    jf_message message = { .struct_size = sizeof message, .name = JF_LIT("moved") };
    jf_code code;
    (void)instance;
    if (!text_at(event, "/0/from", old_name, sizeof old_name, &from) ||
        !text_at(event, "/0/to", new_name, sizeof new_name, &to)) {
        wrong(event, "send {from, to}: 1 to 128 bytes each");
        return;
    }
    members.rooms = &from;
    code = rooms.join_all(host, &members, &to, 1);
    if (code == JF_OK) code = io.broadcast(host, &members, &message);
    if (code == JF_OK) code = rooms.leave_all(host, &members, &from, 1);
    answer_code(event, code);
}

static void on_announce(void *instance, const jf_event *event) {
    char words[512], buffer[EVENT];
    jf_text text = JF_EMPTY;
    jf_json_writer writer;
    jf_message message = { .struct_size = sizeof message, .name = JF_LIT("announcement") };
    jf_target all = { .struct_size = sizeof all, .flags = JF_TARGET_ALL | JF_TARGET_EVERY_NSP };
    (void)instance;
    if (!text_at(event, "/0/text", words, sizeof words, &text)) {
        wrong(event, "send {text}: 1 to 512 bytes");
        return;
    }
    begin(&writer, buffer, sizeof buffer);
    put_text(&writer, "text", text);
    message.args = finish(&writer);
    answer_code(event, io.broadcast(host, &all, &message));
}

static void on_stats(void *instance, const jf_event *event) {
    char buffer[EVENT];
    jf_json_writer writer;
    uint64_t online = 0;
    int64_t now = 0;
    (void)instance;
    presence.online_count(host, &online);
    core.wall_ms(host, &now);
    begin(&writer, buffer, sizeof buffer);
    put_integer(&writer, "joined", (int64_t)joined);
    put_integer(&writer, "said", (int64_t)__atomic_load_n(&said, __ATOMIC_RELAXED));
    put_integer(&writer, "files", file_count);
    put_integer(&writer, "strokes", stroke_count);
    put_integer(&writer, "online", (int64_t)online);
    put_integer(&writer, "now", now);
    io.ack(host, event->ack, finish(&writer), NULL, 0);
}

/* ---- HTTP -------------------------------------------------------------------------------------------------- */

static void set_closed(const jf_request *request, int32_t closed) {
    jf_response nothing = { .struct_size = sizeof nothing, .status = 204 };
    __atomic_store_n(&is_closed, closed, __ATOMIC_RELAXED);
    http.respond(host, request->reply, &nothing);
}

static void on_close(void *instance, const jf_request *request) {
    (void)instance;
    set_closed(request, 1);
}

static void on_open(void *instance, const jf_request *request) {
    (void)instance;
    set_closed(request, 0);
}

/* ---- life cycle -------------------------------------------------------------------------------------------- */

/* Reads config.people: {"alice": {"key": "k1", "staff": true}, ...}. */
static jf_code create(const jf_host *unused, void **instance, jf_error *error) {
    jf_text config = JF_EMPTY, name = JF_EMPTY;
    jf_json list = { .struct_size = sizeof list }, entry = { .struct_size = sizeof entry },
            value = { .struct_size = sizeof value };
    jf_json_cursor cursor = { .struct_size = sizeof cursor };
    (void)unused;
    (void)instance;
    core.config(host, &config);
    if (json.read(host, config, JF_TEXT("/people"), &list) != JF_OK || list.kind != JF_JSON_OBJECT)
        return jf_fail(error, JF_E_INVALID, "config.people is missing: { name: { key: text, staff: true } }");
    if (list.count > PEOPLE) return jf_fail(error, JF_E_LIMIT, "config.people names more than 64 people");
    json.open(host, list.raw, &cursor);
    while (json.next(host, &cursor, &name, &entry) == JF_OK) {
        person *added = &people[people_count];
        uint64_t length = 0;
        if (json.text(host, name, added->name, sizeof added->name - 1, &length) != JF_OK)
            return jf_fail(error, JF_E_INVALID, "config.people: a name has more than 63 bytes");
        added->name[length] = 0;
        if (json.read(host, entry.raw, JF_TEXT("/key"), &value) != JF_OK || value.kind != JF_JSON_STRING ||
            json.text(host, value.raw, added->key, sizeof added->key - 1, &length) != JF_OK)
            return jf_fail(error, JF_E_INVALID, "config.people: every person needs a key of at most 63 bytes");
        added->key[length] = 0;
        added->staff = json.read(host, entry.raw, JF_TEXT("/staff"), &value) == JF_OK && value.kind == JF_JSON_TRUE;
        people_count++;
    }
    return JF_OK;
}

static void destroy(void *instance) {
    (void)instance;
    join_workers();
    while (file_count) free(files[--file_count].octets);
    while (stroke_count) free(strokes[--stroke_count].octets);
}

/* ---- declarations ------------------------------------------------------------------------------------------ */

static const jf_text everywhere[] = { JF_LIT("/"), JF_LIT("/board"), JF_LIT("/staff") };

#define BOARD(event, types, function) \
    { .nsp = JF_LIT("/board"), .name = JF_LIT(event), .handler = function, .signature = JF_LIT(types) }
#define STAFF(event, types, function) \
    { .nsp = JF_LIT("/staff"), .name = JF_LIT(event), .handler = function, .signature = JF_LIT(types) }

#define DONE " throws -> {ok: bool}"

static const jf_event_decl events[] = {
    /* Without a signature, because it takes any number of arguments of any type. */
    { .name = JF_LIT("ping"), .handler = on_ping, .nsps = everywhere, .nsp_count = 3 },
    { .name = JF_LIT("hello"),
      .handler = on_hello,
      .nsps = everywhere,
      .nsp_count = 3,
      .signature = JF_LIT("() -> {user: string, id: string, nsp: string, events: i64, about: json}") },
    JF_TYPED_EVENT("status", "(input: {text: string})" DONE, on_status),
    JF_TYPED_EVENT("enter", "(input: {room: string})" DONE, on_enter),
    JF_TYPED_EVENT("exit", "(input: {room: string})" DONE, on_exit),
    { .name = JF_LIT("say"),
      .handler = on_say,
      .run = JF_RUN_BY_KEY,
      .run_key = JF_LIT("/0/room"),
      .signature = JF_LIT("(input: {room: string, text: string})" DONE) },
    { .name = JF_LIT("typing"),
      .handler = on_typing,
      .run = JF_RUN_PARALLEL,
      .signature = JF_LIT("(input: {room: string})") },
    JF_TYPED_EVENT("members", "(input: {room: string}) throws -> string[]", on_members),
    JF_TYPED_EVENT("direct", "(input: {user: string, text: string}) throws -> {online: bool}", on_direct),
    JF_TYPED_EVENT("poll",
                   "(input: {room: string, question: string, timeout: i64}) throws -> "
                   "{asked: i64, complete: bool, answers: json[]}",
                   on_poll),
    JF_TYPED_EVENT("question", "(input: {to: string, text: string}) throws -> json", on_question),
    JF_TYPED_EVENT("remind", "(input: {ms: i64, text: string}) throws -> {timer: string}", on_remind),
    JF_TYPED_EVENT("forget", "(input: {timer: string})" DONE, on_forget),
    JF_TYPED_EVENT("watch", "(input: {user: string})" DONE, on_watch),
    JF_TYPED_EVENT("unwatch", "(input: {user: string})" DONE, on_unwatch),
    JF_TYPED_EVENT("upload", "(file: bytes) throws -> {number: i64, size: i64}", on_upload),
    JF_TYPED_EVENT("download", "(number: i64) throws -> bytes", on_download),
    JF_TYPED_EVENT("count-words", "(input: {text: string}) -> {words: i64}", on_count_words),
    BOARD("draw", "(stroke: bytes)" DONE, on_draw),
    BOARD("snapshot", "() -> bytes[]", on_snapshot),
    BOARD("clear", "()" DONE, on_clear),
    { .nsp = JF_LIT("/board"),
      .name = JF_LIT("cursor"),
      .handler = on_cursor,
      .run = JF_RUN_INLINE,
      .signature = JF_LIT("(position: {x: f64, y: f64})") },
    STAFF("sockets", "() -> json[]", on_sockets),
    STAFF("kick", "(input: {user: string})" DONE, on_kick),
    STAFF("move", "(input: {from: string, to: string})" DONE, on_move),
    STAFF("announce", "(input: {text: string})" DONE, on_announce),
    STAFF("stats", "() -> {joined: i64, said: i64, files: i64, strokes: i64, online: i64, now: i64}", on_stats),
};

#define ANNOUNCEMENT "(announcement: {text: string})"

static const jf_emit_decl emits[] = {
    JF_EMIT("status", "(change: {user: string, status: string})"),
    JF_EMIT("entered", "(change: {room: string, user: string})"),
    /* With the room: of an `exit`. With the reason: the socket is gone, from all rooms. */
    JF_EMIT("left", "(change: {user: string, room: string?, reason: string?})"),
    JF_EMIT("said", "(message: {room: string, user: string, text: string})"),
    JF_EMIT("typing", "(change: {room: string, user: string})"),
    JF_EMIT("direct", "(message: {from: string, text: string})"),
    JF_EMIT("poll", "(poll: {question: string}) -> json"),
    JF_EMIT("question", "(question: {from: string, text: string}) -> json"),
    JF_EMIT("reminder", "(reminder: {text: string})"),
    JF_EMIT("presence", "(change: {user: string, online: bool})"),
    JF_EMIT("moved", "()"),
    { JF_LIT("drawn"), JF_LIT("(stroke: bytes)"), JF_LIT("/board") },
    { JF_LIT("cleared"), JF_LIT("()"), JF_LIT("/board") },
    { JF_LIT("cursor"), JF_LIT("(position: {x: f64, y: f64})"), JF_LIT("/board") },
    JF_EMIT("announcement", ANNOUNCEMENT),
    { JF_LIT("announcement"), JF_LIT(ANNOUNCEMENT), JF_LIT("/board") },
    { JF_LIT("announcement"), JF_LIT(ANNOUNCEMENT), JF_LIT("/staff") },
};

static const jf_nsp_decl namespaces[] = {
    { .name = JF_LIT("/"), .admit = admit, .connected = on_connected, .disconnecting = on_disconnecting },
    { .name = JF_LIT("/board"), .admit = admit_to_board, .connected = on_connected },
    { .name = JF_LIT("/staff"), .admit = admit_staff, .connected = on_connected },
};

static const jf_route_decl routes[] = {
    { .method = JF_LIT("POST"), .path = JF_LIT("/v1/meeting/close"), .handler = on_close, .auth = JF_AUTH_NONE },
    { .method = JF_LIT("POST"), .path = JF_LIT("/v1/meeting/open"), .handler = on_open, .auth = JF_AUTH_NONE },
};

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    host = boot->host;
    jf_describe(plugin, "meeting", "1.0.0");
    plugin->create = create;
    plugin->destroy = destroy;
    plugin->presence = on_presence;
    plugin->handshake = on_handshake;
    JF_SET_LIST(plugin->events, events);
    JF_SET_LIST(plugin->emits, emits);
    JF_SET_LIST(plugin->nsps, namespaces);
    JF_SET_LIST(plugin->routes, routes);
    boot->query(host, JF_CORE, &core, sizeof core);
    boot->query(host, JF_TOKENS, &tokens, sizeof tokens);
    boot->query(host, JF_EVENTS, &io, sizeof io);
    boot->query(host, JF_SOCKETS, &sockets, sizeof sockets);
    boot->query(host, JF_ROOMS, &rooms, sizeof rooms);
    boot->query(host, JF_PRESENCE, &presence, sizeof presence);
    boot->query(host, JF_TIMERS, &timers, sizeof timers);
    boot->query(host, JF_HTTP, &http, sizeof http);
    return boot->query(host, JF_JSON, &json, sizeof json);
}
