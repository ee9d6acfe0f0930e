/* A library that knows nothing of Jackfield: no header, no jf_plugin_main. Its functions are bound as events. */
#define _DEFAULT_SOURCE /* usleep */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <math.h>

/* One identity function for each scalar type. */
uint8_t same_bool(uint8_t x) { return x; }
int32_t same_i32(int32_t x) { return x; }
int64_t same_i64(int64_t x) { return x; }
uint32_t same_u32(uint32_t x) { return x; }
uint64_t same_u64(uint64_t x) { return x; }
float same_f32(float x) { return x; }
double same_f64(double x) { return x; }

double add(double a, double b) { return a + b; }
double not_a_number(void) { return NAN; }
double infinite(void) { return INFINITY; }
float infinite_f32(void) { return -INFINITY; }

/* string: a pointer, not NULL if present, and a length. The result is copied into the caller's buffer. */
static int32_t put(const char *text, uint64_t length, char *out, uint64_t capacity, uint64_t *written) {
    *written = length;
    if (length > capacity) return -6; /* JF_E_SPACE */
    if (length) memcpy(out, text, length);
    return 0;
}
int32_t same_text(const char *text, uint64_t length, char *out, uint64_t capacity, uint64_t *written) {
    return put(text, length, out, capacity, written);
}
uint64_t length(const char *text, uint64_t length) { return text ? length : UINT64_MAX; }
/* 1 for each zero byte in the text, and 100 if one stands behind it. */
uint64_t zeros(const char *text, uint64_t length) {
    uint64_t count = text[length] == 0 ? 100 : 0;
    for (uint64_t i = 0; i < length; i++) count += text[i] == 0;
    return count;
}
int32_t not_utf8(char *out, uint64_t capacity, uint64_t *written) { return put("a\xff", 2, out, capacity, written); }
int32_t not_json(char *out, uint64_t capacity, uint64_t *written) { return put("{", 1, out, capacity, written); }
int32_t too_long(char *out, uint64_t capacity, uint64_t *written) {
    (void)out;
    *written = capacity + 1;
    return 0;
}

/* cstring: a terminated string. */
uint64_t c_length(const char *text) { return text ? strlen(text) : UINT64_MAX; }
const char *same_c(const char *text) { return text; }
const char *nothing(void) { return NULL; }
const char *latin1(void) { return "caf\xe9"; }

/* Optional scalars are pointers; arrays of scalars a pointer and a count. */
double or_one(const double *x) { return x ? *x : 1; }
int64_t sum(const int64_t *numbers, uint64_t count) {
    int64_t total = 0;
    for (uint64_t i = 0; i < count; i++) total += numbers[i];
    return numbers ? total : -1;
}
uint32_t all(const uint8_t *flags, uint64_t count) {
    uint32_t found = 0;
    for (uint64_t i = 0; i < count; i++) found += flags[i];
    return found;
}

/* throws: a status, and the result through a pointer. */
int32_t divide(int32_t a, int32_t b, int32_t *result) {
    if (b == 0) return 33;
    *result = a / b;
    return 0;
}
int32_t fail_if(uint8_t wanted) { return wanted ? -8 : 0; }

static int32_t counter;
void bump(void) { counter++; }
int32_t bumps(void) { return counter; }
void nap(uint32_t microseconds) { usleep(microseconds); }
