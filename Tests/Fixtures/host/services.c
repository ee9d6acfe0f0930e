/*
 * A provider and a consumer of services, chosen by a macro.
 *
 * PROVIDES      provides service "calc" 1.MINOR; SLOW_START delays start by that many ms; WRONG changes a signature.
 * otherwise     binds "calc" 1.0 in create; the event "check" runs the named check on the strand and acks "ok", or the
 *               line of this file that failed.
 */
#define _DEFAULT_SOURCE /* usleep */
#include <jackfield/jackfield.h>

#include <float.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const jf_host *host;
static jf_core_api core;
static jf_events_api io;
static jf_tokens_api tokens;
static jf_services_api services;

static void fetch_tables(const jf_boot *boot) {
    host = boot->host;
    boot->query(host, JF_CORE, &core, sizeof core);
    boot->query(host, JF_EVENTS, &io, sizeof io);
    boot->query(host, JF_TOKENS, &tokens, sizeof tokens);
    boot->query(host, JF_SERVICES, &services, sizeof services);
}

static void say(const char *line) { core.log(host, JF_LOG_INFO, jf_text_of(line)); }

#define RECORD "{id: i64, tags: string[], note: string?, inner: {ratio: f64?}?}"

#ifdef PROVIDES

#ifndef MINOR
#define MINOR 0
#endif
#ifndef MAJOR
#define MAJOR 1
#endif

static jf_code on_add(void *instance, const jf_call *call) {
    (void)instance;
    *call->result = jf_f64(call->args[0].val.f64 + call->args[1].val.f64);
    return JF_OK;
}

static jf_code on_divide(void *instance, const jf_call *call) {
    (void)instance;
    if (call->args[1].val.i64 == 0) return jf_fail(call->failure, JF_E_DENIED, "division by zero");
    *call->result = jf_i64(call->args[0].val.i64 / call->args[1].val.i64);
    return JF_OK;
}

/* The result is the first argument, whatever type it has. */
static jf_code on_same(void *instance, const jf_call *call) {
    (void)instance;
    return services.set_result(host, call, &call->args[0]);
}

static int destroyed;

/* Runs inline for some time. */
static jf_code on_slow(void *instance, const jf_call *call) {
    (void)instance;
    say("slow begins");
    usleep(call->args[0].val.u32 * 1000);
    say(destroyed ? "slow goes on after destroy" : "slow ends");
    return JF_OK;
}

static void destroy(void *instance) {
    (void)instance;
    destroyed = 1;
    say("calc is destroyed");
}

static jf_code on_positive(void *instance, const jf_call *call) {
    (void)instance;
    *call->result = jf_i64(1);
    return JF_PENDING;
}

static jf_code on_maybe(void *instance, const jf_call *call) {
    (void)instance;
    *call->result = call->args[0];
    return JF_OK;
}

/* The token of a service call is completed by no other function. */
static jf_code on_ack(void *instance, const jf_call *call) {
    (void)instance;
    *call->result = jf_i32(io.ack(host, call->reply, JF_TEXT("[]"), NULL, 0));
    return JF_OK;
}

static jf_code on_join(void *instance, const jf_call *call) {
    char text[64];
    (void)instance;
    snprintf(text, sizeof text, "%u numbers", call->args[0].count);
    jf_value value = jf_string(jf_text_of(text));
    return services.set_result(host, call, &value);
}

static jf_code on_caller(void *instance, const jf_call *call) {
    (void)instance;
    *call->result = jf_string(call->caller);
    return JF_OK;
}

static jf_code on_lie(void *instance, const jf_call *call) {
    (void)instance;
    *call->result = jf_string(JF_TEXT("not a number"));
    return JF_OK;
}

static void *answer_later(void *token) {
    usleep(20000);
    jf_value value = jf_string(JF_TEXT("later"));
    jf_text none = JF_EMPTY;
    if (services.complete(host, (jf_token)(uintptr_t)token, JF_OK, &value, none) != JF_OK) say("complete failed");
    return NULL;
}

static jf_code on_later(void *instance, const jf_call *call) {
    jf_token kept;
    pthread_t thread;
    (void)instance;
    if (tokens.keep(host, call->reply, &kept) != JF_OK) return JF_E_FAILED;
    if (pthread_create(&thread, NULL, answer_later, (void *)(uintptr_t)kept) != 0) return JF_E_FAILED;
    pthread_detach(thread);
    return JF_OK;
}

static jf_code on_keep(void *instance, const jf_call *call) {
    jf_token kept;
    (void)instance;
    return tokens.keep(host, call->reply, &kept);
}

static jf_code on_sleep(void *instance, const jf_call *call) {
    (void)instance;
    usleep(call->args[0].val.u32 * 1000);
    return JF_OK;
}

static int64_t length(const char *text, uint64_t count) { return text ? (int64_t)count : -1; }

static double sum(const double *values, uint64_t count) {
    double total = 0;
    for (uint64_t i = 0; i < count; i++) total += values[i];
    return total;
}

#define FUNCTION(signature, function) { JF_LIT(signature), NULL, (jf_fn)(function), JF_RUN_INLINE, 0, NULL }
#define SAME(type)                    JF_METHOD_INLINE("same_" #type "(v: " #type ") -> " #type, on_same)

static const jf_method_decl methods[] = {
#ifdef WRONG
    JF_METHOD_INLINE("add(a: f64, b: i64) -> f64", on_add),
#else
    JF_METHOD_INLINE("add(a: f64, b: f64) -> f64", on_add),
#endif
    JF_METHOD("add_on_strand(a: f64, b: f64) -> f64", on_add),
    { JF_LIT("add_in_parallel(a: f64, b: f64) -> f64"), on_add, NULL, JF_RUN_PARALLEL, 0, NULL },
    JF_METHOD_INLINE("divide(a: i64, b: i64) throws -> i64", on_divide),
    SAME(bool),
    SAME(i32),
    SAME(i64),
    SAME(u32),
    SAME(u64),
    SAME(f32),
    SAME(f64),
    SAME(string),
    SAME(cstring),
    SAME(bytes),
    SAME(json),
    JF_METHOD_INLINE("same_list(v: i64?[]?) -> i64?[]?", on_same),
    JF_METHOD_INLINE("same_record(v: " RECORD ") -> " RECORD, on_same),
    JF_METHOD("same_on_strand(v: " RECORD ") -> " RECORD, on_same),
    JF_METHOD_INLINE("caller() -> string", on_caller),
    JF_METHOD_INLINE("lie() -> i64", on_lie),
    JF_METHOD("later() -> string", on_later),
    JF_METHOD("keep() -> string", on_keep),
    JF_METHOD("sleep(ms: u32)", on_sleep),
    JF_METHOD_FUNCTION("hypot(a: f64, b: f64) -> f64", hypot),
    FUNCTION("length(text: string?) -> i64", length),
    FUNCTION("sum(values: f64[]) -> f64", sum),
    JF_METHOD_INLINE("slow(ms: u32)", on_slow),
    JF_METHOD_INLINE("positive() -> i64", on_positive),
    JF_METHOD_INLINE("maybe(v: i64?) -> i64?", on_maybe),
    JF_METHOD("ack() -> i32", on_ack),
    JF_METHOD_INLINE("join(values: f64[]) -> string", on_join),
};

static const jf_service_decl provided[] = { { JF_LIT("calc"), MAJOR, MINOR, JF_LIST(methods) } };

static jf_code start(void *instance, jf_error *error) {
    (void)instance;
    (void)error;
#ifdef SLOW_START
    usleep(SLOW_START * 1000);
#endif
    return JF_OK;
}

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    fetch_tables(boot);
    jf_describe(plugin, "calc", "1.0.0");
    plugin->start = start;
    plugin->destroy = destroy;
    JF_SET_LIST(plugin->services, provided);
    return JF_OK;
}

#else

/* Ends a check with the number of the line. */
#define EXPECT(condition)                  \
    do {                                   \
        if (!(condition)) return __LINE__; \
    } while (0)

enum {
    ADD,
    ADD_ON_STRAND,
    ADD_IN_PARALLEL,
    DIVIDE,
    BOOL,
    I32,
    I64,
    U32,
    U64,
    F32,
    F64,
    STRING,
    CSTRING,
    BYTES,
    JSON,
    LIST,
    RECORDS,
    RECORDS_ON_STRAND,
    CALLER,
    LIE,
    LATER,
    KEEP,
    SLEEP,
    HYPOT,
    LENGTH,
    SUM,
    SLOW,
    POSITIVE,
    MAYBE,
    ACK,
    JOIN
};

static const jf_text needed[] = {
    JF_LIT("add(x: f64, y: f64) -> f64"),
    JF_LIT("add_on_strand(a: f64, b: f64) -> f64"),
    JF_LIT("add_in_parallel(a: f64, b: f64) -> f64"),
    JF_LIT("divide(a: i64, b: i64) throws -> i64"),
    JF_LIT("same_bool(v: bool) -> bool"),
    JF_LIT("same_i32(v: i32) -> i32"),
    JF_LIT("same_i64(v: i64) -> i64"),
    JF_LIT("same_u32(v: u32) -> u32"),
    JF_LIT("same_u64(v: u64) -> u64"),
    JF_LIT("same_f32(v: f32) -> f32"),
    JF_LIT("same_f64(v: f64) -> f64"),
    JF_LIT("same_string(v: string) -> string"),
    JF_LIT("same_cstring(v: cstring) -> cstring"),
    JF_LIT("same_bytes(v: bytes) -> bytes"),
    JF_LIT("same_json(v: json) -> json"),
    JF_LIT("same_list(v: i64?[]?) -> i64?[]?"),
    JF_LIT("same_record(v: " RECORD ") -> " RECORD),
    JF_LIT("same_on_strand(v: " RECORD ") -> " RECORD),
    JF_LIT("caller() -> string"),
    JF_LIT("lie() -> i64"),
    JF_LIT("later() -> string"),
    JF_LIT("keep() -> string"),
    JF_LIT("sleep(ms: u32)"),
    JF_LIT("hypot(a: f64, b: f64) -> f64"),
    JF_LIT("length(text: string?) -> i64"),
    JF_LIT("sum(values: f64[]) -> f64"),
    JF_LIT("slow(ms: u32)"),
    JF_LIT("positive() -> i64"),
    JF_LIT("maybe(v: i64?) -> i64?"),
    JF_LIT("ack() -> i32"),
    JF_LIT("join(values: f64[]) -> string"),
};

static jf_binding calc;
static int life; /* its address is the instance */

static int ups, downs; /* of the binding; used on the strand */

static void changed(void *instance, void *context, jf_binding binding, jf_code status, jf_text message) {
    char line[512];
    if (status == JF_OK) ups++;
    else downs++;
    if (instance != &life || context != &calc || binding != calc) abort();
    snprintf(line, sizeof line, "changed %d %.*s", status, (int)message.len, message.ptr);
    say(line);
}

static jf_code bind_calc(uint32_t minor, jf_binding *binding, jf_error *error) {
    jf_need need = { sizeof need, sizeof needed / sizeof *needed, JF_TEXT("calc"), 1, minor, needed, changed, &calc };
    return services.bind(host, &need, binding, error);
}

static jf_code call(uint32_t method, const jf_value *args, uint32_t count, jf_result *result) {
    result->struct_size = sizeof *result;
    return services.call(host, calc, method, args, count, 2000, result);
}

static int same(uint32_t method, jf_value value, jf_result *result) {
    return call(method, &value, 1, result) == JF_OK && result->value.kind == value.kind;
}

static int says(jf_result *result, const char *words) {
    char text[512];
    snprintf(text, sizeof text, "%.*s", (int)result->message.len, result->message.ptr);
    services.release(host, result);
    if (strstr(text, words)) return 1;
    fprintf(stderr, "'%s' is not in '%s'\n", words, text);
    return 0;
}

static int check_numbers(void) {
    jf_result r;
    jf_value two[2] = { jf_f64(1.5), jf_f64(2) }, integers[2] = { jf_i64(INT64_MIN), jf_i64(1) };
    EXPECT(call(ADD, two, 2, &r) == JF_OK && r.value.val.f64 == 3.5 && r.storage == NULL && r.code == JF_OK);
    EXPECT(call(ADD_ON_STRAND, two, 2, &r) == JF_OK && r.value.val.f64 == 3.5);
    services.release(host, &r);
    EXPECT(r.storage == NULL);
    EXPECT(call(ADD_IN_PARALLEL, two, 2, &r) == JF_OK && r.value.val.f64 == 3.5);
    services.release(host, &r);
    EXPECT(call(DIVIDE, integers, 2, &r) == JF_OK && r.value.val.i64 == INT64_MIN);
    integers[1] = jf_i64(0);
    EXPECT(call(DIVIDE, integers, 2, &r) == JF_E_DENIED && r.value.kind == JF_VALUE_NONE);
    EXPECT(says(&r, "division by zero"));
    EXPECT(same(BOOL, jf_bool(1), &r) && r.value.val.i32 == 1);
    services.release(host, &r);
    EXPECT(same(BOOL, jf_bool(0), &r) && r.value.val.i32 == 0);
    services.release(host, &r);
    EXPECT(same(I32, jf_i32(INT32_MIN), &r) && r.value.val.i32 == INT32_MIN);
    services.release(host, &r);
    EXPECT(same(I64, jf_i64(INT64_MAX), &r) && r.value.val.i64 == INT64_MAX);
    services.release(host, &r);
    EXPECT(same(U32, jf_u32(UINT32_MAX), &r) && r.value.val.u32 == UINT32_MAX);
    services.release(host, &r);
    EXPECT(same(U64, jf_u64(UINT64_MAX), &r) && r.value.val.u64 == UINT64_MAX);
    services.release(host, &r);
    EXPECT(same(F32, jf_f32(FLT_MAX), &r) && r.value.val.f32 == FLT_MAX);
    services.release(host, &r);
    EXPECT(same(F64, jf_f64(NAN), &r) && isnan(r.value.val.f64));
    services.release(host, &r);
    EXPECT(same(F64, jf_f64(-0.0), &r) && r.value.val.f64 == 0 && signbit(r.value.val.f64));
    services.release(host, &r);
    EXPECT(same(F64, jf_f64(-INFINITY), &r) && isinf(r.value.val.f64));
    services.release(host, &r);
    EXPECT(call(HYPOT, (jf_value[2]){ jf_f64(3), jf_f64(4) }, 2, &r) == JF_OK && r.value.val.f64 == 5);
    services.release(host, &r);
    return 0;
}

static int same_text(uint32_t method, jf_value value) {
    jf_result r;
    EXPECT(same(method, value, &r));
    EXPECT(jf_text_equal(r.value.val.text, value.val.text));
    services.release(host, &r);
    return 0;
}

static int check_texts(void) {
    enum { MEGABYTE = 1 << 20 };
    char *big = malloc(MEGABYTE);
    jf_text large = { big, MEGABYTE }, nul = { "a\0b", 3 }, broken = { "\xff", 1 }, empty = JF_EMPTY;
    jf_bytes octets = { (const uint8_t *)"\xff\0\x80", 3 }, nothing = { NULL, 0 };
    jf_result r;
    jf_value value;
    int line;
    memset(big, 'x', MEGABYTE);
    if ((line = same_text(STRING, jf_string(JF_TEXT("gr\xc3\xbc\xc3\x9f dich"))))) return line;
    if ((line = same_text(STRING, jf_string(empty)))) return line;
    if ((line = same_text(STRING, jf_string(large)))) return line;
    if ((line = same_text(STRING, jf_string(nul)))) return line;
    if ((line = same_text(CSTRING, jf_string(JF_TEXT("plain"))))) return line;
    if ((line = same_text(BYTES, jf_octets(octets)))) return line;
    if ((line = same_text(BYTES, jf_octets(nothing)))) return line;
    if ((line = same_text(JSON, jf_json_text(JF_TEXT("{\"a\":[1,null]}"))))) return line;
    value = jf_string(nul);
    EXPECT(call(CSTRING, &value, 1, &r) == JF_E_INVALID &&
           says(&r, "argument 1 'v': a cstring may not hold a zero byte"));
    value = jf_string(broken);
    EXPECT(call(STRING, &value, 1, &r) == JF_E_INVALID && says(&r, "no UTF-8"));
    value = jf_json_text(JF_TEXT("{"));
    EXPECT(call(JSON, &value, 1, &r) == JF_E_INVALID && says(&r, "no JSON"));
    /* Through libffi: pointer and length, NULL for an absent text, an address also for an empty one. */
    value = jf_string(large);
    EXPECT(call(LENGTH, &value, 1, &r) == JF_OK && r.value.val.i64 == MEGABYTE);
    services.release(host, &r);
    value = jf_string(empty);
    EXPECT(call(LENGTH, &value, 1, &r) == JF_OK && r.value.val.i64 == 0);
    services.release(host, &r);
    value = jf_none();
    EXPECT(call(LENGTH, &value, 1, &r) == JF_OK && r.value.val.i64 == -1);
    services.release(host, &r);
    free(big);
    return 0;
}

static int check_nested(void) {
    jf_result r;
    jf_value numbers[3] = { jf_i64(1), jf_none(), jf_i64(INT64_MIN) }, list = jf_array(numbers, 3), none = jf_none();
    jf_value tags[2] = { jf_string(JF_TEXT("a")), jf_string(JF_TEXT("")) }, ratio[1] = { jf_f64(-0.0) };
    jf_value fields[4] = { jf_i64(7), jf_array(tags, 2), jf_none(), jf_record(ratio, 1) },
             record = jf_record(fields, 4);
    jf_value halves[2] = { jf_f64(0.5), jf_f64(0.25) }, array = jf_array(halves, 2);
    uint32_t method;
    EXPECT(same(LIST, list, &r) && r.value.count == 3 && r.value.val.items[1].kind == JF_VALUE_NONE);
    EXPECT(r.value.val.items[2].val.i64 == INT64_MIN && r.value.val.items != numbers);
    services.release(host, &r);
    EXPECT(same(LIST, none, &r));
    services.release(host, &r);
    EXPECT(same(LIST, jf_array(NULL, 0), &r) && r.value.count == 0);
    services.release(host, &r);
    for (method = RECORDS; method <= RECORDS_ON_STRAND; method++) {
        EXPECT(same(method, record, &r) && r.value.count == 4);
        EXPECT(r.value.val.items[1].val.items[0].val.text.len == 1 && r.value.val.items[2].kind == JF_VALUE_NONE);
        EXPECT(signbit(r.value.val.items[3].val.items[0].val.f64));
        services.release(host, &r);
    }
    fields[1] = jf_array(numbers, 1);
    EXPECT(call(RECORDS, &record, 1, &r) == JF_E_INVALID);
    EXPECT(says(&r, "argument 1 'v', field 'tags', element 1: expected string, got i64"));
    EXPECT(call(SUM, &array, 1, &r) == JF_OK && r.value.val.f64 == 0.75);
    services.release(host, &r);
    return 0;
}

static int check_wrong_calls(void) {
    jf_result r = { 0 };
    jf_value two[2] = { jf_f64(1), jf_i64(2) }, ms = jf_u32(100);
    double d = 0;
    r.struct_size = 8;
    EXPECT(services.call(host, calc, ADD, two, 2, 100, &r) == JF_E_INVALID);
    EXPECT(services.call(host, calc, ADD, two, 2, 100, NULL) == JF_E_INVALID);
    EXPECT(call(ADD, two, 2, &r) == JF_E_INVALID && says(&r, "method 'add': argument 2 'b': expected f64, got i64"));
    EXPECT(call(ADD, two, 1, &r) == JF_E_INVALID && says(&r, "expected 2 arguments, got 1"));
    EXPECT(call(ADD, NULL, 2, &r) == JF_E_INVALID && says(&r, "args is NULL"));
    EXPECT(call(99, two, 2, &r) == JF_E_INVALID && says(&r, "no method 99"));
    EXPECT(services.call(host, 0, ADD, two, 2, 100, &r) == JF_E_GONE);
    EXPECT(services.call(host, calc + (1 << 16), ADD, two, 2, 100, &r) == JF_E_GONE);
    EXPECT(services.call(host, UINT64_MAX, ADD, two, 2, 100, &r) == JF_E_GONE);
    EXPECT(call(LIE, NULL, 0, &r) == JF_E_MISMATCH && says(&r, "the result: expected i64, got string"));
    EXPECT(services.call(host, calc, SLEEP, &ms, 1, 0, &r) == JF_E_INVALID && says(&r, "timeout is 0"));
    EXPECT(services.call(host, calc, SLEEP, &ms, 1, 10, &r) == JF_E_TIMEOUT && says(&r, "within 10 ms"));
    EXPECT(call(KEEP, NULL, 0, &r) == JF_E_TIMEOUT && says(&r, "no result"));
    EXPECT(call(CALLER, NULL, 0, &r) == JF_OK && jf_text_equal(r.value.val.text, JF_TEXT("consumer")));
    services.release(host, &r);
    EXPECT(call(LATER, NULL, 0, &r) == JF_OK && jf_text_equal(r.value.val.text, JF_TEXT("later")));
    services.release(host, &r);
    EXPECT(services.complete(host, 12345, JF_OK, NULL, JF_TEXT("")) == JF_E_GONE);
    EXPECT(services.set_result(host, NULL, &two[0]) == JF_E_INVALID);
    EXPECT(services.status(host, calc, NULL) == JF_E_INVALID);
    (void)d;
    return 0;
}

/* Codes that methods return, and results that need no memory. */
static int check_codes(void) {
    jf_result r;
    jf_value value = jf_i64(INT64_MIN);
    EXPECT(call(POSITIVE, NULL, 0, &r) == JF_E_FAILED && says(&r, "returned JF_PENDING"));
    EXPECT(call(MAYBE, &value, 1, &r) == JF_OK && r.value.val.i64 == INT64_MIN && r.storage == NULL);
    value = jf_none();
    EXPECT(call(MAYBE, &value, 1, &r) == JF_OK && r.value.kind == JF_VALUE_NONE && r.storage == NULL);
    EXPECT(call(ACK, NULL, 0, &r) == JF_OK && r.value.val.i32 == JF_E_INVALID);
    services.release(host, &r);
    EXPECT(services.complete(host, 12345, 1, NULL, JF_TEXT("")) == JF_E_INVALID);
    return 0;
}

/* What a function refuses does not reach the memory of its caller. */
static int check_refused_pointer(void) {
    jf_code (*join)(const double *, uint64_t, char *, uint64_t, uint64_t *);
    char text[16] = "untouched";
    uint64_t length = 7;
    EXPECT(services.c_function(host, calc, JOIN, (jf_fn *)&join, NULL) == JF_OK);
    EXPECT(join((double[]){ 1, 2 }, 2, text, sizeof text, &length) == JF_OK && length == 9);
    memcpy(text, "untouched", 10);
    EXPECT(join(NULL, 3, text, sizeof text, &length) == JF_E_INVALID && length == 0 && strcmp(text, "untouched") == 0);
    return 0;
}

static int answers;

static void count_answer(void *instance, void *context, const jf_result *result) {
    (void)instance;
    (void)context;
    if (result->code == JF_OK) answers++;
}

/* The strand is busy here, so no answer is delivered: there is a limit of what waits. */
static int check_flood(void) {
    jf_value two[2] = { jf_f64(1), jf_f64(2) };
    int i = 0;
    while (services.call_async(host, calc, ADD, two, 2, 1000, count_answer, NULL) == JF_OK) { EXPECT(++i <= 65536); }
    EXPECT(services.call_async(host, calc, ADD, two, 2, 1000, count_answer, NULL) == JF_E_LIMIT && i > 60000);
    return 0;
}

static int check_flood_is_over(void) {
    EXPECT(answers > 60000);
    return 0;
}

static void ignore_change(void *instance, void *context, jf_binding binding, jf_code status, jf_text message) {
    (void)instance, (void)context, (void)binding, (void)status, (void)message;
}

static int check_changes(void) {
    jf_need need = { sizeof need, 1, JF_TEXT("calc"), 1, 0, needed, ignore_change, NULL };
    jf_binding one;
    int i = 0;
    while (services.bind(host, &need, &one, NULL) == JF_OK) {
        EXPECT(services.unbind(host, one) == JF_OK);
        EXPECT(++i < 10000);
    }
    EXPECT(services.bind(host, &need, &one, NULL) == JF_E_LIMIT);
    return 0;
}

/* A thread is inside an inline method when its binding is ended. */
static jf_binding second;

static void *call_slowly(void *unused) {
    jf_value ms = jf_u32(400);
    jf_result r = { .struct_size = sizeof r };
    (void)unused;
    services.call(host, second, 0, &ms, 1, 1000, &r);
    return NULL;
}

static int check_unbind_in_call(void) {
    static const jf_text slow[] = { JF_LIT("slow(ms: u32)") };
    jf_need need = { sizeof need, 1, JF_TEXT("calc"), 1, 0, slow, NULL, NULL };
    pthread_t thread;
    EXPECT(services.bind(host, &need, &second, NULL) == JF_OK);
    EXPECT(pthread_create(&thread, NULL, call_slowly, NULL) == 0);
    pthread_detach(thread);
    usleep(100000);
    EXPECT(services.unbind(host, second) == JF_OK);
    return 0;
}

static double (*add)(double, double);
static double (*add_on_strand)(double, double);
static jf_code (*divide)(int64_t, int64_t, int64_t *);
static jf_code (*same_string)(const char *, uint64_t, char *, uint64_t, uint64_t *);
static int64_t (*length)(const char *, uint64_t);
static double (*sum)(const double *, uint64_t);
static uint32_t (*same_u32)(uint32_t);
static int32_t (*same_i32)(int32_t);
static float (*same_f32)(float);

static int check_pointers(void) {
    jf_error error = { sizeof error, 0, { 0 } };
    jf_fn again, none;
    int64_t quotient = 9;
    char text[8];
    uint64_t needed_length = 0;
    double values[3] = { 1, 2, 4 };
    EXPECT(services.c_function(host, calc, ADD, (jf_fn *)&add, &error) == JF_OK);
    EXPECT(services.c_function(host, calc, ADD, &again, &error) == JF_OK && again == (jf_fn)add);
    EXPECT(services.c_function(host, calc, ADD_ON_STRAND, (jf_fn *)&add_on_strand, &error) == JF_OK);
    EXPECT(services.c_function(host, calc, DIVIDE, (jf_fn *)&divide, NULL) == JF_OK);
    EXPECT(services.c_function(host, calc, STRING, (jf_fn *)&same_string, NULL) == JF_OK);
    EXPECT(services.c_function(host, calc, LENGTH, (jf_fn *)&length, NULL) == JF_OK);
    EXPECT(services.c_function(host, calc, SUM, (jf_fn *)&sum, NULL) == JF_OK);
    EXPECT(services.c_function(host, calc, U32, (jf_fn *)&same_u32, NULL) == JF_OK);
    EXPECT(services.c_function(host, calc, I32, (jf_fn *)&same_i32, NULL) == JF_OK);
    EXPECT(services.c_function(host, calc, F32, (jf_fn *)&same_f32, NULL) == JF_OK);
    EXPECT(services.c_function(host, calc, RECORDS, &none, &error) == JF_E_UNSUPPORTED && none == NULL);
    EXPECT(strstr(error.message, "cannot return") != NULL);
    EXPECT(services.c_function(host, calc, 99, &none, NULL) == JF_E_INVALID);
    EXPECT(services.c_function(host, 0, ADD, &none, NULL) == JF_E_GONE);
    EXPECT(add(1, 2) == 3 && signbit(add(-0.0, -0.0)) && isnan(add(NAN, 1)));
    EXPECT(add_on_strand(1, 2) == 3);
    EXPECT(divide(7, 2, &quotient) == JF_OK && quotient == 3);
    EXPECT(divide(INT64_MIN, 1, &quotient) == JF_OK && quotient == INT64_MIN);
    EXPECT(divide(7, 0, &quotient) == JF_E_DENIED && quotient == 0);
    EXPECT(same_string("hello", 5, text, sizeof text, &needed_length) == JF_OK && memcmp(text, "hello", 5) == 0);
    EXPECT(same_string("too long for it", 15, text, sizeof text, &needed_length) == JF_E_SPACE && needed_length == 15);
    EXPECT(length("abc", 3) == 3 && length("", 0) == 0 && length(NULL, 0) == -1);
    EXPECT(sum(values, 3) == 7 && sum(values, 0) == 0);
    EXPECT(same_u32(UINT32_MAX) == UINT32_MAX && same_i32(INT32_MIN) == INT32_MIN && same_f32(FLT_MIN) == FLT_MIN);
    return 0;
}

/* Pointers and the handle while no plugin provides the service. */
static int check_unavailable(void) {
    jf_result r;
    jf_value two[2] = { jf_f64(1), jf_f64(2) };
    int64_t quotient = 9;
    jf_code status = JF_OK;
    EXPECT(call(ADD, two, 2, &r) == JF_E_UNAVAILABLE && r.code == JF_E_UNAVAILABLE);
    EXPECT(call(ADD_ON_STRAND, two, 2, &r) == JF_E_UNAVAILABLE);
    EXPECT(services.call_async(host, calc, ADD, two, 2, 100, NULL, NULL) == JF_E_INVALID);
    EXPECT(services.status(host, calc, &status) == JF_OK && status == JF_E_UNAVAILABLE);
    if (add) EXPECT(add(1, 2) == 0 && divide(1, 1, &quotient) == JF_E_UNAVAILABLE && quotient == 0);
    return 0;
}

static int check_available(void) {
    jf_code status = JF_E_FAILED;
    jf_result r;
    jf_value two[2] = { jf_f64(1), jf_f64(2) };
    EXPECT(services.status(host, calc, &status) == JF_OK && status == JF_OK);
    EXPECT(call(ADD, two, 2, &r) == JF_OK && r.value.val.f64 == 3);
    if (add) EXPECT(add(1, 2) == 3);
    return 0;
}

static int check_bindings(void) {
    jf_binding many[1024], more = 1;
    jf_error error = { sizeof error, 0, { 0 } };
    jf_value two[2] = { jf_f64(1), jf_f64(2) };
    jf_result r = { .struct_size = sizeof r };
    jf_need need = { sizeof need, 1, JF_TEXT("calc"), 1, 0, needed, NULL, NULL };
    jf_text wrong[1] = { JF_LIT("add(a: f64, b: i64) -> f64") }, bad[1] = { JF_LIT("add(a: f6)") };
    jf_text unknown[1] = { JF_LIT("nothing()") };
    int i, cycle;
    for (cycle = 0; cycle < 1000; cycle++) {
        jf_binding one, old;
        EXPECT(services.bind(host, &need, &one, NULL) == JF_OK);
        EXPECT(services.call(host, one, 0, two, 2, 100, &r) == JF_OK && r.value.val.f64 == 3);
        EXPECT(services.unbind(host, one) == JF_OK && services.unbind(host, one) == JF_E_GONE);
        EXPECT(services.call(host, one, 0, two, 2, 100, &r) == JF_E_GONE);
        old = one;
        EXPECT(services.bind(host, &need, &one, NULL) == JF_OK && one != old);
        EXPECT(services.unbind(host, one) == JF_OK);
    }
    for (i = 0; i < 1023; i++) EXPECT(services.bind(host, &need, &many[i], NULL) == JF_OK);
    EXPECT(services.bind(host, &need, &more, &error) == JF_E_LIMIT && more == 0);
    EXPECT(strstr(error.message, "1024 bindings") != NULL);
    for (i = 0; i < 1023; i++) EXPECT(services.unbind(host, many[i]) == JF_OK);
    need.methods = wrong;
    EXPECT(services.bind(host, &need, &more, &error) == JF_E_MISMATCH && more == 0);
    EXPECT(strstr(error.message, "plugin 'consumer' expects 'add(a: f64, b: i64) -> f64'") != NULL);
    EXPECT(strstr(error.message, "plugin 'calc' provides 'add(a: f64, b: f64) -> f64'") != NULL);
    EXPECT(strstr(error.message, "parameter 2") != NULL);
    need.methods = unknown;
    EXPECT(services.bind(host, &need, &more, &error) == JF_E_MISMATCH && strstr(error.message, "does not provide"));
    need.methods = bad;
    EXPECT(services.bind(host, &need, &more, &error) == JF_E_INVALID && strstr(error.message, "did you mean 'f64'"));
    need.methods = needed;
    need.minor = 1;
    EXPECT(services.bind(host, &need, &more, &error) == JF_E_MISMATCH &&
           strstr(error.message, "version 1.1 or higher"));
    need.minor = 0;
    need.major = 0;
    EXPECT(services.bind(host, &need, &more, &error) == JF_E_INVALID);
    need.major = 2;
    EXPECT(services.bind(host, &need, &more, &error) == JF_OK);
    EXPECT(services.call(host, more, 0, two, 2, 100, &r) == JF_E_UNAVAILABLE && services.unbind(host, more) == JF_OK);
    EXPECT(services.bind(host, NULL, &more, &error) == JF_E_INVALID &&
           services.bind(host, &need, NULL, NULL) == JF_E_INVALID);
    return 0;
}

static void answered(void *instance, void *context, const jf_result *result) {
    char line[256];
    if (instance != &life) abort();
    snprintf(line, sizeof line, "answered %s %d %.0f %.*s", (const char *)context, result->code, result->value.val.f64,
             (int)result->message.len, result->message.ptr);
    say(line);
}

static int check_async(void) {
    jf_value two[2] = { jf_f64(1), jf_f64(2) }, ms = jf_u32(200);
    EXPECT(services.call_async(host, calc, ADD, two, 2, 1000, answered, "inline") == JF_OK);
    EXPECT(services.call_async(host, calc, ADD_ON_STRAND, two, 2, 1000, answered, "strand") == JF_OK);
    EXPECT(services.call_async(host, calc, ADD_IN_PARALLEL, two, 2, 1000, answered, "parallel") == JF_OK);
    EXPECT(services.call_async(host, calc, SLEEP, &ms, 1, 10, answered, "sleep") == JF_OK);
    EXPECT(services.call_async(host, calc, ADD, two, 1, 1000, answered, "wrong") == JF_E_INVALID);
    EXPECT(services.call_async(host, calc, ADD, two, 2, 0, answered, "wrong") == JF_E_INVALID);
    EXPECT(services.call_async(host, 0, ADD, two, 2, 1000, answered, "wrong") == JF_E_GONE);
    return 0;
}

static int check_keep_async(void) {
    EXPECT(services.call_async(host, calc, KEEP, NULL, 0, 600000, answered, "kept") == JF_OK);
    return 0;
}

/* Eight threads call in all forms until they are told to end; each counts what is neither a result nor unavailable. */
static atomic_int ending, wrong, right;
static pthread_t callers[8];

static void *call_all_the_time(void *unused) {
    jf_value two[2] = { jf_f64(1), jf_f64(2) };
    (void)unused;
    while (!ending) {
        jf_result r = { .struct_size = sizeof r };
        uint32_t method;
        double d;
        for (method = ADD; method <= ADD_IN_PARALLEL; method++) {
            jf_code code = services.call(host, calc, method, two, 2, 10000, &r);
            if (code == JF_OK ? r.value.val.f64 != 3 : code != JF_E_UNAVAILABLE) wrong++;
            if (code == JF_OK) right++;
            services.release(host, &r);
        }
        d = add(1, 2);
        if (d != 3 && d != 0) wrong++;
    }
    return NULL;
}

static int check_start_threads(void) {
    int i;
    for (i = 0; i < 8; i++) EXPECT(pthread_create(&callers[i], NULL, call_all_the_time, NULL) == 0);
    return 0;
}

static int check_end_threads(void) {
    int i;
    ending = 1;
    for (i = 0; i < 8; i++) pthread_join(callers[i], NULL);
    EXPECT(wrong == 0);
    EXPECT(right > 0);
    return 0;
}

static const struct {
    const char *name;
    int (*run)(void);
} checks[] = {
    { "[\"numbers\"]", check_numbers },
    { "[\"texts\"]", check_texts },
    { "[\"nested\"]", check_nested },
    { "[\"wrong calls\"]", check_wrong_calls },
    { "[\"pointers\"]", check_pointers },
    { "[\"unavailable\"]", check_unavailable },
    { "[\"available\"]", check_available },
    { "[\"bindings\"]", check_bindings },
    { "[\"async\"]", check_async },
    { "[\"keep async\"]", check_keep_async },
    { "[\"codes\"]", check_codes },
    { "[\"refused pointer\"]", check_refused_pointer },
    { "[\"flood\"]", check_flood },
    { "[\"flood is over\"]", check_flood_is_over },
    { "[\"changes\"]", check_changes },
    { "[\"unbind in call\"]", check_unbind_in_call },
    { "[\"start threads\"]", check_start_threads },
    { "[\"end threads\"]", check_end_threads },
};

static void on_check(void *instance, const jf_event *event) {
    char answer[64] = "[\"no such check\"]";
    size_t i;
    (void)instance;
    for (i = 0; i < sizeof checks / sizeof *checks; i++) {
        if (!jf_text_equal(event->args, jf_text_of(checks[i].name))) continue;
        int line = checks[i].run();
        if (line) snprintf(answer, sizeof answer, "[\"services.c:%d\"]", line);
        else snprintf(answer, sizeof answer, "[\"ok\"]");
    }
    io.ack(host, event->ack, jf_text_of(answer), NULL, 0);
}

static void on_edges(void *instance, const jf_event *event) {
    char answer[64];
    (void)instance;
    snprintf(answer, sizeof answer, "[%d,%d]", ups, downs);
    io.ack(host, event->ack, jf_text_of(answer), NULL, 0);
}

/* On an event loop a call may not wait. */
static void on_loop(void *instance, const jf_event *event) {
    jf_value two[2] = { jf_f64(1), jf_f64(2) };
    jf_result r = { .struct_size = sizeof r };
    jf_code waits = services.call(host, calc, ADD_ON_STRAND, two, 2, 100, &r);
    int words = says(&r, "use call_async");
    jf_code direct = services.call(host, calc, ADD, two, 2, 100, &r);
    int good = waits == JF_E_STATE && words && direct == JF_OK && r.value.val.f64 == 3;
    (void)instance;
    io.ack(host, event->ack, good ? JF_TEXT("[\"ok\"]") : JF_TEXT("[\"wrong\"]"), NULL, 0);
}

static const jf_event_decl events[] = {
    JF_EVENT("check", on_check),
    JF_EVENT("edges", on_edges),
    { JF_EMPTY, JF_LIT("on loop"), on_loop, JF_RUN_INLINE, 0, JF_EMPTY, NULL, NULL, 0, 0, JF_EMPTY },
};

static jf_code create(const jf_host *unused, void **instance, jf_error *error) {
    (void)unused;
    *instance = &life;
    return bind_calc(0, &calc, error);
}

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    fetch_tables(boot);
    jf_describe(plugin, "consumer", "1.0.0");
    plugin->create = create;
    JF_SET_LIST(plugin->events, events);
    return JF_OK;
}

#endif
