/*
 * pushgen.c: pushes notifications to one online user through REST, as fast as the server answers, and checks that each
 * arrives.
 *
 * Each of K connections has one `POST /v1/notifications` in progress; one Socket.IO client, the user, receives
 * `notification:new`. Every answer must be 201 with `"delivered":true`; every answered push must have arrived when the
 * run ends. It prints one JSON line.
 *
 *     cc -std=gnu11 -O3 -o pushgen pushgen.c
 *     pushgen --port P [--conc 32] [--secs 5] [--warmup 1] [--server-pid PID]
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "../load/hashes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BUFFER          65536
#define MAX_CONNECTIONS 1024
#define MAX_SAMPLES     4000000
/* As in commits.c: after these, commits do not extend the file of the write-ahead log. */
#define WARM_PUSHES     2000
#define DRAIN_NS        2000000000ull

static const char SECRET[] = "bench-secret-bench-secret-bench-01";
static const char USER[] = "online";

typedef struct {
    int fd;
    size_t length;
    uint64_t sent_at;
    char input[BUFFER];
} connection;

static connection user, posters[MAX_CONNECTIONS];
static int events;
static char request[2048];
static size_t request_length;
static uint64_t pushed_ever, arrived_ever, wrong;
static bool measuring, posting = true;
static uint32_t *samples; /* microseconds */
static size_t sample_count;

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static void die(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("pushgen: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(2);
}

static void make_token(char *out, size_t capacity, const char *subject, const char *scope) {
    const char *header = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
    char claims[256];
    time_t now = time(NULL);
    int length = snprintf(claims, sizeof claims, "{\"sub\":\"%s\",\"scope\":\"%s\",\"iat\":%ld,\"exp\":%ld}", subject,
                          scope, (long)now, (long)now + 3600);
    if (capacity < 700) die("no room for a token");
    size_t at = b64_enc((const uint8_t *)header, strlen(header), out, 1);
    out[at++] = '.';
    at += b64_enc((const uint8_t *)claims, (size_t)length, out + at, 1);
    uint8_t mac[32];
    hmac_sha256(SECRET, strlen(SECRET), out, at, mac);
    out[at++] = '.';
    at += b64_enc(mac, sizeof mac, out + at, 1);
    out[at] = 0;
}

static void dial(connection *c, int port) {
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int one = 1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    if (connect(c->fd, (struct sockaddr *)&address, sizeof address)) die("connect: %s", strerror(errno));
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };
    epoll_ctl(events, EPOLL_CTL_ADD, c->fd, &event);
}

/* A small write to an idle loopback connection is never partial. */
static void put(connection *c, const void *bytes, size_t length) {
    if (send(c->fd, bytes, length, MSG_NOSIGNAL) != (ssize_t)length) die("write: %s", strerror(errno));
}

static void put_frame(connection *c, const char *text, size_t length) {
    uint8_t frame[2048];
    size_t at = 0;
    frame[at++] = 0x81;
    if (length < 126) frame[at++] = (uint8_t)(0x80 | length);
    else {
        frame[at++] = 0x80 | 126;
        frame[at++] = (uint8_t)(length >> 8);
        frame[at++] = (uint8_t)length;
    }
    memset(frame + at, 0, 4); /* a mask of zeros */
    at += 4;
    if (at + length > sizeof frame) die("frame too long");
    memcpy(frame + at, text, length);
    put(c, frame, at + length);
}

/* ---- the user ---- */

static bool joined;

static void on_packet(const char *text, size_t length) {
    static const char arrival[] = "42[\"notification:new\"";
    if (length == 1 && text[0] == '2') put_frame(&user, "3", 1);
    else if (length > 1 && text[0] == '0') {
        char token[1024], packet[1200];
        make_token(token, sizeof token, USER, "");
        put_frame(&user, packet, (size_t)snprintf(packet, sizeof packet, "40{\"token\":\"%s\"}", token));
    } else if (length > 1 && text[0] == '4' && text[1] == '0') joined = true;
    else if (length > 1 && text[0] == '4' && text[1] == '4') die("refused: %.*s", (int)length, text);
    else if (length >= sizeof arrival - 1 && !memcmp(text, arrival, sizeof arrival - 1)) arrived_ever++;
}

static size_t read_frames(char *bytes, size_t length) {
    size_t used = 0;
    while (length - used >= 2) {
        uint8_t *head = (uint8_t *)bytes + used;
        size_t size = head[1] & 127, head_size = 2;
        if (size == 126) {
            if (length - used < 4) break;
            size = (size_t)head[2] << 8 | head[3];
            head_size = 4;
        } else if (size == 127) die("a frame of more than 64 KiB");
        if (length - used < head_size + size) break;
        if ((head[0] & 15) == 1) on_packet(bytes + used + head_size, size);
        used += head_size + size;
    }
    return used;
}

static bool upgraded;

static size_t read_user(char *bytes, size_t length) {
    size_t used = 0;
    if (!upgraded) {
        char *end = memmem(bytes, length, "\r\n\r\n", 4);
        if (!end) return 0;
        if (memcmp(bytes, "HTTP/1.1 101", 12)) die("no upgrade: %.*s", (int)length, bytes);
        upgraded = true;
        used = (size_t)(end - bytes) + 4;
    }
    return used + read_frames(bytes + used, length - used);
}

/* ---- the pushes ---- */

static void push(connection *c) {
    c->sent_at = now_ns();
    put(c, request, request_length);
}

static size_t read_answer(connection *c, char *bytes, size_t length) {
    char *end = memmem(bytes, length, "\r\n\r\n", 4);
    if (!end) return 0;
    size_t head = (size_t)(end - bytes) + 4, body = 0;
    for (char *line = bytes; line < end; line = (char *)memmem(line, (size_t)(end + 2 - line), "\r\n", 2) + 2)
        if (!strncasecmp(line, "content-length:", 15)) body = strtoul(line + 15, NULL, 10);
    if (length < head + body) return 0;
    bool right = !memcmp(bytes, "HTTP/1.1 201", 12) && (memmem(bytes + head, body, "\"delivered\":true", 16) ||
                                                        memmem(bytes + head, body, "\"delivered\": true", 17));
    if (right) pushed_ever++;
    else if (wrong++ < 3) fprintf(stderr, "pushgen: %.*s\n", (int)(head + body > 600 ? 600 : head + body), bytes);
    if (measuring && right && sample_count < MAX_SAMPLES)
        samples[sample_count++] = (uint32_t)((now_ns() - c->sent_at) / 1000);
    if (posting && wrong < 100) push(c);
    return head + body;
}

static void readable(connection *c) {
    ssize_t got = read(c->fd, c->input + c->length, BUFFER - c->length);
    if (got <= 0) die("%s closed the connection", c == &user ? "the socket: the server" : "a push: the server");
    c->length += (size_t)got;
    size_t used = c == &user ? read_user(c->input, c->length) : read_answer(c, c->input, c->length);
    memmove(c->input, c->input + used, c->length - used);
    c->length -= used;
    if (c->length == BUFFER) die("an answer of more than %d bytes", BUFFER);
}

static void pump(void) {
    struct epoll_event ready[128];
    int count = epoll_wait(events, ready, 128, 50);
    for (int i = 0; i < count; i++) readable(ready[i].data.ptr);
}

static double server_cpu(int pid) {
    clockid_t clock;
    struct timespec t;
    if (!pid || clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &t)) return 0;
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int by_value(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static double quantile(double q) { return sample_count ? samples[(size_t)(q * (double)(sample_count - 1))] : 0; }

int main(int argc, char **argv) {
    int port = 0, connections = 32, pid = 0;
    double seconds = 5, warmup = 1;
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *value = argv[i + 1];
        if (!strcmp(argv[i], "--port")) port = atoi(value);
        else if (!strcmp(argv[i], "--conc")) connections = atoi(value);
        else if (!strcmp(argv[i], "--secs")) seconds = atof(value);
        else if (!strcmp(argv[i], "--warmup")) warmup = atof(value);
        else if (!strcmp(argv[i], "--server-pid")) pid = atoi(value);
        else die("unknown option %s", argv[i]);
    }
    if (port < 1 || connections < 1 || connections > MAX_CONNECTIONS)
        die("usage: pushgen --port P [--conc 1..%d]", MAX_CONNECTIONS);
    alarm((unsigned)(seconds + warmup) + 60);
    samples = calloc(MAX_SAMPLES, sizeof *samples);
    events = epoll_create1(EPOLL_CLOEXEC);
    if (!samples || events < 0) die("out of memory");

    char token[1024], body[512];
    make_token(token, sizeof token, "pusher", "notifications:write");
    int body_length = snprintf(body, sizeof body,
                               "{\"user_id\":\"%s\",\"type\":\"order\",\"title\":\"Your order has been "
                               "shipped\",\"body\":\"It will arrive on Thursday, between nine and "
                               "twelve.\",\"data\":{\"order\":4711,\"carrier\":\"post\"}}",
                               USER);
    request_length = (size_t)snprintf(request, sizeof request,
                                      "POST /v1/notifications HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer "
                                      "%s\r\nContent-Type: application/json\r\n"
                                      "Content-Length: %d\r\n\r\n%s",
                                      token, body_length, body);

    dial(&user, port);
    const char *upgrade = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: "
                          "websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    put(&user, upgrade, strlen(upgrade));
    while (!joined) pump();

    for (int i = 0; i < connections; i++) {
        dial(&posters[i], port);
        push(&posters[i]);
    }
    uint64_t start = now_ns(), measured_from = 0, measured_to = 0, before = 0, after = 0;
    double cpu_before = 0, cpu_after = 0;
    while (!measured_to) {
        pump();
        uint64_t now = now_ns();
        if (!measuring && pushed_ever >= WARM_PUSHES && (double)(now - start) >= warmup * 1e9) {
            measuring = true;
            measured_from = now;
            before = pushed_ever;
            cpu_before = server_cpu(pid);
        }
        if (measuring && (double)(now - measured_from) >= seconds * 1e9) {
            measured_to = now;
            after = pushed_ever;
            cpu_after = server_cpu(pid);
        }
    }
    measuring = posting = false;
    uint64_t drained = now_ns() + DRAIN_NS;
    while (arrived_ever < pushed_ever + (uint64_t)connections && now_ns() < drained) pump();

    double elapsed = (double)(measured_to - measured_from) / 1e9;
    uint64_t count = after - before, lost = pushed_ever > arrived_ever ? pushed_ever - arrived_ever : 0;
    qsort(samples, sample_count, sizeof *samples, by_value);
    printf("{\"conc\":%d,\"secs\":%.3f,\"pushes\":%" PRIu64
           ",\"per_s\":%.0f,\"p50_us\":%.0f,\"p99_us\":%.0f,\"max_us\":%.0f,"
           "\"srv_us_per\":%.2f,\"wrong\":%" PRIu64 ",\"lost\":%" PRIu64 "}\n",
           connections, elapsed, count, (double)count / elapsed, quantile(.5), quantile(.99), quantile(1),
           count ? (cpu_after - cpu_before) * 1e6 / (double)count : 0, wrong, lost);
    return wrong || lost ? 1 : 0;
}
