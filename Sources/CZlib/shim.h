// zlib, which compresses polling responses and WebSocket messages.
#pragma once

#if !__has_include(<zlib.h>)
#error "the header of zlib is missing: run 'make packages', or install zlib1g-dev"
#endif

#include <zlib.h>

// Functions, because Swift does not import macros with arguments.
static inline int jf_deflate_init(z_stream *stream, int level, int window_bits, int memory_level) {
    return deflateInit2(stream, level, Z_DEFLATED, window_bits, memory_level, Z_DEFAULT_STRATEGY);
}

static inline int jf_inflate_init(z_stream *stream, int window_bits) { return inflateInit2(stream, window_bits); }
