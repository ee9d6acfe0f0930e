#include "crash_text.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

// Bytes that only text_add_raw uses, for what must stand at the end.
#define RESERVED 1024

void text_begin(struct text *text, enum text_kind kind) {
    text->kind = kind;
    text->count = 0;
}

static void add(struct text *text, const char *bytes, size_t count, size_t limit) {
    if (text->count + count > limit) return;
    memcpy(text->bytes + text->count, bytes, count);
    text->count += count;
}

void text_add_raw(struct text *text, const char *terminated) {
    add(text, terminated, strlen(terminated), sizeof text->bytes);
}

void text_add(struct text *text, const char *terminated) {
    static const char digits[] = "0123456789abcdef";
    size_t limit = sizeof text->bytes - RESERVED;
    for (const unsigned char *at = (const unsigned char *)terminated; *at; at++) {
        char escaped[6] = { '\\', 'u', '0', '0', digits[*at >> 4], digits[*at & 15] };
        int is_control = *at < 0x20 || *at == 0x7F;
        if (text->kind == TEXT_JSON && (*at == '"' || *at == '\\')) {
            escaped[1] = (char)*at;
            add(text, escaped, 2, limit);
        } else if (is_control && text->kind == TEXT_JSON) {
            add(text, escaped, 6, limit);
        } else if (is_control) {
            char plain[4] = { '\\', 'x', digits[*at >> 4], digits[*at & 15] };
            add(text, plain, 4, limit);
        } else {
            add(text, (const char *)at, 1, limit);
        }
    }
}

void text_add_hex(struct text *text, uintptr_t number) {
    char out[2 * sizeof number + 3];
    size_t at = sizeof out - 1;
    out[at] = 0;
    do {
        out[--at] = "0123456789abcdef"[number & 15];
        number >>= 4;
    } while (number);
    out[--at] = 'x';
    out[--at] = '0';
    text_add(text, out + at);
}

void text_add_number(struct text *text, uint64_t number) {
    char out[24];
    size_t at = sizeof out - 1;
    out[at] = 0;
    do {
        out[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    text_add(text, out + at);
}

static char *two_digits(char *out, unsigned number) {
    out[0] = (char)('0' + number / 10 % 10);
    out[1] = (char)('0' + number % 10);
    return out + 2;
}

uint64_t text_milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

// gmtime_r is not async-signal-safe.
void text_time(char *out, size_t size) {
    struct timespec now;
    if (size < 25) return;
    clock_gettime(CLOCK_REALTIME, &now);
    // Days since 0000-03-01, in eras of 400 years (H. Hinnant, "chrono-compatible low-level date algorithms").
    int64_t days = now.tv_sec / 86400 + 719468;
    unsigned second = (unsigned)(now.tv_sec % 86400);
    unsigned day_of_era = (unsigned)(days % 146097);
    unsigned year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned month = (5 * day_of_year + 2) / 153;
    unsigned day = day_of_year - (153 * month + 2) / 5 + 1;
    month = month < 10 ? month + 3 : month - 9;
    unsigned year = year_of_era + (unsigned)(days / 146097) * 400 + (month <= 2);
    unsigned millisecond = (unsigned)(now.tv_nsec / 1000000);
    out = two_digits(two_digits(out, year / 100), year);
    *out++ = '-';
    out = two_digits(out, month);
    *out++ = '-';
    out = two_digits(out, day);
    *out++ = 'T';
    out = two_digits(out, second / 3600);
    *out++ = ':';
    out = two_digits(out, second / 60 % 60);
    *out++ = ':';
    out = two_digits(out, second % 60);
    *out++ = '.';
    *out++ = (char)('0' + millisecond / 100);
    out = two_digits(out, millisecond);
    *out++ = 'Z';
    *out = 0;
}

// One line: "7f12-7f34 r-xp 00001000 08:01 1234    /path". Returns 1 if the address lies in it.
static int read_line(const char *line, uintptr_t address, struct mapping *mapping) {
    uintptr_t bounds[2] = { 0, 0 };
    const char *at = line;
    for (int i = 0; i < 2; i++, at++) {
        for (; *at && *at != '-' && *at != ' '; at++)
            bounds[i] = bounds[i] << 4 | (uintptr_t)(*at <= '9' ? *at - '0' : *at - 'a' + 10);
        if (!*at) return 0;
    }
    const char *path = strchr(at, '/');
    if (!path) path = "";
    if (!path[0] || strncmp(path, mapping->path, sizeof mapping->path - 1) != 0) {
        size_t length = strnlen(path, sizeof mapping->path - 1);
        memcpy(mapping->path, path, length);
        mapping->path[length] = 0;
        mapping->base = bounds[0];
    }
    mapping->is_found = address >= bounds[0] && address < bounds[1];
    mapping->is_executable = at[0] && at[1] && at[2] == 'x';
    return mapping->is_found;
}

void crash_find_mapping(uintptr_t address, struct mapping *mapping) {
    // Static, because the stack may be small: only one thread of the process reports a crash.
    static char block[4096], line[1024];
    size_t length = 0;
    ssize_t count;
    memset(mapping, 0, sizeof *mapping);
    int file = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    if (file < 0) return;
    while ((count = read(file, block, sizeof block)) > 0) {
        for (ssize_t i = 0; i < count; i++) {
            if (block[i] != '\n') {
                if (length < sizeof line - 1) line[length++] = block[i];
                continue;
            }
            line[length] = 0;
            length = 0;
            if (read_line(line, address, mapping)) {
                close(file);
                return;
            }
        }
    }
    close(file);
    memset(mapping, 0, sizeof *mapping);
}
