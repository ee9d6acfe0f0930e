/* limit.c - the reference for the highest possible rate: a minimal single-threaded epoll server with a hand-written
   HTTP upgrade, WebSocket framing and only the Engine.IO v4 / Socket.IO v5 text that loadgen needs.
   No allocation per message, one read and one write per connection and event batch, a broadcast is framed once; the
   broadcasts of one event batch are sent with one write per connection.
   It is not for production: no pings, almost no limits, no binary, one namespace.
   It listens on 127.0.0.1 only and ends after LIFE seconds (default 900).

   build: cc -std=gnu11 -O3 -march=native -o limit limit.c
   usage: [AUTH=1] [SECRET=...] [LIFE=900] limit PORT
   paths: /socket.io/ (websocket and polling), /raw (echo), /sub (receives), /pub (its messages are sent to all /sub) */
#define _GNU_SOURCE
#include "../load/hashes.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <alloca.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define RS   0x1e
#define RBUF (1u << 18)
enum st { FREE, HTTP, WS_OPENED, WS_READY, RAW, SUB, PUB };
typedef struct {
    uint8_t st;
    bool want_out;
    uint32_t in_len, in_cap, out_len, out_off, out_cap;
    int32_t pos; /* place in ready[], -1 if none */
    uint8_t *in, *out;
} conn;
typedef struct { /* polling session */
    bool used, joined;
    int get_fd; /* the waiting GET, -1 if none */
    uint32_t len, cap;
    char *buf;
} sess;

static conn *C;
static int maxfd, ep;
static uint8_t rbuf[RBUF];
static uint8_t *ob;
static size_t on, ocap;
static int *ready_fd;
static uint32_t nready;
static sess *S;
static uint32_t nsess, csess;
static bool auth;
static const char *secret;
static uint64_t sidno, online;

static void close_conn(int fd) {
    conn *c = &C[fd];
    if (c->st == FREE) return;
    if (c->pos >= 0) {
        int last = ready_fd[--nready];
        ready_fd[c->pos] = last;
        C[last].pos = c->pos;
    }
    if (c->st == WS_READY) online--;
    free(c->in);
    free(c->out);
    memset(c, 0, sizeof *c);
    c->pos = -1;
    close(fd);
}
static void add_ready(int fd) {
    C[fd].pos = (int32_t)nready;
    ready_fd[nready++] = fd;
}

/* ---- output ---- */
static inline uint8_t *room(size_t n) {
    if (on + n > ocap) {
        while (on + n > ocap) ocap = ocap ? ocap * 2 : 1 << 18;
        ob = realloc(ob, ocap);
        if (!ob) abort();
    }
    return ob + on;
}
static inline void put(const void *p, size_t n) {
    memcpy(room(n), p, n);
    on += n;
}
static inline void frame_head(size_t n, uint8_t op) {
    uint8_t *h = room(10);
    h[0] = 0x80 | op;
    if (n < 126) {
        h[1] = (uint8_t)n;
        on += 2;
    } else if (n < 65536) {
        h[1] = 126;
        h[2] = (uint8_t)(n >> 8);
        h[3] = (uint8_t)n;
        on += 4;
    } else {
        h[1] = 127;
        for (int i = 0; i < 8; i++) h[2 + i] = (uint8_t)((uint64_t)n >> (56 - 8 * i));
        on += 10;
    }
}
static void frame(const void *p, size_t n) {
    frame_head(n, 1);
    put(p, n);
}

static void arm(int fd, bool w) {
    if (C[fd].want_out == w) return;
    C[fd].want_out = w;
    struct epoll_event e = { .events = EPOLLIN | (w ? EPOLLOUT : 0), .data.fd = fd };
    epoll_ctl(ep, EPOLL_CTL_MOD, fd, &e);
}
static bool write_to(int fd, const uint8_t *p, size_t n) {
    conn *c = &C[fd];
    size_t k = 0;
    if (c->out_len == c->out_off) {
        ssize_t r = send(fd, p, n, MSG_NOSIGNAL);
        if (r == (ssize_t)n) return true;
        if (r < 0 && errno != EAGAIN) return false;
        k = r < 0 ? 0 : (size_t)r;
        c->out_len = c->out_off = 0;
    }
    if (c->out_len + n - k > c->out_cap) {
        c->out_cap = (uint32_t)(c->out_len + n - k) * 2;
        c->out = realloc(c->out, c->out_cap);
        if (!c->out) abort();
    }
    memcpy(c->out + c->out_len, p + k, n - k);
    c->out_len += (uint32_t)(n - k);
    arm(fd, true);
    return true;
}
static void flush(int fd) {
    size_t n = on;
    on = 0;
    if (n && !write_to(fd, ob, n)) close_conn(fd);
}
static void resume(int fd) {
    conn *c = &C[fd];
    ssize_t r = send(fd, c->out + c->out_off, c->out_len - c->out_off, MSG_NOSIGNAL);
    if (r < 0) {
        if (errno != EAGAIN) close_conn(fd);
        return;
    }
    c->out_off += (uint32_t)r;
    if (c->out_off == c->out_len) {
        free(c->out);
        c->out = NULL;
        c->out_cap = c->out_len = c->out_off = 0;
        arm(fd, false);
    }
}

/* ---- auth ---- */
static bool token_ok(const uint8_t *p, size_t n) {
    const uint8_t *q = memmem(p, n, "\"token\":\"", 9);
    if (!q) return false;
    q += 9;
    const uint8_t *e = memchr(q, '"', n - (size_t)(q - p));
    if (!e) return false;
    const uint8_t *d1 = memchr(q, '.', (size_t)(e - q));
    const uint8_t *d2 = d1 ? memchr(d1 + 1, '.', (size_t)(e - d1 - 1)) : NULL;
    if (!d2 || e - q > 1000) return false;
    uint8_t mac[32], sig[1024], body[1024];
    hmac_sha256(secret, strlen(secret), q, (size_t)(d2 - q), mac);
    if (b64u_dec((const char *)d2 + 1, (size_t)(e - d2 - 1), sig) != 32) return false;
    uint8_t x = 0;
    for (int i = 0; i < 32; i++) x |= mac[i] ^ sig[i];
    if (x) return false;
    long k = b64u_dec((const char *)d1 + 1, (size_t)(d2 - d1 - 1), body);
    if (k <= 0) return false;
    body[k] = 0;
    const char *ex = strstr((char *)body, "\"exp\":");
    return ex && strtol(ex + 6, NULL, 10) > (long)time(NULL);
}

/* ---- Socket.IO text, into ob as WebSocket frames (ws) or into buf (polling) ---- */
static uint8_t *bc; /* the broadcast frames of this batch */
static size_t bc_cap;
static size_t open_text(char *b, size_t cap, const char *sid) {
    return (size_t)snprintf(
        b, cap, "0{\"sid\":\"%s\",\"upgrades\":[],\"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":1000000}",
        sid);
}
static void sess_add(sess *s, const void *p, size_t n) {
    if (s->len + n + 1 > s->cap) {
        s->cap = (uint32_t)(s->len + n + 1) * 2;
        s->buf = realloc(s->buf, s->cap);
        if (!s->buf) abort();
    }
    if (s->len) s->buf[s->len++] = RS;
    memcpy(s->buf + s->len, p, n);
    s->len += (uint32_t)n;
}
static void http_ok(int fd, const char *b, size_t n) {
    char h[160];
    int k = snprintf(h, sizeof h,
                     "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=UTF-8\r\nContent-Length: %zu\r\n\r\n", n);
    size_t keep = on;
    put(h, (size_t)k);
    put(b, n);
    size_t len = on - keep;
    on = keep;
    if (!write_to(fd, ob + keep, len)) close_conn(fd);
}
static void sess_deliver(sess *s) {
    if (s->get_fd < 0 || !s->len) return;
    int fd = s->get_fd;
    s->get_fd = -1;
    http_ok(fd, s->buf, s->len);
    s->len = 0;
}
/* Broadcasts of one event batch are collected and sent with one write per connection. */
static size_t bc_len;
static uint8_t bc_only;
static void bcast_flush(void) {
    size_t n = bc_len;
    bc_len = 0;
    if (n)
        for (uint32_t i = 0; i < nready; i++) {
            int fd = ready_fd[i];
            if (C[fd].st == bc_only) write_to(fd, bc, n); /* on failure, its next event closes it */
        }
}
static void broadcast(const uint8_t *text, size_t pre, const uint8_t *args, size_t n, uint8_t only) {
    /* text[pre] + args[n] in one frame, to all connections in state `only` */
    if (bc_len && (bc_only != only || bc_len > 60000)) bcast_flush();
    bc_only = only;
    size_t keep = on, len = pre + n;
    frame_head(len, 1);
    put(text, pre);
    put(args, n);
    size_t fl = on - keep;
    on = keep;
    if (bc_len + fl > bc_cap) {
        bc_cap = (bc_len + fl) * 2;
        bc = realloc(bc, bc_cap);
        if (!bc) abort();
    }
    memcpy(bc + bc_len, ob + keep, fl);
    if (only == WS_READY)
        for (uint32_t i = 0; i < nsess; i++)
            if (S[i].joined) {
                sess_add(&S[i], bc + bc_len + fl - len, len);
                sess_deliver(&S[i]);
            }
    bc_len += fl;
}
/* returns false to close */
static bool packet(int fd, sess *s, const uint8_t *p, size_t n) {
    static const char M[] = "42[\"message\",";
    if (n == 1) return true; /* pong, noop */
    if (p[0] != '4') return true;
    if (n > 9 && p[1] == '2' && !memcmp(p + 2, "[\"echo\",", 8)) {
        if (s) sess_add(s, p, n);
        else frame(p, n);
        return true;
    }
    if (p[1] == '2' && n > 11 && !memcmp(p + 2, "[\"publish\",", 11)) {
        broadcast((const uint8_t *)M, sizeof M - 1, p + 13, n - 13, WS_READY);
        return true;
    }
    if (p[1] == '2' && p[2] >= '0' && p[2] <= '9') { /* 42<id>["ping",ARGS] -> 43<id>[ARGS] */
        size_t i = 2;
        while (i < n && p[i] >= '0' && p[i] <= '9') i++;
        const uint8_t *a = memchr(p + i, ',', n - i);
        if (!a) return false;
        a++;
        size_t al = n - (size_t)(a - p), tl = i + 1 + al;
        if (s) {
            char *t = alloca(tl);
            memcpy(t, p, i);
            t[1] = '3';
            t[i] = '[';
            memcpy(t + i + 1, a, al);
            sess_add(s, t, tl);
        } else {
            frame_head(tl, 1);
            uint8_t *t = room(tl);
            memcpy(t, p, i);
            t[1] = '3';
            t[i] = '[';
            memcpy(t + i + 1, a, al);
            on += tl;
        }
        return true;
    }
    if (p[1] == '0') {
        if (auth && !token_ok(p, n)) {
            static const char E[] = "44{\"message\":\"unauthorized\"}";
            if (s) sess_add(s, E, sizeof E - 1);
            else frame(E, sizeof E - 1);
            return true;
        }
        char b[64];
        int k = snprintf(b, sizeof b, "40{\"sid\":\"s%019llu\"}", (unsigned long long)++sidno);
        if (s) {
            sess_add(s, b, (size_t)k);
            s->joined = true;
        } else {
            frame(b, (size_t)k);
            if (C[fd].st == WS_OPENED) {
                C[fd].st = WS_READY;
                add_ready(fd);
                online++;
            }
        }
    }
    return true;
}

/* ---- input ---- */
static long ws_in(int fd, uint8_t *p, size_t n) {
    conn *c = &C[fd];
    size_t i = 0;
    for (;;) {
        if (n - i < 6) break;
        uint8_t b0 = p[i], b1 = p[i + 1];
        if (!(b1 & 128) || !(b0 & 128)) return -1;
        uint64_t len = b1 & 127;
        size_t h = 6;
        if (len == 126) {
            if (n - i < 8) break;
            len = (uint64_t)p[i + 2] << 8 | p[i + 3];
            h = 8;
        } else if (len == 127) {
            if (n - i < 14) break;
            len = 0;
            for (int k = 0; k < 8; k++) len = len << 8 | p[i + 2 + (size_t)k];
            h = 14;
            if (len > RBUF / 2) return -1;
        }
        if (n - i < h + len) break;
        uint8_t *d = p + i + h;
        uint32_t mk;
        memcpy(&mk, d - 4, 4);
        uint64_t m8 = (uint64_t)mk << 32 | mk;
        size_t j = 0;
        for (; j + 8 <= len; j += 8) {
            uint64_t x;
            memcpy(&x, d + j, 8);
            x ^= m8;
            memcpy(d + j, &x, 8);
        }
        for (; j < len; j++) d[j] ^= (uint8_t)(mk >> (8 * (j & 3)));
        i += h + len;
        switch (b0 & 15) {
        case 8: return -1;
        case 9:
            frame_head(len, 10);
            put(d, len);
            break;
        case 1:
        case 2:
            if (c->st == RAW) frame(d, len);
            else if (c->st == PUB) broadcast(d, 0, d, len, SUB);
            else if (c->st != SUB && len && !packet(fd, NULL, d, len)) return -1;
        default: break;
        }
    }
    return (long)i;
}
static const uint8_t *header(const uint8_t *p, size_t n, const char *name, size_t *vl) {
    size_t k = strlen(name);
    for (const uint8_t *l = p, *e = p + n; l < e;) {
        const uint8_t *x = memmem(l, (size_t)(e - l), "\r\n", 2);
        if (!x) break;
        if ((size_t)(x - l) > k && !strncasecmp((const char *)l, name, k)) {
            l += k;
            while (l < x && *l == ' ') l++;
            *vl = (size_t)(x - l);
            return l;
        }
        l = x + 2;
    }
    return NULL;
}
static long http_in(int fd, uint8_t *p, size_t n) {
    size_t used = 0;
    while (C[fd].st == HTTP) {
        uint8_t *b = p + used;
        size_t m = n - used;
        uint8_t *e = memmem(b, m, "\r\n\r\n", 4);
        if (!e) break;
        size_t hl = (size_t)(e - b) + 4, vl = 0;
        const uint8_t *key = header(b, hl, "sec-websocket-key:", &vl);
        if (key) {
            uint8_t t[96], d[20];
            char acc[32], r[512], sid[32], ot[200];
            if (vl > 40) return -1;
            memcpy(t, key, vl);
            memcpy(t + vl, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11", 36);
            sha1(t, vl + 36, d);
            acc[b64_enc(d, 20, acc, 0)] = 0;
            int k = snprintf(r, sizeof r,
                             "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: "
                             "Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                             acc);
            used += hl;
            if (!memcmp(b, "GET /raw", 8)) C[fd].st = RAW;
            else if (!memcmp(b, "GET /sub", 8)) {
                C[fd].st = SUB;
                add_ready(fd);
            } else if (!memcmp(b, "GET /pub", 8)) C[fd].st = PUB;
            else C[fd].st = WS_OPENED;
            put(r, (size_t)k);
            if (C[fd].st == WS_OPENED) {
                snprintf(sid, sizeof sid, "w%019llu", (unsigned long long)++sidno);
                frame(ot, open_text(ot, sizeof ot, sid));
            }
            break;
        }
        bool post = b[0] == 'P';
        size_t body = 0;
        if (post) {
            const uint8_t *cl = header(b, hl, "content-length:", &vl);
            if (!cl) return -1;
            body = strtoul((const char *)cl, NULL, 10);
            if (body > RBUF / 2) return -1;
            if (m < hl + body) break;
        }
        used += hl + body;
        uint8_t *eol = memchr(b, '\r', hl);
        uint8_t *sp = memmem(b, (size_t)(eol - b), "&sid=p", 6);
        if (!sp) { /* new session */
            if (post) return -1;
            uint32_t i = nsess;
            if (nsess == csess) {
                csess = csess ? csess * 2 : 1024;
                S = realloc(S, csess * sizeof *S);
                if (!S) abort();
            }
            nsess++;
            memset(&S[i], 0, sizeof S[i]);
            S[i].used = true;
            S[i].get_fd = -1;
            char sid[32], ot[200];
            snprintf(sid, sizeof sid, "p%08x", i);
            http_ok(fd, ot, open_text(ot, sizeof ot, sid));
            continue;
        }
        uint32_t i = (uint32_t)strtoul((char *)sp + 6, NULL, 16);
        if (i >= nsess) return -1;
        if (post) {
            http_ok(fd, "ok", 2);
            for (uint8_t *q = e + 4, *z = e + 4 + body; q < z;) {
                uint8_t *x = memchr(q, RS, (size_t)(z - q));
                if (!x) x = z;
                if (x > q && !packet(fd, &S[i], q, (size_t)(x - q))) return -1;
                q = x + 1;
            }
            sess_deliver(&S[i]);
        } else {
            S[i].get_fd = fd;
            sess_deliver(&S[i]);
        }
    }
    return (long)used;
}
static void readable(int fd) {
    conn *c = &C[fd];
    size_t have = c->in_len;
    if (have) memcpy(rbuf, c->in, have);
    ssize_t k = read(fd, rbuf + have, RBUF - have);
    if (k <= 0) {
        if (k < 0 && errno == EAGAIN) return;
        for (uint32_t i = 0; c->st == HTTP && i < nsess; i++)
            if (S[i].get_fd == fd) S[i].get_fd = -1, S[i].joined = false;
        close_conn(fd);
        return;
    }
    size_t n = have + (size_t)k, used = 0;
    long r = 0;
    if (c->st == HTTP) {
        r = http_in(fd, rbuf, n);
        used = r > 0 ? (size_t)r : 0;
    }
    if (r >= 0 && c->st > HTTP) {
        r = ws_in(fd, rbuf + used, n - used);
        used += r > 0 ? (size_t)r : 0;
    }
    if (r < 0) {
        on = 0;
        close_conn(fd);
        return;
    }
    if (c->st == FREE) {
        on = 0;
        return;
    }
    flush(fd);
    if (c->st == FREE) return;
    size_t rest = n - used;
    if (rest > c->in_cap) {
        c->in_cap = (uint32_t)(rest < 512 ? 512 : rest * 2);
        c->in = realloc(c->in, c->in_cap);
        if (!c->in) abort();
    }
    if (rest) memcpy(c->in, rbuf + used, rest);
    c->in_len = (uint32_t)rest;
}

int main(int argc, char **argv) {
    int port = argc > 1 ? atoi(argv[1]) : 3000;
    auth = getenv("AUTH") && atoi(getenv("AUTH"));
    secret = getenv("SECRET") ? getenv("SECRET") : "bench-secret-bench-secret-bench-01";
    alarm(getenv("LIFE") ? (unsigned)atoi(getenv("LIFE")) : 900);
    struct rlimit rl;
    getrlimit(RLIMIT_NOFILE, &rl);
    rl.rlim_cur = rl.rlim_max;
    setrlimit(RLIMIT_NOFILE, &rl);
    maxfd = rl.rlim_cur > 1000000 ? 1000000 : (int)rl.rlim_cur;
    C = calloc((size_t)maxfd, sizeof *C);
    ready_fd = calloc((size_t)maxfd, sizeof *ready_fd);
    ep = epoll_create1(EPOLL_CLOEXEC);
    int ls = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
    setsockopt(ls, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    if (bind(ls, (struct sockaddr *)&a, sizeof a) || listen(ls, 8192)) {
        perror("listen");
        return 1;
    }
    struct epoll_event e = { .events = EPOLLIN, .data.fd = ls }, ev[512];
    epoll_ctl(ep, EPOLL_CTL_ADD, ls, &e);
    fprintf(stderr, "limit: listening on 127.0.0.1:%d auth=%d pid=%d\n", port, auth, (int)getpid());
    for (;;) {
        int k = epoll_wait(ep, ev, 512, -1);
        if (k < 0 && errno != EINTR) break;
        for (int i = 0; i < k; i++) {
            int fd = ev[i].data.fd;
            if (fd == ls) {
                for (int j = 0; j < 64; j++) {
                    int s = accept4(ls, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
                    if (s < 0) break;
                    if (s >= maxfd) {
                        close(s);
                        break;
                    }
                    setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                    C[s].st = HTTP;
                    C[s].pos = -1;
                    struct epoll_event x = { .events = EPOLLIN, .data.fd = s };
                    epoll_ctl(ep, EPOLL_CTL_ADD, s, &x);
                }
                continue;
            }
            if (C[fd].st == FREE) continue;
            if ((ev[i].events & EPOLLOUT) && C[fd].want_out) resume(fd);
            if (C[fd].st != FREE && (ev[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))) readable(fd);
        }
        bcast_flush();
    }
    return 0;
}
