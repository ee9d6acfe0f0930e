/*
 * Streamed output over server-sent events: a producer (for instance a text generator) writes lines, and readers get
 * each line as an event.
 *
 *     POST   /v1/streams/{id}   a line, which becomes an event with the next id     scope streams:write
 *     DELETE /v1/streams/{id}   the stream is complete: readers get `event: end`    scope streams:write
 *     GET    /v1/streams/{id}   text/event-stream; Last-Event-ID resumes; a comment every 15 s keeps it alive
 *
 *     cc -shared -fPIC -I include -o stream.so samples/stream-c/stream.c
 *     jackfield serve --plugin ./stream.so
 *
 * All callbacks run on the strand, so there is no lock. All data is in arrays of fixed size; a line that does not fit
 * is refused with 507. A slow reader gets its next lines when the host calls `writable`.
 */
#include <jackfield/jackfield.h>
#include <stdio.h>
#include <stdlib.h>

#define LOGS          32
#define LINES         256
#define LINE          512
#define READERS       256
#define KEEP_ALIVE_MS 15000

typedef struct log_of_lines {
    char id[64];
    uint32_t id_length, count, ended;
    char lines[LINES][LINE];
    uint32_t lengths[LINES];
} log_of_lines;

typedef struct reader {
    jf_stream stream; /* 0: free */
    log_of_lines *log;
    uint32_t next;
} reader;

static const jf_host *host;
static jf_core_api core;
static jf_http_api http;
static log_of_lines logs[LOGS];
static reader readers[READERS];

static log_of_lines *find_log(jf_text id, int32_t make) {
    uint32_t i;
    for (i = 0; i < LOGS && logs[i].id_length; i++)
        if (logs[i].id_length == id.len && memcmp(logs[i].id, id.ptr, (size_t)id.len) == 0) return &logs[i];
    if (!make || i == LOGS || id.len == 0 || id.len > sizeof logs[i].id) return NULL;
    memcpy(logs[i].id, id.ptr, (size_t)id.len);
    logs[i].id_length = (uint32_t)id.len;
    return &logs[i];
}

/* 1 if the piece was written, 0 if the reader is slow (`writable` follows) or has left (`closed` follows). */
static int32_t put(reader *to, const char *bytes, size_t length) {
    jf_bytes piece;
    piece.ptr = (const uint8_t *)bytes;
    piece.len = length;
    return http.write(host, to->stream, piece) == JF_OK;
}

/* Writes the lines that this reader has not yet got. */
static void feed(reader *to) {
    char event[LINE + 64];
    while (to->next < to->log->count) {
        uint32_t i = to->next;
        int head = snprintf(event, sizeof event, "id: %u\ndata: ", (unsigned)(i + 1));
        memcpy(event + head, to->log->lines[i], to->log->lengths[i]);
        memcpy(event + head + to->log->lengths[i], "\n\n", 2);
        if (!put(to, event, (size_t)head + to->log->lengths[i] + 2)) return;
        to->next++;
    }
    if (to->log->ended && put(to, "event: end\ndata:\n\n", 18)) http.finish(host, to->stream);
}

/* The context of a stream's callbacks is its reader. */
static void on_writable(void *instance, void *context, jf_stream stream) {
    (void)instance;
    (void)stream;
    feed(context);
}

static void on_closed(void *instance, void *context, jf_stream stream, jf_code why) {
    (void)instance;
    (void)stream;
    (void)why;
    ((reader *)context)->stream = 0;
}

static void feed_all_of(void *instance, void *context) {
    uint32_t i;
    (void)instance;
    for (i = 0; i < READERS; i++)
        if (readers[i].stream && readers[i].log == context) feed(&readers[i]);
}

static void keep_alive(void *instance, void *context) {
    uint32_t i;
    (void)instance;
    (void)context;
    for (i = 0; i < READERS; i++)
        if (readers[i].stream) put(&readers[i], ": still here\n\n", 14);
}

static void on_get(void *instance, const jf_request *request) {
    static const jf_pair headers[] = { { JF_LIT("cache-control"), JF_LIT("no-store") } };
    jf_response head = {
        .status = 200, .headers = headers, .header_count = 1, .content_type = JF_LIT("text/event-stream")
    };
    jf_text last = jf_find(request->headers, request->header_count, "last-event-id");
    log_of_lines *log = find_log(jf_find(request->params, request->param_count, "id"), 0);
    jf_stream_callbacks watch = { .writable = on_writable, .closed = on_closed };
    char digits[16] = "";
    uint32_t i = 0;
    (void)instance;
    if (!log) {
        http.problem(host, request->reply, 404, JF_TEXT("not_found"), JF_TEXT("there is no such stream (yet)"));
        return;
    }
    while (i < READERS && readers[i].stream) i++;
    if (i == READERS) {
        http.problem(host, request->reply, 503, JF_TEXT("overloaded"), JF_TEXT("too many readers; try again later"));
        return;
    }
    if (last.len < sizeof digits && last.len) memcpy(digits, last.ptr, (size_t)last.len);
    watch.context = &readers[i];
    if (http.stream(host, request->reply, &head, &watch, &readers[i].stream) != JF_OK) return;
    readers[i].log = log;
    readers[i].next = (uint32_t)strtoul(digits, NULL, 10); /* 0, from the beginning, if it is not a number */
    feed(&readers[i]);
}

static void on_post(void *instance, const jf_request *request) {
    jf_response created = { .status = 201 };
    log_of_lines *log = find_log(jf_find(request->params, request->param_count, "id"), 1);
    jf_bytes body = request->body;
    (void)instance;
    if (!log || log->ended || log->count == LINES || body.len == 0 || body.len > LINE ||
        memchr(body.ptr, '\n', (size_t)body.len)) {
        http.problem(host, request->reply, log && !log->ended && log->count < LINES ? 400 : 507, JF_TEXT("not_stored"),
                     JF_TEXT("send one line of 1 to 512 bytes; a stream holds 256 of them until it ends"));
        return;
    }
    memcpy(log->lines[log->count], body.ptr, (size_t)body.len);
    log->lengths[log->count++] = (uint32_t)body.len;
    http.respond(host, request->reply, &created);
    /* In one batch, so that the host wakes each event loop only once for all its readers. */
    core.batch(host, feed_all_of, log);
}

static void on_delete(void *instance, const jf_request *request) {
    jf_response done = { .status = 204 };
    log_of_lines *log = find_log(jf_find(request->params, request->param_count, "id"), 0);
    (void)instance;
    http.respond(host, request->reply, &done);
    if (!log || log->ended) return;
    log->ended = 1;
    core.batch(host, feed_all_of, log);
}

static const jf_route_decl routes[] = {
    { .method = JF_LIT("GET"), .path = JF_LIT("/v1/streams/{id}"), .handler = on_get },
    { .method = JF_LIT("POST"),
      .path = JF_LIT("/v1/streams/{id}"),
      .handler = on_post,
      .scope = JF_LIT("streams:write") },
    { .method = JF_LIT("DELETE"),
      .path = JF_LIT("/v1/streams/{id}"),
      .handler = on_delete,
      .scope = JF_LIT("streams:write") },
};
static const jf_timer_decl timers[] = {
    JF_TIMER(keep_alive, KEEP_ALIVE_MS),
};

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    host = boot->host;
    jf_describe(plugin, "stream", "1.0.0");
    JF_SET_LIST(plugin->routes, routes);
    JF_SET_LIST(plugin->timers, timers);
    boot->query(host, JF_CORE, &core, sizeof core);
    return boot->query(host, JF_HTTP, &http, sizeof http);
}
