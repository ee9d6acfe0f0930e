/* Calls every interface of the header, driven by events. The plugin host's own tests load it. */
#define _POSIX_C_SOURCE 200809L /* nanosleep */
#include <jackfield/jackfield.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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
static jf_helpers_api helpers;

static void sleep_ms(int64_t ms) {
    struct timespec time = { ms / 1000, ms % 1000 * 1000000 };
    nanosleep(&time, NULL);
}

/** A newer header than the host's: two functions that it does not know. */
static struct {
    jf_events_api known;
    jf_code (*unknown)(const jf_host *, int64_t, jf_text);
    jf_code (*other)(const jf_host *);
} newer;

static int last_code = 99;
static int stopped, destroyed;

static jf_text number(char *buffer, size_t size, long value) {
    snprintf(buffer, size, "[%ld]", value);
    return jf_text_of(buffer);
}

static void tell(jf_socket to, jf_text name, jf_text args) {
    jf_message message = { 0 };
    message.name = name;
    message.args = args;
    last_code = io.emit(host, to, &message);
}

/* ---- events ---- */

static void on_echo(void *instance, const jf_event *event) {
    (void)instance;
    last_code = io.ack(host, event->ack, event->args, event->attachments, event->attachment_count);
}

static void on_back(void *instance, const jf_event *event) {
    (void)instance;
    tell(event->socket, JF_TEXT("back"), event->args);
}

static void on_twice(void *instance, const jf_event *event) {
    char buffer[64];
    jf_code first = io.ack(host, event->ack, JF_TEXT("[1]"), NULL, 0),
            second = io.ack(host, event->ack, JF_TEXT("[2]"), NULL, 0);
    (void)instance;
    snprintf(buffer, sizeof buffer, "[%d,%d]", first, second);
    tell(event->socket, JF_TEXT("codes"), jf_text_of(buffer));
}

static void *answer_later(void *context) {
    jf_token token = (jf_token)(uintptr_t)context;
    sleep_ms(20);
    last_code = io.ack(host, token, JF_TEXT("[\"later\"]"), NULL, 0);
    if (io.ack(host, token, JF_TEXT("[\"again\"]"), NULL, 0) != JF_E_GONE) abort();
    return NULL;
}

static void on_later(void *instance, const jf_event *event) {
    pthread_t thread;
    jf_token kept = 0;
    int32_t waiting = 7;
    (void)instance;
    last_code = tokens.keep(host, event->ack, &kept);
    if (last_code != JF_OK) return;
    if (io.ack(host, event->ack, JF_TEXT("[]"), NULL, 0) != JF_E_GONE) abort();
    if (tokens.waits(host, kept, &waiting) != JF_OK || waiting != 1) abort();
    pthread_create(&thread, NULL, answer_later, (void *)(uintptr_t)kept);
    pthread_detach(thread);
}

static jf_token hoard;
static void on_hoard(void *instance, const jf_event *event) {
    (void)instance;
    last_code = tokens.keep(host, event->ack, &hoard);
}

static void on_release(void *instance, const jf_event *event) {
    char buffer[64];
    int32_t waiting = 7;
    jf_code code;
    (void)instance;
    if (tokens.waits(host, hoard, &waiting) != JF_OK) abort();
    code = io.ack(host, hoard, JF_TEXT("[\"hoarded\"]"), NULL, 0);
    snprintf(buffer, sizeof buffer, "[%d,%d]", waiting, code);
    io.ack(host, event->ack, jf_text_of(buffer), NULL, 0);
}

static void on_code(void *instance, const jf_event *event) {
    char buffer[32];
    (void)instance;
    io.ack(host, event->ack, number(buffer, sizeof buffer, last_code), NULL, 0);
}

static void on_fail(void *instance, const jf_event *event) {
    (void)instance;
    io.ack_error(host, event->ack, JF_TEXT("no_luck"), JF_TEXT("it said \"no\""));
}

static void on_sleep(void *instance, const jf_event *event) {
    jf_json value = { 0 };
    (void)instance;
    if (json.read(host, event->args, JF_TEXT("/0"), &value) == JF_OK) sleep_ms(value.integer);
    io.ack(host, event->ack, JF_TEXT("[\"slept\"]"), NULL, 0);
}

static void on_where(void *instance, const jf_event *event) {
    char buffer[64];
    (void)instance;
    snprintf(buffer, sizeof buffer, "[%lu]", (unsigned long)pthread_self() % 1000000007UL);
    sleep_ms(2);
    io.ack(host, event->ack, jf_text_of(buffer), NULL, 0);
}

static void on_join(void *instance, const jf_event *event) {
    char room[256];
    uint64_t length = 0;
    jf_json value = { 0 };
    jf_text name;
    jf_target selection = { 0 };
    jf_message message = { 0 };
    (void)instance;
    if (json.read(host, event->args, JF_TEXT("/0"), &value) != JF_OK) return;
    if (json.text(host, value.raw, room, sizeof room, &length) != JF_OK) return;
    name.ptr = room;
    name.len = length;
    last_code = rooms.join(host, event->socket, name);
    selection.rooms = &name;
    selection.room_count = 1;
    message.name = (jf_text)JF_LIT("joined");
    message.args = event->args;
    io.broadcast(host, &selection, &message);
    io.ack(host, event->ack, JF_TEXT("[]"), NULL, 0);
}

static void on_fetched(void *instance, void *context, const jf_fetched *fetched) {
    char buffer[4096];
    (void)instance;
    snprintf(buffer, sizeof buffer, "[%d,%d,%.*s]", fetched->status, (int)fetched->count, (int)fetched->json.len,
             fetched->json.ptr);
    tell((jf_socket)(uintptr_t)context, JF_TEXT("fetched"), jf_text_of(buffer));
}

static void on_fetch(void *instance, const jf_event *event) {
    jf_target selection = { 0 };
    (void)instance;
    selection.flags = JF_TARGET_ALL;
    last_code = sockets.fetch(host, &selection, JF_PART_ID | JF_PART_USER | JF_PART_DATA | JF_PART_ROOMS | JF_PART_JSON,
                              on_fetched, (void *)(uintptr_t)event->socket);
}

static void on_answer(void *instance, void *context, const jf_answer *answer) {
    char buffer[512];
    (void)instance;
    snprintf(buffer, sizeof buffer, "[%d,%.*s]", answer->status, (int)answer->args.len, answer->args.ptr);
    tell((jf_socket)(uintptr_t)context, JF_TEXT("answer"), jf_text_of(buffer));
}

static void on_ask(void *instance, const jf_event *event) {
    jf_message message = { 0 };
    (void)instance;
    message.name = (jf_text)JF_LIT("question");
    last_code = io.emit_ack(host, event->socket, &message, 50, on_answer, (void *)(uintptr_t)event->socket);
}

static void on_answers(void *instance, void *context, const jf_answers *answers) {
    char buffer[512];
    (void)instance;
    snprintf(buffer, sizeof buffer, "[%d,%u,%u]", answers->status, answers->expected, answers->count);
    if (answers->struct_size != sizeof *answers || answers->stride != sizeof(jf_answer)) abort();
    tell((jf_socket)(uintptr_t)context, JF_TEXT("answers"), jf_text_of(buffer));
}

static void on_ask_all(void *instance, const jf_event *event) {
    jf_message message = { 0 };
    jf_target selection = { 0 };
    (void)instance;
    selection.flags = JF_TARGET_ALL;
    message.name = (jf_text)JF_LIT("question");
    last_code = io.broadcast_ack(host, &selection, &message, 50, on_answers, (void *)(uintptr_t)event->socket);
}

static void on_describe(void *instance, const jf_event *event) {
    char buffer[2048] = "[";
    uint64_t length = 0;
    (void)instance;
    sockets.set_data(host, event->socket, JF_TEXT("{\"color\":\"red\"}"));
    if (sockets.describe(host, event->socket, JF_PART_ID | JF_PART_USER | JF_PART_CLAIMS | JF_PART_DATA, buffer + 1, 1,
                         &length) != JF_E_SPACE)
        abort();
    last_code = sockets.describe(host, event->socket, JF_PART_ID | JF_PART_USER | JF_PART_CLAIMS | JF_PART_DATA,
                                 buffer + 1, sizeof buffer - 2, &length);
    buffer[1 + length] = ']';
    buffer[2 + length] = 0;
    io.ack(host, event->ack, jf_text_of(buffer), NULL, 0);
}

static void on_fired(void *instance, void *context) {
    (void)instance;
    tell((jf_socket)(uintptr_t)context, JF_TEXT("fired"), JF_TEXT("[]"));
}

static void on_timer(void *instance, const jf_event *event) {
    jf_timer kept, cancelled;
    (void)instance;
    timers.after(host, 20, on_fired, (void *)(uintptr_t)event->socket, NULL, &kept);
    timers.after(host, 10, on_fired, (void *)(uintptr_t)event->socket, NULL, &cancelled);
    if (timers.cancel(host, cancelled) != JF_OK || timers.cancel(host, cancelled) != JF_E_GONE) abort();
    if (core.post(host, on_fired, (void *)(uintptr_t)event->socket, NULL) != JF_OK) abort();
}

static void *expected_instance;
static int nested;

static void say_fourth(void *instance, void *context) {
    if (instance != expected_instance) abort();
    tell((jf_socket)(uintptr_t)context, JF_TEXT("piece"), JF_TEXT("[4]"));
    nested = 1;
}

static void say_five(void *instance, void *context) {
    char buffer[32];
    if (instance != expected_instance) abort();
    for (long i = 1; i < 4; i++) {
        tell((jf_socket)(uintptr_t)context, JF_TEXT("piece"), number(buffer, sizeof buffer, i));
        /* Enough time for a loop to drain its mailbox, if it was woken. */
        sleep_ms(50);
    }
    if (core.batch(host, say_fourth, context) != JF_OK || !nested) abort();
    tell((jf_socket)(uintptr_t)context, JF_TEXT("piece"), JF_TEXT("[5]"));
}

static void on_batch(void *instance, const jf_event *event) {
    expected_instance = instance;
    nested = 0;
    if (core.batch(host, NULL, NULL) != JF_E_INVALID) abort();
    if (core.batch(host, say_five, (void *)(uintptr_t)event->socket) != JF_OK) abort();
}

/* An emit in a batch that lasts 2 s; messages of other threads do not wait for its end. */
static void say_slowly(void *instance, void *context) {
    (void)instance;
    tell((jf_socket)(uintptr_t)context, JF_TEXT("slow"), JF_TEXT("[]"));
    sleep_ms(2000);
}

static void on_batch_slowly(void *instance, const jf_event *event) {
    (void)instance;
    core.batch(host, say_slowly, (void *)(uintptr_t)event->socket);
}

static void on_bad(void *instance, const jf_event *event) {
    char buffer[128];
    jf_message message = { 0 };
    jf_code codes[6];
    (void)instance;
    message.name = (jf_text)JF_LIT("x");
    message.args = (jf_text)JF_LIT("[1,]");
    codes[0] = io.emit(host, event->socket, &message);
    message.args = (jf_text)JF_LIT("{}");
    codes[1] = io.emit(host, event->socket, &message);
    message.args = (jf_text)JF_LIT("[]");
    message.name = (jf_text)JF_LIT("disconnect");
    codes[2] = io.emit(host, event->socket, &message);
    message.name = (jf_text)JF_LIT("x");
    codes[3] = io.emit(host, event->socket ^ 1, &message);
    codes[4] = rooms.join(host, event->socket, JF_TEXT(""));
    codes[5] = newer.unknown(host, 1, JF_TEXT("x"));
    if (newer.other(host) != JF_E_UNSUPPORTED) abort();
    snprintf(buffer, sizeof buffer, "[%d,%d,%d,%d,%d,%d]", codes[0], codes[1], codes[2], codes[3], codes[4], codes[5]);
    io.ack(host, event->ack, jf_text_of(buffer), NULL, 0);
}

/** Names that are too long, and invalid user ids. */
static void on_bad_ids(void *instance, const jf_event *event) {
    static char longest[1000];
    char buffer[128];
    jf_message message = { 0 };
    jf_target selection = { 0 };
    jf_text longer = { longest, sizeof longest };
    jf_code codes[7];
    (void)instance;
    memset(longest, 'x', sizeof longest);
    message.name = (jf_text)JF_LIT("x");
    message.args = (jf_text)JF_LIT("[]");
    codes[0] = presence.watch(host, longer);
    codes[1] = presence.unwatch(host, (jf_text)JF_LIT("a\0b"));
    selection.user = (jf_text)JF_LIT("a\0b");
    codes[2] = io.broadcast(host, &selection, &message);
    selection.user = jf_text_of("");
    selection.rooms = &longer;
    selection.room_count = 1;
    codes[3] = io.broadcast(host, &selection, &message);
    selection.room_count = 0;
    selection.flags = JF_TARGET_ALL;
    selection.except_rooms = &longer;
    selection.except_count = 1;
    codes[4] = io.broadcast(host, &selection, &message);
    selection.except_count = 0;
    selection.nsp = longer;
    codes[5] = io.broadcast(host, &selection, &message);
    codes[6] = rooms.members(host, longer, JF_TEXT("room"), NULL, NULL);
    snprintf(buffer, sizeof buffer, "[%d,%d,%d,%d,%d,%d,%d]", codes[0], codes[1], codes[2], codes[3], codes[4],
             codes[5], codes[6]);
    io.ack(host, event->ack, jf_text_of(buffer), NULL, 0);
}

static void on_leave(void *instance, const jf_event *event) {
    (void)instance;
    sockets.disconnect(host, event->socket, 0);
}

static void on_watch(void *instance, const jf_event *event) {
    (void)instance;
    last_code = presence.watch(host, JF_TEXT("bob"));
    io.ack(host, event->ack, JF_TEXT("[]"), NULL, 0);
}

static void on_any(void *instance, const jf_event *event) {
    char buffer[256];
    (void)instance;
    snprintf(buffer, sizeof buffer, "[\"%.*s\",\"%s\"]", (int)event->name.len, event->name.ptr,
             (const char *)event->context);
    tell(event->socket, JF_TEXT("any"), jf_text_of(buffer));
}

static int ticks;
static void on_ticks(void *instance, const jf_event *event) {
    char buffer[32];
    (void)instance;
    io.ack(host, event->ack, number(buffer, sizeof buffer, ticks), NULL, 0);
}

static int observed;
static void on_observe(void *instance, const jf_event *event) {
    (void)instance;
    if (event->ack) abort();
    __atomic_add_fetch(&observed, 1, __ATOMIC_SEQ_CST);
}

static void on_observed(void *instance, const jf_event *event) {
    char buffer[32];
    (void)instance;
    io.ack(host, event->ack, number(buffer, sizeof buffer, __atomic_load_n(&observed, __ATOMIC_SEQ_CST)), NULL, 0);
}

static const jf_event_decl events[] = {
    { .name = JF_LIT("echo"), .handler = on_echo },
    { .name = JF_LIT("echo-inline"), .handler = on_echo, .run = JF_RUN_INLINE },
    { .name = JF_LIT("back"), .handler = on_back },
    { .name = JF_LIT("back-inline"), .handler = on_back, .run = JF_RUN_INLINE },
    { .name = JF_LIT("twice"), .handler = on_twice },
    { .name = JF_LIT("twice-inline"), .handler = on_twice, .run = JF_RUN_INLINE },
    { .name = JF_LIT("later"), .handler = on_later },
    { .name = JF_LIT("later-inline"), .handler = on_later, .run = JF_RUN_INLINE },
    { .name = JF_LIT("hoard"), .handler = on_hoard },
    { .name = JF_LIT("release"), .handler = on_release },
    { .name = JF_LIT("code"), .handler = on_code },
    { .name = JF_LIT("fail"), .handler = on_fail },
    { .name = JF_LIT("sleep"), .handler = on_sleep },
    { .name = JF_LIT("sleep-inline"), .handler = on_sleep, .run = JF_RUN_INLINE },
    { .name = JF_LIT("where-key"), .handler = on_where, .run = JF_RUN_BY_KEY, .run_key = JF_LIT("/0/room") },
    { .name = JF_LIT("where-parallel"), .handler = on_where, .run = JF_RUN_PARALLEL },
    { .name = JF_LIT("join"), .handler = on_join },
    { .name = JF_LIT("join-inline"), .handler = on_join, .run = JF_RUN_INLINE },
    { .name = JF_LIT("fetch"), .handler = on_fetch },
    { .name = JF_LIT("ask"), .handler = on_ask },
    { .name = JF_LIT("ask-all"), .handler = on_ask_all },
    { .name = JF_LIT("describe"), .handler = on_describe },
    { .name = JF_LIT("timer"), .handler = on_timer },
    { .name = JF_LIT("batch"), .handler = on_batch },
    { .name = JF_LIT("batch-inline"), .handler = on_batch, .run = JF_RUN_INLINE },
    { .name = JF_LIT("batch-slowly"), .handler = on_batch_slowly, .run = JF_RUN_PARALLEL },
    { .name = JF_LIT("bad"), .handler = on_bad },
    { .name = JF_LIT("bad-ids"), .handler = on_bad_ids },
    { .name = JF_LIT("ticks"), .handler = on_ticks },
    { .name = JF_LIT("leave"), .handler = on_leave, .run = JF_RUN_INLINE },
    { .name = JF_LIT("watch"), .handler = on_watch },
    { .name = JF_LIT("observed"), .handler = on_observed },
    { .nsp = JF_LIT("/any"), .handler = on_any, .context = "catch-all" },
    { .nsp = JF_LIT("/any"), .handler = on_observe, .flags = JF_EVENT_OBSERVE },
    { .nsp = JF_LIT("^/dyn-[0-9]+$"), .name = JF_LIT("echo"), .handler = on_echo },
};

/* ---- namespaces ---- */

static void *decide_later(void *context) {
    jf_token token = (jf_token)(uintptr_t)context;
    sleep_ms(20);
    if (sockets.accept(host, token, NULL) != JF_OK) abort();
    if (sockets.accept(host, token, NULL) != JF_E_GONE) abort();
    return NULL;
}

static jf_code admit(void *instance, const jf_attempt *attempt, jf_refusal *refusal) {
    pthread_t thread;
    jf_token kept;
    jf_json value = { 0 };
    (void)instance;
    if (json.read(host, attempt->auth, JF_TEXT("/do"), &value) != JF_OK) return JF_OK;
    if (jf_text_equal(value.raw, JF_TEXT("\"deny\""))) return jf_refuse(refusal, "go away", "{\"code\":7}");
    if (jf_text_equal(value.raw, JF_TEXT("\"fail\""))) return JF_E_FAILED;
    if (jf_text_equal(value.raw, JF_TEXT("\"forget\""))) return JF_PENDING;
    if (jf_text_equal(value.raw, JF_TEXT("\"odd\""))) return 77;
    if (jf_text_equal(value.raw, JF_TEXT("\"never\"")))
        return tokens.keep(host, attempt->decision, &kept) == JF_OK ? JF_PENDING : JF_E_FAILED;
    if (jf_text_equal(value.raw, JF_TEXT("\"sleep\""))) {
        sleep_ms(20);
        return JF_OK;
    }
    if (tokens.keep(host, attempt->decision, &kept) != JF_OK) return JF_E_FAILED;
    pthread_create(&thread, NULL, decide_later, (void *)(uintptr_t)kept);
    pthread_detach(thread);
    return JF_PENDING;
}

static void on_connected(void *instance, const jf_socket_event *event) {
    (void)instance;
    tell(event->socket, JF_TEXT("welcome"), JF_TEXT("[]"));
}

static char gone_reason[64];
static int gone_rooms;
static void on_disconnecting(void *instance, const jf_socket_event *event) {
    (void)instance;
    gone_rooms = (int)event->room_count;
}

static void on_disconnected(void *instance, const jf_socket_event *event) {
    jf_target all = { 0 };
    jf_message message = { 0 };
    char buffer[128];
    (void)instance;
    snprintf(gone_reason, sizeof gone_reason, "%.*s", (int)event->reason.len, event->reason.ptr);
    snprintf(buffer, sizeof buffer, "[\"%s\",%d]", gone_reason, gone_rooms);
    core.log(host, JF_LOG_INFO, jf_text_of(gone_reason));
    message.name = (jf_text)JF_LIT("gone");
    message.args = jf_text_of(buffer);
    all.flags = JF_TARGET_ALL;
    all.nsp = (jf_text)JF_LIT("/hooks");
    io.broadcast(host, &all, &message);
}

static const jf_nsp_decl nsps[] = {
    { .name = JF_LIT("/any") },
    { .name = JF_LIT("/hooks"),
      .admit = admit,
      .connected = on_connected,
      .disconnecting = on_disconnecting,
      .disconnected = on_disconnected },
    { .name = JF_LIT("/hooks-inline"), .run = JF_RUN_INLINE, .admit = admit, .connected = on_connected },
    { .name = JF_LIT("^/dyn-[0-9]+$"), .flags = JF_NSP_PATTERN },
};

/* ---- routes ---- */

static void on_get(void *instance, const jf_request *request) {
    char body[512];
    jf_response response = { 0 };
    jf_text id = jf_find(request->params, request->param_count, "id"),
            q = jf_find(request->query, request->query_count, "q");
    (void)instance;
    snprintf(body, sizeof body, "{\"id\":\"%.*s\",\"q\":\"%.*s\",\"user\":\"%.*s\"}", (int)id.len, id.ptr, (int)q.len,
             q.ptr, (int)request->user.len, request->user.ptr);
    response.status = 200;
    response.body.ptr = (const uint8_t *)body;
    response.body.len = strlen(body);
    last_code = http.respond(host, request->reply, &response);
    if (http.respond(host, request->reply, &response) != JF_E_GONE) abort();
}

static void on_silent(void *instance, const jf_request *request) {
    (void)instance;
    (void)request;
}

/* Keeps its token after its client has gone. */
static void on_slow(void *instance, const jf_request *request) {
    jf_token kept = 0;
    (void)instance;
    sleep_ms(500);
    if (tokens.keep(host, request->reply, &kept) == JF_OK) tokens.drop(host, kept);
}

static void on_stream(void *instance, const jf_request *request) {
    jf_response response = { 0 };
    jf_stream stream = 0;
    jf_bytes piece = { (const uint8_t *)"two", 3 };
    (void)instance;
    response.status = 200;
    response.content_type = (jf_text)JF_LIT("text/plain");
    response.body.ptr = (const uint8_t *)"one";
    response.body.len = 3;
    if (http.stream(host, request->reply, &response, NULL, &stream) != JF_OK) return;
    http.write(host, stream, piece);
    http.finish(host, stream);
    if (http.write(host, stream, piece) != JF_E_GONE) abort();
}

static const jf_route_decl routes[] = {
    { .method = JF_LIT("GET"), .path = JF_LIT("/v1/things/{id}"), .handler = on_get, .auth = JF_AUTH_NONE },
    { .method = JF_LIT("GET"), .path = JF_LIT("/v1/private/{id}"), .handler = on_get },
    { .method = JF_LIT("POST"), .path = JF_LIT("/v1/silent"), .handler = on_silent, .auth = JF_AUTH_NONE },
    { .method = JF_LIT("GET"), .path = JF_LIT("/v1/slow"), .handler = on_slow, .auth = JF_AUTH_NONE },
    { .method = JF_LIT("GET"), .path = JF_LIT("/v1/stream"), .handler = on_stream, .auth = JF_AUTH_NONE },
};

/* ---- life cycle ---- */

static void on_tick(void *instance, void *context) {
    (void)instance;
    (void)context;
    ticks++;
}

#ifndef TICK
#define TICK 3600000
#endif
static const jf_timer_decl ticking[] = { { .handler = on_tick, .interval = TICK } };

static void on_presence(void *instance, const jf_presence_change *change) {
    jf_target all = { 0 };
    jf_message message = { 0 };
    (void)instance;
    all.flags = JF_TARGET_ALL;
    message.name = (jf_text)JF_LIT("edge");
    message.args = change->online ? (jf_text)JF_LIT("[\"online\"]") : (jf_text)JF_LIT("[\"offline\"]");
    io.broadcast(host, &all, &message);
}

/** 1 if no slot after the head of a table is NULL. */
static int is_full(const void *table, size_t size) {
    size_t at;
    for (at = 8; at + sizeof(void *) <= size; at += sizeof(void *)) {
        void *slot;
        memcpy(&slot, (const char *)table + at, sizeof slot);
        if (!slot) return 0;
    }
    return 1;
}

static jf_code create(const jf_host *given, void **instance, jf_error *error) {
    jf_presence_api missing;
    memset(&missing, 0, sizeof missing);
    if (given != host) return jf_fail(error, JF_E_FAILED, "another host");
    if (!is_full(&core, sizeof core) || !is_full(&tokens, sizeof tokens) || !is_full(&io, sizeof io) ||
        !is_full(&sockets, sizeof sockets) || !is_full(&rooms, sizeof rooms) || !is_full(&presence, sizeof presence) ||
        !is_full(&timers, sizeof timers) || !is_full(&http, sizeof http) || !is_full(&json, sizeof json) ||
        !is_full(&helpers, sizeof helpers) || !is_full(&newer, sizeof newer))
        return jf_fail(error, JF_E_FAILED, "a slot is NULL");
    if (io.revision != 1 || io.struct_size != sizeof io || newer.known.struct_size != sizeof newer.known)
        return jf_fail(error, JF_E_FAILED, "a table's head is wrong");
    *instance = (void *)&events;
    return JF_OK;
}

static jf_code start(void *instance, jf_error *error) {
    (void)error;
    return instance == (void *)&events ? JF_OK : JF_E_FAILED;
}

static void stop(void *instance) {
    (void)instance;
    stopped++;
    core.log(host, JF_LOG_INFO, JF_TEXT("probe stops"));
}

static void destroy(void *instance) {
    (void)instance;
    if (stopped) destroyed++;
    core.log(host, JF_LOG_INFO, JF_TEXT("probe is destroyed"));
}

#ifndef ISOLATED
// A plugin with this hook cannot run in a worker process.
static jf_code on_handshake(void *instance, const jf_handshake *request, jf_handshake_reply *reply) {
    (void)instance;
    (void)reply;
    return jf_find(request->headers, request->header_count, "x-odd").len ? 77 : JF_OK;
}
#endif

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    jf_presence_api none;
    int32_t online = 7;
    uint64_t count = 7;
    host = boot->host;
    if (boot->query(host, JF_CORE, &core, sizeof core) || boot->query(host, JF_TOKENS, &tokens, sizeof tokens) ||
        boot->query(host, JF_EVENTS, &io, sizeof io) || boot->query(host, JF_SOCKETS, &sockets, sizeof sockets) ||
        boot->query(host, JF_ROOMS, &rooms, sizeof rooms) ||
        boot->query(host, JF_PRESENCE, &presence, sizeof presence) ||
        boot->query(host, JF_TIMERS, &timers, sizeof timers) || boot->query(host, JF_HTTP, &http, sizeof http) ||
        boot->query(host, JF_JSON, &json, sizeof json) || boot->query(host, JF_HELPERS, &helpers, sizeof helpers) ||
        boot->query(host, JF_EVENTS, &newer, sizeof newer))
        return JF_E_FAILED;
    if (boot->query(host, "jf.telepathy/3", &none, sizeof none) != JF_E_UNSUPPORTED) return JF_E_FAILED;
    if (none.is_online(host, JF_TEXT("x"), &online) != JF_E_UNSUPPORTED ||
        none.online_count(host, &count) != JF_E_UNSUPPORTED)
        return JF_E_FAILED;
    if (online != 7 || count != 7) return JF_E_FAILED;
    jf_describe(plugin, "probe", "1.2.3");
    plugin->create = create;
    plugin->start = start;
    plugin->stop = stop;
    plugin->destroy = destroy;
    plugin->presence = on_presence;
#ifndef ISOLATED
    plugin->handshake = on_handshake;
#endif
    JF_SET_LIST(plugin->events, events);
    JF_SET_LIST(plugin->nsps, nsps);
    JF_SET_LIST(plugin->routes, routes);
    JF_SET_LIST(plugin->timers, ticking);
    return JF_OK;
}
