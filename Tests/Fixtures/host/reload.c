/* A plugin that is reloaded. VERSION is its version; other macros make one step of the reload fail. */
#define _POSIX_C_SOURCE 200809L
#include <jackfield/jackfield.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#ifndef VERSION
#define VERSION "1.0.0"
#endif
#ifndef NAME
#define NAME "reload"
#endif

/** Prints the line and ends the test run. */
#define FAIL() (fprintf(stderr, "reload.c:%d\n", __LINE__), abort())

enum { MOST = 64 };

/** What `save` passes on. */
struct state {
    uint64_t counted;
    uint32_t token_count, stream_count;
    jf_token tokens[MOST];
    jf_stream streams[MOST];
};

static const jf_host *host;
static jf_core_api core;
static jf_tokens_api tokens;
static jf_events_api io;
static jf_http_api http;
static jf_sockets_api sockets;
static jf_presence_api presence;
static struct state state;

static void sleep_ms(int64_t ms) {
    struct timespec time = { ms / 1000, ms % 1000 * 1000000 };
    nanosleep(&time, NULL);
}

static void say(const char *what) {
    char line[128];
    snprintf(line, sizeof line, "%s %s", VERSION, what);
    core.log(host, JF_LOG_INFO, jf_text_of(line));
}

static void reply(jf_token token) {
    char args[64];
    snprintf(args, sizeof args, "[\"%s\",%llu]", VERSION, (unsigned long long)state.counted);
    io.ack(host, token, jf_text_of(args), NULL, 0);
}

/* ---- events ---- */

static void on_count(void *instance, const jf_event *event) {
    (void)instance;
    state.counted++;
    reply(event->ack);
}

static void on_inline(void *instance, const jf_event *event) {
    (void)instance;
    reply(event->ack);
}

static void on_slow(void *instance, const jf_event *event) {
    (void)instance;
    sleep_ms(100);
    reply(event->ack);
}

static void on_keep(void *instance, const jf_event *event) {
    (void)instance;
    if (state.token_count == MOST || tokens.keep(host, event->ack, &state.tokens[state.token_count]) != JF_OK) FAIL();
    state.token_count++;
}

static void on_release(void *instance, const jf_event *event) {
    uint32_t i;
    (void)instance;
    for (i = 0; i < state.token_count; i++) reply(state.tokens[i]);
    state.token_count = 0;
    reply(event->ack);
}

static void *answer_later(void *context) {
    sleep_ms(50);
    reply((jf_token)(uintptr_t)context);
    return NULL;
}

/** Answers on a thread of its own: `save` does not list this token, so the reload waits for it. */
static void on_later(void *instance, const jf_event *event) {
    pthread_t thread;
    jf_token kept;
    (void)instance;
    if (tokens.keep(host, event->ack, &kept) != JF_OK) FAIL();
    pthread_create(&thread, NULL, answer_later, (void *)(uintptr_t)kept);
    pthread_detach(thread);
}

/** Keeps a token that nobody completes and `save` does not list. */
static void on_forget(void *instance, const jf_event *event) {
    jf_token kept;
    (void)instance;
    tokens.keep(host, event->ack, &kept);
}

static void free_data(void *instance, void *data) {
    (void)instance;
    free(data);
    say("freed");
}

static void on_attach(void *instance, const jf_event *event) {
    (void)instance;
    if (sockets.set_plugin_data(host, event->socket, malloc(8), free_data) != JF_OK) FAIL();
    reply(event->ack);
}

static void answered(void *instance, void *context, const jf_answer *answer) {
    char line[32];
    (void)instance;
    (void)context;
    snprintf(line, sizeof line, "answer %d", answer->status);
    say(line);
}

static void on_ask(void *instance, const jf_event *event) {
    jf_message message = { 0 };
    (void)instance;
    message.name = JF_TEXT("question");
    message.args = JF_TEXT("[]");
    if (io.emit_ack(host, event->socket, &message, 60000, answered, NULL) != JF_OK) FAIL();
}

static const jf_event_decl events[] = {
    JF_EVENT("count", on_count),
    JF_EVENT("slow", on_slow),
    JF_EVENT("keep", on_keep),
    JF_EVENT("release", on_release),
    JF_EVENT("later", on_later),
    JF_EVENT("forget", on_forget),
    JF_EVENT("attach", on_attach),
    JF_EVENT("ask", on_ask),
    JF_TYPED_EVENT("typed", "(n: i64)", on_count),
    { .name = JF_LIT("inline"), .handler = on_inline, .run = JF_RUN_INLINE },
    { .name = JF_LIT("user"), .handler = on_count, .run = JF_RUN_BY_USER },
    { .name = JF_LIT("key"), .handler = on_inline, .run = JF_RUN_BY_KEY, .run_key = JF_LIT("/0") },
    { .name = JF_LIT("parallel"), .handler = on_inline, .run = JF_RUN_PARALLEL },
#ifdef MORE_EVENTS
    JF_EVENT("new", on_count),
#endif
};

/* ---- hooks ---- */

static jf_code admit(void *instance, const jf_attempt *attempt, jf_refusal *refusal) {
    (void)instance;
    if (strstr(attempt->auth.ptr, "wait") && strstr(attempt->auth.ptr, "wait") < attempt->auth.ptr + attempt->auth.len)
        sleep_ms(100);
    return strncmp(attempt->auth.ptr, "{\"no\"", 5) == 0 ? jf_refuse(refusal, VERSION, NULL) : JF_OK;
}

static void connected(void *instance, const jf_socket_event *event) {
    (void)instance;
    (void)event;
    say("connected");
}

static void disconnected(void *instance, const jf_socket_event *event) {
    (void)instance;
    say(event->plugin_data ? "disconnected with data" : "disconnected");
}

static const jf_nsp_decl nsps[] = {
    { .name = JF_LIT("/admit"), .admit = admit, .connected = connected, .disconnected = disconnected },
    { .name = JF_LIT("/inline"),
      .run = JF_RUN_INLINE,
      .admit = admit,
      .connected = connected,
      .disconnected = disconnected },
    { .name = JF_LIT("/"), .disconnected = disconnected },
#ifdef BAD_PATTERN
    { .name = JF_LIT("^/(("), .flags = JF_NSP_PATTERN },
#endif
};

/* ---- HTTP ---- */

static void on_version(void *instance, const jf_request *request) {
    jf_response response = { 0 };
    (void)instance;
    response.status = 200;
    response.content_type = JF_TEXT("text/plain");
    response.body.ptr = (const uint8_t *)VERSION;
    response.body.len = sizeof VERSION - 1;
    http.respond(host, request->reply, &response);
}

static void writable(void *instance, void *context, jf_stream stream) {
    (void)instance;
    (void)context;
    (void)stream;
}

static void closed(void *instance, void *context, jf_stream stream, jf_code why) {
    char line[32];
    (void)instance;
    (void)context;
    (void)stream;
    snprintf(line, sizeof line, "closed %d", why);
    say(line);
}

static jf_stream_callbacks watch(void) {
    jf_stream_callbacks callbacks = { 0 };
    callbacks.writable = writable;
    callbacks.closed = closed;
    return callbacks;
}

static void on_stream(void *instance, const jf_request *request) {
    jf_response response = { 0 };
    jf_stream_callbacks callbacks = watch();
    (void)instance;
    response.status = 200;
    response.content_type = JF_TEXT("text/plain");
    if (state.stream_count == MOST) FAIL();
    if (http.stream(host, request->reply, &response, &callbacks, &state.streams[state.stream_count]) != JF_OK) FAIL();
    state.stream_count++;
}

static void on_feed(void *instance, const jf_request *request) {
    uint32_t i;
    jf_bytes piece = { (const uint8_t *)VERSION "\n", sizeof VERSION };
    for (i = 0; i < state.stream_count; i++) http.write(host, state.streams[i], piece);
    on_version(instance, request);
}

static void on_finish(void *instance, const jf_request *request) {
    uint32_t i;
    for (i = 0; i < state.stream_count; i++) http.finish(host, state.streams[i]);
    state.stream_count = 0;
    on_version(instance, request);
}

static const jf_route_decl routes[] = {
    { .method = JF_LIT("GET"), .path = JF_LIT("/v1/version"), .handler = on_version, .auth = JF_AUTH_NONE },
    { .method = JF_LIT("GET"),
      .path = JF_LIT("/v1/inline"),
      .handler = on_version,
      .auth = JF_AUTH_NONE,
      .run = JF_RUN_INLINE },
    { .method = JF_LIT("GET"), .path = JF_LIT("/v1/stream"), .handler = on_stream, .auth = JF_AUTH_NONE },
    { .method = JF_LIT("GET"), .path = JF_LIT("/v1/feed"), .handler = on_feed, .auth = JF_AUTH_NONE },
    { .method = JF_LIT("GET"), .path = JF_LIT("/v1/finish"), .handler = on_finish, .auth = JF_AUTH_NONE },
#ifdef ROUTE
    { .method = JF_LIT("GET"), .path = JF_LIT(ROUTE), .handler = on_version, .auth = JF_AUTH_NONE },
#endif
};

static int fired;

static void on_timer(void *instance, void *context) {
    (void)instance;
    (void)context;
    fired++;
    say("timer");
}

static const jf_timer_decl timers[] = { JF_TIMER(on_timer, 1000) };

/* ---- a service, and C functions ---- */

static jf_code on_which(void *instance, const jf_call *call) {
    (void)instance;
    *call->result = jf_string(JF_TEXT(VERSION));
    return JF_OK;
}

static const jf_method_decl methods[] = {
    JF_METHOD("which() -> string", on_which),
    JF_METHOD_INLINE("quick() -> string", on_which),
};
static const jf_service_decl services[] = { { JF_LIT("reload"), 1, 0, JF_LIST(methods) } };

static int32_t add(int32_t a, int32_t b) { return a + b; }

static const jf_function_decl functions[] = { JF_FUNCTION("add", "add(a: i32, b: i32) -> i32", add) };

/* ---- life ---- */

static void on_presence(void *instance, const jf_presence_change *change) {
    (void)instance;
    say(change->online ? "online" : "offline");
}

#ifdef THROWS
/** In C++; see Tests/Reloads/reloads.py. */
void throw_an_exception(void);
#endif

static jf_code create(const jf_host *given, void **instance, jf_error *error) {
    (void)given;
    *instance = &state;
#ifdef CREATE_FAILS
    return jf_fail(error, JF_E_FAILED, "the store is not reachable");
#endif
#ifdef CREATE_HANGS
    sleep(3600);
#endif
#ifdef CREATE_CRASHES
    *(volatile int *)NULL = 1;
#endif
#ifdef THROWS
    throw_an_exception();
#endif
    (void)error;
    say("created");
    return presence.watch(host, JF_TEXT(""));
}

static jf_code start(void *instance, jf_error *error) {
    (void)instance;
#ifdef START_FAILS
    return jf_fail(error, JF_E_FAILED, "start has failed");
#endif
#ifdef START_HANGS
    sleep(3600);
#endif
    (void)error;
    say("started");
    return JF_OK;
}

static void stop(void *instance) {
    (void)instance;
    say("stopped");
}

static void destroy(void *instance) {
    (void)instance;
    say("destroyed");
}

#ifndef NO_SAVE
/** Waits while the file exists that the configuration names: {"gate":"/path"}. */
static void wait_at_gate(void) {
    jf_text config;
    char path[256];
    if (core.config(host, &config) != JF_OK || config.len < 12 || config.len > sizeof path) return;
    snprintf(path, sizeof path, "%.*s", (int)(config.len - 11), config.ptr + 9);
    while (access(path, F_OK) == 0) sleep_ms(1);
}

static jf_code save(void *instance, jf_saved *saved, jf_error *error) {
    if (instance != &state || saved->struct_size != sizeof *saved || saved->version != 0) FAIL();
    say("saved");
#ifdef SAVE_FAILS
    return jf_fail(error, JF_E_FAILED, "nothing can be saved now");
#endif
    wait_at_gate();
    (void)error;
    saved->version = 7;
    saved->state.ptr = (const uint8_t *)&state;
    saved->state.len = sizeof state;
    saved->tokens = state.tokens;
    saved->token_count = state.token_count;
    saved->streams = state.streams;
    saved->stream_count = state.stream_count;
#ifdef SAVE_FIELD
    SAVE_FIELD;
#endif
    return JF_OK;
}
#endif

#ifndef NO_RESTORE
static jf_code restore(void *instance, const jf_saved *saved, jf_error *error) {
    jf_stream_callbacks callbacks = watch();
    uint32_t i;
    if (instance != &state || saved->struct_size != sizeof *saved || saved->version != 7 ||
        saved->state.len != sizeof state || saved->plugin_version.len == 0)
        FAIL();
    memcpy(&state, saved->state.ptr, sizeof state);
    state.token_count = saved->token_count;
    state.stream_count = saved->stream_count;
    for (i = 0; i < saved->token_count; i++) state.tokens[i] = saved->tokens[i];
    for (i = 0; i < saved->stream_count; i++) {
        state.streams[i] = saved->streams[i];
        if (http.watch(host, saved->streams[i], &callbacks) != JF_OK) FAIL();
    }
    if (http.watch(host, 999999, &callbacks) != JF_E_GONE) FAIL();
    say("restored");
#ifdef RESTORE_HANGS
    sleep(3600);
#endif
#ifdef RESTORE_CRASHES
    abort();
#endif
#ifdef RESTORE_FAILS
    return jf_fail(error, JF_E_FAILED, "the state has an unknown version");
#endif
    (void)error;
    return JF_OK;
}
#endif

static void resumed(void *instance) {
    (void)instance;
    say("resumed");
}

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    host = boot->host;
#ifdef NEEDS_NEWER
    {
        jf_presence_api newer;
        jf_code code = boot->query(host, "jf.presence/2", &newer, sizeof newer);
        if (code) return code;
    }
#endif
    jf_describe(plugin, NAME, VERSION);
    plugin->create = create;
    plugin->start = start;
    plugin->stop = stop;
    plugin->destroy = destroy;
    plugin->presence = on_presence;
#ifndef NO_SAVE
    plugin->save = save;
#endif
#ifndef NO_RESTORE
    plugin->restore = restore;
#endif
    plugin->resumed = resumed;
    JF_SET_LIST(plugin->events, events);
    JF_SET_LIST(plugin->nsps, nsps);
    JF_SET_LIST(plugin->routes, routes);
    JF_SET_LIST(plugin->timers, timers);
    JF_SET_LIST(plugin->services, services);
    JF_SET_LIST(plugin->functions, functions);
    if (boot->query(host, JF_CORE, &core, sizeof core) || boot->query(host, JF_TOKENS, &tokens, sizeof tokens) ||
        boot->query(host, JF_HTTP, &http, sizeof http) || boot->query(host, JF_SOCKETS, &sockets, sizeof sockets) ||
        boot->query(host, JF_PRESENCE, &presence, sizeof presence))
        return JF_E_FAILED;
#ifdef REFUSES
    return JF_E_FAILED;
#endif
    return boot->query(host, JF_EVENTS, &io, sizeof io);
}
