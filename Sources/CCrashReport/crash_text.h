// Text that a signal handler builds: nothing here allocates, locks, or calls a function that is not async-signal-safe.
#pragma once

#include <stddef.h>
#include <stdint.h>

enum text_kind { TEXT_PLAIN, TEXT_JSON };

// A text with a limit; what does not fit is cut.
struct text {
    enum text_kind kind;
    size_t count;
    char bytes[8192];
};

void text_begin(struct text *text, enum text_kind kind);

// Adds bytes as they are. Room is kept for it: it fits also when text_add has filled the text.
void text_add_raw(struct text *text, const char *terminated);

// Adds text. Control characters are escaped, and in JSON also quotes and backslashes.
void text_add(struct text *text, const char *terminated);

void text_add_hex(struct text *text, uintptr_t number);

void text_add_number(struct text *text, uint64_t number);

// The present time as in the log: 2026-01-31T12:00:00.000Z. `size` is 25 at least.
void text_time(char *out, size_t size);

// The present time in milliseconds since 1970.
uint64_t text_milliseconds(void);

// What is mapped at an address.
struct mapping {
    int is_found;
    int is_executable;
    // Where the first part of the same file is mapped.
    uintptr_t base;
    // Empty if it is no file.
    char path[512];
};

// Looks an address up in /proc/self/maps.
void crash_find_mapping(uintptr_t address, struct mapping *mapping);
