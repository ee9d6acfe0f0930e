/* Streamed responses with callbacks: when the reader can take more, and once at the end. */
#include <jackfield/jackfield.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/** Prints the line and ends the test run. */
#define FAIL() (fprintf(stderr, "streams.c:%d\n", __LINE__), abort())

enum { PIECE = 65536, TOTAL = 64 * PIECE * 8 };

static const jf_host *host;
static jf_core_api core;
static jf_http_api http;
static jf_tokens_api tokens;
static pthread_t strand;
static uint8_t piece[PIECE];
static uint8_t too_large[(1 << 20) + 1];

/** A running response: `left` bytes remain to be written; if it is negative, the response never ends. */
struct reader {
    int64_t left;
    int writable, closed;
};

static void say(const char *what, int first, int second) {
    char line[96];
    snprintf(line, sizeof line, "%s %d %d", what, first, second);
    core.log(host, JF_LOG_INFO, jf_text_of(line));
}

static void feed(struct reader *reader, jf_stream stream) {
    jf_bytes bytes = { piece, sizeof piece };
    jf_code code = JF_OK;
    while (reader->left != 0 && (code = http.write(host, stream, bytes)) == JF_OK) reader->left -= PIECE;
    if (code == JF_E_GONE || code == JF_E_LIMIT) return; /* `closed` or `writable` follows */
    if (code != JF_OK) FAIL();
    if (http.finish(host, stream) != JF_OK) FAIL();
    if (http.finish(host, stream) != JF_E_GONE || http.write(host, stream, bytes) != JF_E_GONE) FAIL();
}

static void writable(void *instance, void *context, jf_stream stream) {
    struct reader *reader = context;
    if (instance != (void *)&core || !pthread_equal(strand, pthread_self()) || reader->closed) FAIL();
    reader->writable++;
    feed(reader, stream);
}

static void closed(void *instance, void *context, jf_stream stream, jf_code why) {
    struct reader *reader = context;
    (void)stream;
    if (instance != (void *)&core || !pthread_equal(strand, pthread_self()) || reader->closed) FAIL();
    reader->closed = 1;
    say(reader->writable > 0 ? "closed after waiting" : "closed", why, reader->left == 0);
    /* Never freed, so that a later callback can be detected. */
}

/** Opens a stream for the request and begins to feed its reader. */
static void open_stream(const jf_request *request, int64_t left, int is_fed) {
    struct reader *reader = calloc(1, sizeof *reader);
    jf_response response = { 0 };
    jf_stream_callbacks watch = { 0 };
    jf_stream stream = 0, again = 7;
    jf_bytes bytes = { too_large, sizeof too_large };
    reader->left = left;
    response.status = 200;
    response.content_type = JF_TEXT("text/plain");
    watch.context = reader;
    watch.writable = writable;
    watch.closed = closed;
    if (http.stream(host, request->reply, &response, &watch, &stream) != JF_OK || stream == 0) FAIL();
    if (http.stream(host, request->reply, &response, &watch, &again) != JF_E_GONE || again != 0) FAIL();
    if (http.write(host, stream, bytes) != JF_E_INVALID) FAIL();
    if (is_fed) feed(reader, stream);
}

static void on_flood(void *instance, const jf_request *request) {
    (void)instance;
    open_stream(request, request->context ? -1 : TOTAL, 1);
}

static void on_held(void *instance, const jf_request *request) {
    (void)instance;
    open_stream(request, -1, 0);
}

static void *answer_elsewhere(void *context) {
    jf_token token = *(jf_token *)context, kept = 7;
    jf_response response = { 0 };
    jf_stream stream = 7;
    response.status = 200;
    if (http.respond(host, token, &response) != JF_E_STATE) FAIL();
    if (http.problem(host, token, 400, JF_TEXT("x"), JF_TEXT("y")) != JF_E_STATE) FAIL();
    if (http.stream(host, token, &response, NULL, &stream) != JF_E_STATE || stream != 0) FAIL();
    if (tokens.keep(host, token, &kept) != JF_E_STATE || kept != 0) FAIL();
    return NULL;
}

static void *answer_kept(void *context) {
    if (http.problem(host, (jf_token)(uintptr_t)context, 418, JF_TEXT("teapot"), JF_TEXT("kept")) != JF_OK) FAIL();
    return NULL;
}

static void on_elsewhere(void *instance, const jf_request *request) {
    pthread_t thread;
    jf_token token = request->reply, kept = 0;
    (void)instance;
    pthread_create(&thread, NULL, answer_elsewhere, &token);
    pthread_join(thread, NULL);
    if (tokens.keep(host, token, &kept) != JF_OK) FAIL();
    pthread_create(&thread, NULL, answer_kept, (void *)(uintptr_t)kept);
    pthread_detach(thread);
}

static const jf_route_decl routes[] = {
    { .method = JF_LIT("GET"), .path = JF_LIT("/v1/flood"), .handler = on_flood, .auth = JF_AUTH_NONE },
    { .method = JF_LIT("GET"),
      .path = JF_LIT("/v1/endless"),
      .handler = on_flood,
      .auth = JF_AUTH_NONE,
      .context = &core },
    { .method = JF_LIT("GET"), .path = JF_LIT("/v1/held"), .handler = on_held, .auth = JF_AUTH_NONE },
    { .method = JF_LIT("GET"), .path = JF_LIT("/v1/elsewhere"), .handler = on_elsewhere, .auth = JF_AUTH_NONE },
    { .method = JF_LIT("GET"),
      .path = JF_LIT("/v1/elsewhere-inline"),
      .handler = on_elsewhere,
      .auth = JF_AUTH_NONE,
      .run = JF_RUN_INLINE },
};

/* ---- the handshake hook: obeys the header x-do ---- */

static jf_code handshake(void *instance, const jf_handshake *request, jf_handshake_reply *reply) {
    jf_text todo = jf_find(request->headers, request->header_count, "x-do");
    if (instance != (void *)&core || request->struct_size != sizeof *request || reply->struct_size != sizeof *reply)
        FAIL();
    if (jf_text_equal(todo, JF_TEXT("deny"))) return jf_deny(reply, "not today");
    if (jf_text_equal(todo, JF_TEXT("fail"))) return JF_E_FAILED;
    if (jf_text_equal(todo, JF_TEXT("odd"))) return 77;
    if (jf_add_header(reply, 0, "x-break", "a\r\nb") != JF_E_INVALID ||
        jf_add_header(reply, 0, "x break", "a") != JF_E_INVALID)
        FAIL();
    if (jf_add_header(reply, 0, "x-first", request->transport == JF_TRANSPORT_POLLING ? "polling" : "websocket") !=
        JF_OK)
        FAIL();
    if (jf_add_header(reply, 1, "x-always", "yes") != JF_OK) FAIL();
    if (jf_text_equal(todo, JF_TEXT("wrong"))) {
        /* Written without jf_add_header. */
        static const char wrong[] =
            "content-length: 1\r\nConnection: close\r\nx y: z\r\nnothing\r\nx-bell: \a\r\nx-good: 1\r\nx-cut: 2";
        memcpy(reply->initial, wrong, sizeof wrong);
    }
    if (jf_text_equal(todo, JF_TEXT("full"))) {
        int i = 0;
        while (jf_add_header(reply, 1, "x-many", "0123456789") == JF_OK) i++;
        if (i < 45 || strlen(reply->always) >= sizeof reply->always) FAIL();
    }
    return JF_OK;
}

static jf_code create(const jf_host *given, void **instance, jf_error *error) {
    (void)given;
    (void)error;
    *instance = (void *)&core;
    strand = pthread_self();
    memset(piece, 'x', sizeof piece);
    return JF_OK;
}

static void destroy(void *instance) {
    (void)instance;
    core.log(host, JF_LOG_INFO, JF_TEXT("destroyed"));
}

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    host = boot->host;
    jf_describe(plugin, "streams", "1.0.0");
    plugin->create = create;
    plugin->destroy = destroy;
    plugin->handshake = handshake;
    JF_SET_LIST(plugin->routes, routes);
    if (boot->query(host, JF_CORE, &core, sizeof core) || boot->query(host, JF_TOKENS, &tokens, sizeof tokens))
        return JF_E_FAILED;
    return boot->query(host, JF_HTTP, &http, sizeof http);
}
