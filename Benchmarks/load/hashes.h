/* hashes.h - SHA-1, SHA-256, HMAC-SHA-256, base64 and base64url for loadgen.c and limit.c.
   Plain C11, no dependency. */
#ifndef BENCH_HASHES_H
#define BENCH_HASHES_H
#include <stdint.h>
#include <stddef.h>
#include <string.h>

static inline uint32_t h_rol(uint32_t x, int n) { return (x << n) | (x >> (32 - n)); }
static inline uint32_t h_ror(uint32_t x, int n) { return (x >> n) | (x << (32 - n)); }
static inline uint32_t h_be(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
static inline void h_pbe(uint8_t *p, uint32_t v) {
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

static void sha1_block(uint32_t h[5], const uint8_t *p) {
    uint32_t w[80], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
    for (int i = 0; i < 16; i++) w[i] = h_be(p + 4 * i);
    for (int i = 16; i < 80; i++) w[i] = h_rol(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    for (int i = 0; i < 80; i++) {
        uint32_t f, k;
        if (i < 20) {
            f = (b & c) | (~b & d);
            k = 0x5a827999;
        } else if (i < 40) {
            f = b ^ c ^ d;
            k = 0x6ed9eba1;
        } else if (i < 60) {
            f = (b & c) | (b & d) | (c & d);
            k = 0x8f1bbcdc;
        } else {
            f = b ^ c ^ d;
            k = 0xca62c1d6;
        }
        uint32_t t = h_rol(a, 5) + f + e + k + w[i];
        e = d;
        d = c;
        c = h_rol(b, 30);
        b = a;
        a = t;
    }
    h[0] += a;
    h[1] += b;
    h[2] += c;
    h[3] += d;
    h[4] += e;
}

static inline void sha1(const void *data, size_t n, uint8_t out[20]) {
    uint32_t h[5] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0 };
    const uint8_t *p = (const uint8_t *)data;
    size_t left = n;
    for (; left >= 64; left -= 64, p += 64) sha1_block(h, p);
    uint8_t t[128];
    memset(t, 0, sizeof t);
    memcpy(t, p, left);
    t[left] = 0x80;
    size_t blk = left + 9 > 64 ? 128 : 64;
    uint64_t bits = (uint64_t)n * 8;
    h_pbe(t + blk - 8, (uint32_t)(bits >> 32));
    h_pbe(t + blk - 4, (uint32_t)bits);
    sha1_block(h, t);
    if (blk == 128) sha1_block(h, t + 64);
    for (int i = 0; i < 5; i++) h_pbe(out + 4 * i, h[i]);
}

static const uint32_t sha256_k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2
};

static void sha256_block(uint32_t s[8], const uint8_t *p) {
    uint32_t w[64], v[8];
    for (int i = 0; i < 16; i++) w[i] = h_be(p + 4 * i);
    for (int i = 16; i < 64; i++) {
        uint32_t a = w[i - 15], b = w[i - 2];
        w[i] =
            w[i - 16] + (h_ror(a, 7) ^ h_ror(a, 18) ^ (a >> 3)) + w[i - 7] + (h_ror(b, 17) ^ h_ror(b, 19) ^ (b >> 10));
    }
    memcpy(v, s, 32);
    for (int i = 0; i < 64; i++) {
        uint32_t t1 = v[7] + (h_ror(v[4], 6) ^ h_ror(v[4], 11) ^ h_ror(v[4], 25)) + ((v[4] & v[5]) ^ (~v[4] & v[6])) +
                      sha256_k[i] + w[i];
        uint32_t t2 =
            (h_ror(v[0], 2) ^ h_ror(v[0], 13) ^ h_ror(v[0], 22)) + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
        v[7] = v[6];
        v[6] = v[5];
        v[5] = v[4];
        v[4] = v[3] + t1;
        v[3] = v[2];
        v[2] = v[1];
        v[1] = v[0];
        v[0] = t1 + t2;
    }
    for (int i = 0; i < 8; i++) s[i] += v[i];
}

typedef struct {
    uint32_t s[8];
    uint8_t b[64];
    uint64_t n;
} sha256_ctx;
static void sha256_init(sha256_ctx *c) {
    static const uint32_t iv[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };
    memcpy(c->s, iv, 32);
    c->n = 0;
}
static void sha256_add(sha256_ctx *c, const void *d, size_t n) {
    const uint8_t *p = (const uint8_t *)d;
    while (n) {
        size_t o = c->n & 63, k = 64 - o < n ? 64 - o : n;
        memcpy(c->b + o, p, k);
        c->n += k;
        p += k;
        n -= k;
        if ((c->n & 63) == 0) sha256_block(c->s, c->b);
    }
}
static void sha256_end(sha256_ctx *c, uint8_t out[32]) {
    uint64_t bits = c->n * 8;
    uint8_t pad = 0x80, z = 0, l[8];
    sha256_add(c, &pad, 1);
    while ((c->n & 63) != 56) sha256_add(c, &z, 1);
    h_pbe(l, (uint32_t)(bits >> 32));
    h_pbe(l + 4, (uint32_t)bits);
    sha256_add(c, l, 8);
    for (int i = 0; i < 8; i++) h_pbe(out + 4 * i, c->s[i]);
}
static inline void hmac_sha256(const void *key, size_t kn, const void *d, size_t n, uint8_t out[32]) {
    uint8_t k[64] = { 0 }, x[64];
    sha256_ctx c;
    if (kn > 64) {
        sha256_init(&c);
        sha256_add(&c, key, kn);
        sha256_end(&c, k);
    } else memcpy(k, key, kn);
    for (int i = 0; i < 64; i++) x[i] = k[i] ^ 0x36;
    sha256_init(&c);
    sha256_add(&c, x, 64);
    sha256_add(&c, d, n);
    sha256_end(&c, out);
    for (int i = 0; i < 64; i++) x[i] = k[i] ^ 0x5c;
    sha256_init(&c);
    sha256_add(&c, x, 64);
    sha256_add(&c, out, 32);
    sha256_end(&c, out);
}

static size_t b64_enc(const uint8_t *d, size_t n, char *o, int url) {
    static const char A[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    static const char U[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const char *t = url ? U : A;
    size_t k = 0, i = 0;
    for (; i + 2 < n; i += 3) {
        uint32_t v = (uint32_t)d[i] << 16 | (uint32_t)d[i + 1] << 8 | d[i + 2];
        o[k++] = t[v >> 18];
        o[k++] = t[(v >> 12) & 63];
        o[k++] = t[(v >> 6) & 63];
        o[k++] = t[v & 63];
    }
    if (i + 1 == n) {
        uint32_t v = (uint32_t)d[i] << 16;
        o[k++] = t[v >> 18];
        o[k++] = t[(v >> 12) & 63];
        if (!url) {
            o[k++] = '=';
            o[k++] = '=';
        }
    } else if (i + 2 == n) {
        uint32_t v = (uint32_t)d[i] << 16 | (uint32_t)d[i + 1] << 8;
        o[k++] = t[v >> 18];
        o[k++] = t[(v >> 12) & 63];
        o[k++] = t[(v >> 6) & 63];
        if (!url) o[k++] = '=';
    }
    return k;
}
static inline int b64u_val(unsigned char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '-') return 62;
    if (c == '_') return 63;
    return -1;
}
/* base64url without padding; returns the length or -1 */
static inline long b64u_dec(const char *s, size_t n, uint8_t *o) {
    uint32_t acc = 0;
    int bits = 0;
    long k = 0;
    for (size_t i = 0; i < n; i++) {
        int v = b64u_val((unsigned char)s[i]);
        if (v < 0) return -1;
        acc = acc << 6 | (uint32_t)v;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            o[k++] = (uint8_t)(acc >> bits);
        }
    }
    return k;
}
#endif
