/*
 * Checks when functions work, where callbacks run, and what happens to contexts. CREATE_FAILS and START_FAILS end the
 * plugin early. Each step is logged as "NAME: ...", in order.
 */
#define _GNU_SOURCE /* gettid */
#include <jackfield/jackfield.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/** Prints the line and ends the test run. */
#define FAIL() (fprintf(stderr, "state.c:%d\n", __LINE__), abort())

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

static long strand;
static long here(void) { return (long)syscall(SYS_gettid); }

static void say(const char *what) {
    if (core.log(host, JF_LOG_INFO, jf_text_of(what)) != JF_OK) FAIL();
}

/** Every callback marked [strand] calls this. */
static void on_strand(const void *instance, const void *expected) {
    sigset_t blocked;
    int signal;
    if (here() != strand || instance != expected) {
        fprintf(stderr, "thread %ld, not %ld; instance %p, not %p\n", here(), strand, instance, expected);
        FAIL();
    }
    if (pthread_sigmask(SIG_BLOCK, NULL, &blocked) != 0) FAIL();
    for (signal = 1; signal < 32; signal++)
        if (sigismember(&blocked, signal) == 1) FAIL();
}

static int life; /* its address is the instance */

static void task(void *instance, void *context) {
    on_strand(instance, &life);
    say(context);
}

static void free_context(void *instance, void *context) {
    char line[128];
#if defined(CREATE_FAILS)
    on_strand(instance, NULL);
#else
    on_strand(instance, &life);
#endif
    snprintf(line, sizeof line, "frees %s", (const char *)context);
    say(line);
}

static void on_answer(void *instance, void *context, const jf_answer *answer) {
    char line[64];
    on_strand(instance, &life);
    snprintf(line, sizeof line, "answer %d %s", answer->status, (const char *)context);
    say(line);
}

static void on_fetched(void *instance, void *context, const jf_fetched *fetched) {
    char line[64];
    on_strand(instance, &life);
    snprintf(line, sizeof line, "fetched %d %s", fetched->status, (const char *)context);
    say(line);
}

/** The line of the first function that is tagged [any-thread] and does not return JF_E_STATE, or 0. */
static int all_refused(void) {
    jf_message message = { 0 };
    jf_target all = { 0 };
    jf_response response = { 0 };
    jf_text text;
    jf_timer timer = 7;
    jf_token kept = 7;
    jf_stream stream = 7;
    uint64_t length = 7;
    int32_t online = 7;
    void *data = &online;
    char buffer[16];
    message.name = JF_TEXT("x");
    all.flags = JF_TARGET_ALL;
    response.status = 200;
#define REFUSED(call) \
    if ((call) != JF_E_STATE) return __LINE__
    REFUSED(core.post(host, task, (void *)"never", free_context));
    REFUSED(core.batch(host, task, (void *)"never"));
    REFUSED(tokens.keep(host, 1, &kept));
    REFUSED(tokens.drop(host, 1));
    REFUSED(tokens.waits(host, 1, &online));
    REFUSED(io.emit(host, 1, &message));
    REFUSED(io.emit_ack(host, 1, &message, 50, on_answer, NULL));
    REFUSED(io.broadcast(host, &all, &message));
    REFUSED(io.broadcast_ack(host, &all, &message, 50, (jf_answers_fn)0, NULL));
    REFUSED(io.ack(host, 1, JF_TEXT("[]"), NULL, 0));
    REFUSED(io.ack_error(host, 1, JF_TEXT("x"), JF_TEXT("y")));
    REFUSED(sockets.describe(host, 1, JF_PART_ID, buffer, sizeof buffer, &length));
    REFUSED(sockets.set_data(host, 1, JF_TEXT("1")));
    REFUSED(sockets.set_plugin_data(host, 1, &life, free_context));
    REFUSED(sockets.plugin_data(host, 1, &data));
    REFUSED(sockets.disconnect(host, 1, 0));
    REFUSED(sockets.disconnect_all(host, &all, 0));
    REFUSED(sockets.fetch(host, &all, 0, on_fetched, NULL));
    REFUSED(sockets.accept(host, 1, NULL));
    REFUSED(sockets.refuse(host, 1, JF_TEXT("x"), JF_TEXT("")));
    REFUSED(rooms.join(host, 1, JF_TEXT("x")));
    REFUSED(rooms.leave(host, 1, JF_TEXT("x")));
    REFUSED(rooms.join_all(host, &all, &message.name, 1));
    REFUSED(rooms.leave_all(host, &all, &message.name, 1));
    REFUSED(rooms.members(host, JF_TEXT("/"), JF_TEXT("x"), on_fetched, NULL));
    REFUSED(presence.is_online(host, JF_TEXT("x"), &online));
    REFUSED(presence.connections(host, JF_TEXT("x"), &length));
    REFUSED(presence.online_count(host, &length));
    REFUSED(presence.watch(host, JF_TEXT("x")));
    REFUSED(presence.unwatch(host, JF_TEXT("x")));
    REFUSED(timers.after(host, 0, task, (void *)"never", free_context, &timer));
    REFUSED(timers.cancel(host, 1));
    REFUSED(http.respond(host, 1, &response));
    REFUSED(http.problem(host, 1, 400, JF_TEXT("x"), JF_TEXT("y")));
    REFUSED(http.stream(host, 1, &response, NULL, &stream));
    REFUSED(http.write(host, 1, response.body));
    REFUSED(http.finish(host, 1));
    /* On failure the values are zeroed. */
    if (kept || timer || stream || length || online || data) return __LINE__;
    /* [any-thread, always] */
    {
        int64_t ms = 0, ns = 0;
        if (core.wall_ms(host, &ms) != JF_OK || ms < 1600000000000 || core.mono_ns(host, &ns) != JF_OK || ns <= 0)
            return __LINE__;
        if (core.config(host, &text) != JF_OK || !jf_text_equal(text, JF_TEXT("{}"))) return __LINE__;
        if (core.describe(host, JF_E_GONE, &text) != JF_OK || text.len == 0 ||
            core.describe(host, -77, &text) != JF_E_NOT_FOUND || text.len)
            return __LINE__;
        if (json.quote(host, JF_TEXT("a"), buffer, sizeof buffer, &length) != JF_OK || length != 3) return __LINE__;
        if (helpers.fail(host, NULL, JF_E_FAILED, JF_TEXT("x")) != JF_E_FAILED) return __LINE__;
    }
    return 0;
}

static jf_timer cancelled;

static jf_code create(const jf_host *given, void **instance, jf_error *error) {
    (void)given;
    on_strand(NULL, NULL);
    *instance = &life;
    if (core.post(host, task, (void *)"posted in create", free_context) != JF_OK) FAIL();
    if (core.post(host, task, (void *)"posted without free", NULL) != JF_OK) FAIL();
    if (timers.after(host, 0, task, (void *)"timer of create", free_context, NULL) != JF_OK) FAIL();
    if (timers.after(host, 3600000, task, (void *)"timer that waits", free_context, NULL) != JF_OK) FAIL();
    if (timers.after(host, 3600000, task, (void *)"timer that is cancelled", free_context, &cancelled) != JF_OK) FAIL();
    if (timers.cancel(host, cancelled) != JF_OK || timers.cancel(host, cancelled) != JF_E_GONE) FAIL();
    usleep(20000);
    say("create ends");
#ifdef CREATE_FAILS
    return jf_fail(error, JF_E_FAILED, "on purpose");
#else
    (void)error;
    return JF_OK;
#endif
}

static jf_code start(void *instance, jf_error *error) {
    on_strand(instance, &life);
    say("start");
#ifdef START_FAILS
    {
        jf_target all = { 0 };
        all.flags = JF_TARGET_ALL;
        if (sockets.fetch(host, &all, 0, on_fetched, (void *)"of start") != JF_OK) FAIL();
    }
    return jf_fail(error, JF_E_FAILED, "on purpose");
#else
    (void)error;
    return JF_OK;
#endif
}

static void *late(void *context) {
    int line = 0, calls;
    /* Until destroy is called; afterwards every call must be refused without harm. */
    while (!__atomic_load_n(&life, __ATOMIC_SEQ_CST)) core.post(host, task, (void *)"by a thread", free_context);
    for (calls = 0; calls < 1000 && !line; calls++) line = all_refused();
    if (line) {
        fprintf(stderr, "state.c:%d: a call was served after destroy\n", line);
        FAIL();
    }
    *(int *)context = 1;
    return NULL;
}

static void stop(void *instance) {
    jf_target all = { 0 };
    jf_message message = { 0 };
    on_strand(instance, &life);
    say("stop begins");
    all.flags = JF_TARGET_ALL;
    message.name = JF_TEXT("x");
    if (core.post(host, task, (void *)"posted in stop", free_context) != JF_OK) FAIL();
    if (timers.after(host, 0, task, (void *)"timer of stop", free_context, &cancelled) != JF_OK || cancelled == 0)
        FAIL();
    if (timers.cancel(host, cancelled) != JF_E_GONE) FAIL();
    if (sockets.fetch(host, &all, 0, on_fetched, (void *)"of stop") != JF_OK) FAIL();
    if (io.emit_ack(host, 1, &message, 50, on_answer, NULL) != JF_E_GONE) FAIL();
    usleep(20000);
    say("stop ends");
}

static void destroy(void *instance) {
    char line[64];
    on_strand(instance, &life);
    snprintf(line, sizeof line, "destroy %d", all_refused());
    say(line);
#ifdef THREADS
    {
        pthread_t threads[4];
        int done[4] = { 0 }, i;
        for (i = 0; i < 4; i++) pthread_create(&threads[i], NULL, late, &done[i]);
        usleep(20000);
        __atomic_store_n(&life, 1, __ATOMIC_SEQ_CST);
        for (i = 0; i < 4; i++) {
            pthread_join(threads[i], NULL);
            if (!done[i]) FAIL();
        }
    }
#else
    (void)late;
#endif
}

static void on_where(void *instance, const jf_event *event) {
    on_strand(instance, &life);
    io.ack(host, event->ack, JF_TEXT("[\"strand\"]"), NULL, 0);
}

static void *use_borrowed(void *context) {
    jf_token kept = 0, token = *(jf_token *)context;
    if (tokens.keep(host, token, &kept) != JF_E_STATE || kept) FAIL();
    if (io.ack(host, token, JF_TEXT("[]"), NULL, 0) != JF_E_STATE) FAIL();
    if (io.ack_error(host, token, JF_TEXT("x"), JF_TEXT("")) != JF_E_STATE) FAIL();
    return NULL;
}

/** Uses a borrowed token on another thread, a kept one where a borrowed one belongs, and the other way round. */
static void on_tokens(void *instance, const jf_event *event) {
    pthread_t thread;
    jf_token token = event->ack, kept = 0, again = 7;
    int32_t waiting = 7;
    (void)instance;
    pthread_create(&thread, NULL, use_borrowed, &token);
    pthread_join(thread, NULL);
    if (tokens.drop(host, token) != JF_E_INVALID || tokens.waits(host, token, &waiting) != JF_E_INVALID || waiting != 0)
        FAIL();
    if (tokens.keep(host, token, NULL) != JF_E_INVALID) FAIL();
    if (tokens.keep(host, token, &kept) != JF_OK) FAIL();
    if (tokens.keep(host, token, &again) != JF_E_GONE || again != 0) FAIL();
    if (tokens.keep(host, kept, &again) != JF_E_STATE || again != 0) FAIL();
    if (tokens.waits(host, kept, &waiting) != JF_OK || waiting != 1) FAIL();
    if (tokens.keep(host, 0, &again) != JF_E_GONE || tokens.waits(host, 0, &waiting) != JF_OK || waiting != 0) FAIL();
    if (io.ack(host, kept, JF_TEXT("[\"kept\"]"), NULL, 0) != JF_OK) FAIL();
    if (tokens.drop(host, kept) != JF_E_GONE) FAIL();
}

static void on_lane(void *instance, const jf_event *event) {
    sigset_t blocked;
    int signal;
    if (instance != &life || here() == strand) FAIL();
    if (pthread_sigmask(SIG_BLOCK, NULL, &blocked) != 0) FAIL();
    for (signal = 1; signal < 32; signal++)
        if (sigismember(&blocked, signal) == 1) FAIL();
    io.ack(host, event->ack, JF_TEXT("[\"lane\"]"), NULL, 0);
}

/** Passes an error without an ack, arguments that are too long to be logged, and NULL for every argument. */
static void on_wrong(void *instance, const jf_event *event) {
    static char huge[100 << 20];
    jf_text text, null = { NULL, 5 };
    jf_message message = { 0 };
    jf_bytes attachment = { NULL, 5 };
    jf_code codes[12];
    char buffer[256];
    int i, used = 1;
    (void)instance;
    memset(huge, 'x', sizeof huge);
    text.ptr = huge;
    text.len = sizeof huge;
    message.name = JF_TEXT("x");
    message.args = text;
    codes[0] = io.emit(host, event->socket, &message);
    message.args = null;
    codes[1] = io.emit(host, event->socket, &message);
    message.args = JF_TEXT("[{\"_placeholder\":true,\"num\":0}]");
    message.attachments = &attachment;
    message.attachment_count = 1;
    codes[2] = io.emit(host, event->socket, &message);
    attachment.ptr = (const uint8_t *)huge;
    attachment.len = sizeof huge;
    codes[3] = io.emit(host, event->socket, &message);
    message.attachment_count = 11;
    codes[4] = io.emit(host, event->socket, &message);
    codes[5] = rooms.join(host, event->socket, text);
    codes[6] = presence.watch(host, text);
    codes[7] = sockets.set_data(host, event->socket, text);
    codes[8] = io.ack_error(host, 0, JF_TEXT("no_luck"), JF_TEXT("nobody waits"));
    codes[9] = io.ack_error(host, event->ack, JF_TEXT("long"), text);
    codes[10] = sockets.disconnect(host, event->socket, 2);
    codes[11] = core.log(host, 9, JF_TEXT("x"));
    core.log(host, JF_LOG_INFO, text);
    buffer[0] = '[';
    for (i = 0; i < 12; i++)
        used += snprintf(buffer + used, sizeof buffer - (size_t)used, "%s%d", i ? "," : "", codes[i]);
    snprintf(buffer + used, sizeof buffer - (size_t)used, "]");
    io.ack(host, event->ack, jf_text_of(buffer), NULL, 0);
}

static const jf_event_decl events[] = {
    JF_EVENT("where", on_where),
    JF_EVENT("tokens", on_tokens),
    { .name = JF_LIT("tokens-inline"), .handler = on_tokens, .run = JF_RUN_INLINE },
    { .name = JF_LIT("lane"), .handler = on_lane, .run = JF_RUN_PARALLEL },
    JF_EVENT("wrong", on_wrong),
};

static void on_presence(void *instance, const jf_presence_change *change) {
    (void)change;
    on_strand(instance, &life);
}

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    char line[128];
    host = boot->host;
    strand = here();
    if (boot->query(host, JF_CORE, &core, sizeof core) || boot->query(host, JF_TOKENS, &tokens, sizeof tokens) ||
        boot->query(host, JF_EVENTS, &io, sizeof io) || boot->query(host, JF_SOCKETS, &sockets, sizeof sockets) ||
        boot->query(host, JF_ROOMS, &rooms, sizeof rooms) ||
        boot->query(host, JF_PRESENCE, &presence, sizeof presence) ||
        boot->query(host, JF_TIMERS, &timers, sizeof timers) || boot->query(host, JF_HTTP, &http, sizeof http) ||
        boot->query(host, JF_JSON, &json, sizeof json) || boot->query(host, JF_HELPERS, &helpers, sizeof helpers))
        return JF_E_FAILED;
    snprintf(line, sizeof line, "main %d '%.*s' %.*s", all_refused(), (int)boot->name.len, boot->name.ptr,
             (int)boot->path.len, boot->path.ptr);
    say(line);
    if (helpers.describe(host, plugin, JF_ABI, JF_TEXT("state"), JF_TEXT("1.0.0")) != JF_OK) return JF_E_FAILED;
    plugin->create = create;
    plugin->start = start;
    plugin->stop = stop;
    plugin->destroy = destroy;
    plugin->presence = on_presence;
    JF_SET_LIST(plugin->events, events);
    return JF_OK;
}
