/* Walks and writes JSON. Each function returns the line of the first check that contradicts the header, or 0. */
#include <jackfield/jackfield.h>

#include <stdio.h>
#include <stdlib.h>

static const jf_host *host;
static jf_core_api core;
static jf_events_api io;
static jf_json_api json;

#define CHECK(condition)                   \
    do {                                   \
        if (!(condition)) return __LINE__; \
    } while (0)
#define IS(text, literal) jf_text_equal((text), JF_TEXT(literal))

static int check_array(void) {
    jf_json_cursor cursor = { 0 };
    jf_json value = { 0 };
    jf_text name = JF_EMPTY;
    CHECK(json.open(host, JF_TEXT(" [ 1 , \"a,]\" ,[2,[3]],{\"b\":4} , null,true , -2.5e3]"), &cursor) == JF_OK);
    CHECK(json.next(host, &cursor, &name, &value) == JF_OK && value.kind == JF_JSON_NUMBER && value.integer == 1 &&
          name.len == 0);
    CHECK(json.next(host, &cursor, NULL, &value) == JF_OK && value.kind == JF_JSON_STRING && IS(value.raw, "\"a,]\""));
    CHECK(json.next(host, &cursor, NULL, &value) == JF_OK && value.kind == JF_JSON_ARRAY && value.count == 2 &&
          IS(value.raw, "[2,[3]]"));
    CHECK(json.next(host, &cursor, NULL, &value) == JF_OK && value.kind == JF_JSON_OBJECT && value.count == 1);
    CHECK(json.next(host, &cursor, NULL, &value) == JF_OK && value.kind == JF_JSON_NULL);
    CHECK(json.next(host, &cursor, NULL, &value) == JF_OK && value.kind == JF_JSON_TRUE);
    CHECK(json.next(host, &cursor, NULL, &value) == JF_OK && value.number == -2500.0 && value.is_integer == 1);
    CHECK(json.next(host, &cursor, NULL, &value) == JF_E_NOT_FOUND && value.kind == 0 && value.raw.ptr == NULL);
    CHECK(json.next(host, &cursor, NULL, &value) == JF_E_NOT_FOUND);
    CHECK(json.open(host, JF_TEXT("[]"), &cursor) == JF_OK && json.next(host, &cursor, NULL, &value) == JF_E_NOT_FOUND);
    return 0;
}

static int check_object(void) {
    jf_json_cursor cursor = { 0 };
    jf_json value = { 0 };
    jf_text name = JF_EMPTY;
    char buffer[16];
    uint64_t length;
    CHECK(json.open(host, JF_TEXT("{\"a\":1, \"\\u00fc\\\"\" : {\"x\":[]},\"a\":3}"), &cursor) == JF_OK);
    CHECK(json.next(host, &cursor, &name, &value) == JF_OK && IS(name, "\"a\"") && value.integer == 1);
    CHECK(json.next(host, &cursor, &name, &value) == JF_OK && value.kind == JF_JSON_OBJECT);
    CHECK(json.text(host, name, buffer, sizeof buffer, &length) == JF_OK && length == 3 &&
          memcmp(buffer, "\xc3\xbc\"", 3) == 0);
    CHECK(json.next(host, &cursor, &name, &value) == JF_OK && IS(name, "\"a\"") && value.integer == 3);
    CHECK(json.next(host, &cursor, &name, &value) == JF_E_NOT_FOUND && name.len == 0);
    CHECK(json.open(host, JF_TEXT(" { } "), &cursor) == JF_OK &&
          json.next(host, &cursor, &name, &value) == JF_E_NOT_FOUND);
    return 0;
}

static int check_malformed(void) {
    static const char *const bad[] = { "[1 2]",    "[,1]",  "[1,]",       "[1",         "[1,2", "{\"a\" 1}",
                                       "{\"a\":}", "{a:1}", "{\"a\":1,}", "[\"\xff\"]", "[01]", "[" };
    jf_json_cursor cursor = { 0 };
    jf_json value = { 0 };
    size_t i;
    CHECK(json.open(host, JF_TEXT("1"), &cursor) == JF_E_INVALID);
    CHECK(json.open(host, JF_TEXT(""), &cursor) == JF_E_INVALID);
    CHECK(json.next(host, &cursor, NULL, &value) == JF_E_INVALID);
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        jf_code code;
        CHECK(json.open(host, jf_text_of(bad[i]), &cursor) == JF_OK);
        do code = json.next(host, &cursor, NULL, &value);
        while (code == JF_OK);
        if (code != JF_E_INVALID) return (int)(1000 + i);
        CHECK(json.next(host, &cursor, NULL, &value) == JF_E_INVALID);
    }
    return 0;
}

static int check_writer(void) {
    jf_json_writer writer = { 0 };
    jf_text document = JF_EMPTY;
    char buffer[256];
    CHECK(json.begin(host, &writer, buffer, sizeof buffer) == JF_OK);
    CHECK(json.begin_container(host, &writer, JF_JSON_OBJECT) == JF_OK);
    CHECK(json.add_name(host, &writer, JF_TEXT("a\"")) == JF_OK && json.add_integer(host, &writer, INT64_MIN) == JF_OK);
    CHECK(json.add_name(host, &writer, JF_TEXT("b")) == JF_OK &&
          json.begin_container(host, &writer, JF_JSON_ARRAY) == JF_OK);
    CHECK(json.add_number(host, &writer, 0.5) == JF_OK && json.add_number(host, &writer, 3.0) == JF_OK &&
          json.add_number(host, &writer, 1e300) == JF_OK);
    CHECK(json.add_bool(host, &writer, 1) == JF_OK && json.add_bool(host, &writer, 0) == JF_OK &&
          json.add_null(host, &writer) == JF_OK);
    CHECK(json.begin_container(host, &writer, JF_JSON_OBJECT) == JF_OK && json.close_container(host, &writer) == JF_OK);
    CHECK(json.begin_container(host, &writer, JF_JSON_ARRAY) == JF_OK && json.close_container(host, &writer) == JF_OK);
    CHECK(json.close_container(host, &writer) == JF_OK);
    CHECK(json.add_name(host, &writer, JF_TEXT("c")) == JF_OK &&
          json.add_text(host, &writer, JF_TEXT("\n\xc3\xbc")) == JF_OK);
    CHECK(json.add_name(host, &writer, JF_TEXT("d")) == JF_OK &&
          json.add_json(host, &writer, JF_TEXT("[1, 2]")) == JF_OK);
    CHECK(json.close_container(host, &writer) == JF_OK);
    CHECK(json.done(host, &writer, &document) == JF_OK);
    CHECK(IS(document, "{\"a\\\"\":-9223372036854775808,\"b\":[0.5,3,1e+300,true,false,null,{},[]],\"c\":"
                       "\"\\n\xc3\xbc\",\"d\":[1, 2]}"));
    CHECK(json.begin(host, &writer, buffer, sizeof buffer) == JF_OK &&
          json.add_text(host, &writer, JF_TEXT("alone")) == JF_OK);
    CHECK(json.done(host, &writer, &document) == JF_OK && IS(document, "\"alone\""));
    return 0;
}

/** The first error is kept, whatever is called afterwards. */
static int check_failures(void) {
    jf_json_writer writer = { 0 };
    jf_text document = JF_EMPTY;
    char buffer[64];
    int i;
#define BEGIN(kind)                                                   \
    CHECK(json.begin(host, &writer, buffer, sizeof buffer) == JF_OK); \
    if (kind) CHECK(json.begin_container(host, &writer, (kind)) == JF_OK)
#define FAILS(call, code)                                               \
    CHECK((call) == (code) && json.add_null(host, &writer) == (code) && \
          json.done(host, &writer, &document) == (code) && document.len == 0)
    BEGIN(JF_JSON_OBJECT);
    FAILS(json.add_integer(host, &writer, 1), JF_E_INVALID);
    BEGIN(JF_JSON_ARRAY);
    FAILS(json.add_name(host, &writer, JF_TEXT("a")), JF_E_INVALID);
    BEGIN(0u);
    FAILS(json.add_text(host, &writer, JF_TEXT("\xff")), JF_E_INVALID);
    BEGIN(0u);
    FAILS(json.add_json(host, &writer, JF_TEXT("[1")), JF_E_INVALID);
    BEGIN(0u);
    FAILS(json.add_number(host, &writer, 1e308 * 10), JF_E_INVALID);
    BEGIN(0u);
    FAILS(json.begin_container(host, &writer, JF_JSON_STRING), JF_E_INVALID);
    BEGIN(0u);
    FAILS(json.close_container(host, &writer), JF_E_INVALID);
    BEGIN(JF_JSON_OBJECT);
    CHECK(json.add_name(host, &writer, JF_TEXT("a")) == JF_OK);
    FAILS(json.close_container(host, &writer), JF_E_INVALID);
    BEGIN(JF_JSON_OBJECT);
    CHECK(json.done(host, &writer, &document) == JF_E_INVALID);
    BEGIN(0u);
    CHECK(json.done(host, &writer, &document) == JF_E_INVALID);
    BEGIN(0u);
    CHECK(json.add_null(host, &writer) == JF_OK);
    FAILS(json.add_null(host, &writer), JF_E_INVALID);
    CHECK(json.begin(host, &writer, NULL, 0) == JF_OK);
    for (i = 0; i < 64; i++) json.begin_container(host, &writer, JF_JSON_ARRAY);
    FAILS(json.begin_container(host, &writer, JF_JSON_ARRAY), JF_E_LIMIT);
    return 0;
}

/** Bytes that do not fit are counted and not written; the second attempt has a buffer of the needed length. */
static int check_space(void) {
    jf_json_writer writer = { 0 };
    jf_text document = JF_EMPTY;
    char buffer[16];
    uint64_t capacity, needed = 0;
    for (capacity = 0; capacity <= 13; capacity++) {
        jf_code code;
        memset(buffer, '#', sizeof buffer);
        CHECK(json.begin(host, &writer, capacity ? buffer : NULL, capacity) == JF_OK);
        json.begin_container(host, &writer, JF_JSON_ARRAY);
        json.add_text(host, &writer, JF_TEXT("abcdef"));
        json.add_integer(host, &writer, 12);
        json.close_container(host, &writer);
        code = json.done(host, &writer, &document);
        needed = writer.length;
        CHECK(needed == 13);
        CHECK(code == (capacity < 13 ? JF_E_SPACE : JF_OK));
        CHECK(buffer[capacity] == '#');
    }
    CHECK(IS(document, "[\"abcdef\",12]"));
    return 0;
}

/** Walks 8,000 objects: the time is linear, so it takes milliseconds. Returns 0, or the line of a failed check. */
static int check_time(void) {
    enum { COUNT = 8000 };
    static char buffer[COUNT * 64];
    jf_json_writer writer = { 0 };
    jf_json_cursor cursor = { 0 };
    jf_json value = { 0 };
    jf_text document = JF_EMPTY;
    int64_t begin = 0, end = 0;
    int i, found = 0;
    CHECK(core.mono_ns(host, &begin) == JF_OK);
    json.begin(host, &writer, buffer, sizeof buffer);
    json.begin_container(host, &writer, JF_JSON_ARRAY);
    for (i = 0; i < COUNT; i++) {
        json.begin_container(host, &writer, JF_JSON_OBJECT);
        json.add_name(host, &writer, JF_TEXT("id"));
        json.add_text(host, &writer, JF_TEXT("AAAAAAAAAAAAAAAAAAAA"));
        json.add_name(host, &writer, JF_TEXT("number"));
        json.add_integer(host, &writer, i);
        json.close_container(host, &writer);
    }
    json.close_container(host, &writer);
    CHECK(json.done(host, &writer, &document) == JF_OK);
    CHECK(json.open(host, document, &cursor) == JF_OK);
    while (json.next(host, &cursor, NULL, &value) == JF_OK) {
        jf_json member = { 0 };
        if (json.read(host, value.raw, JF_TEXT("/number"), &member) == JF_OK && member.integer == found) found++;
    }
    CHECK(core.mono_ns(host, &end) == JF_OK);
    CHECK(found == COUNT);
    /* By index it took 1.7 s; with a cursor it takes about 10 ms, more in a debug build. */
    CHECK(end - begin < 1000000000);
    return 0;
}

static void on_check(void *instance, const jf_event *event) {
    char buffer[128];
    (void)instance;
    snprintf(buffer, sizeof buffer, "[%d,%d,%d,%d,%d,%d,%d]", check_array(), check_object(), check_malformed(),
             check_writer(), check_failures(), check_space(), check_time());
    io.ack(host, event->ack, jf_text_of(buffer), NULL, 0);
}

static const jf_event_decl events[] = { JF_EVENT("check", on_check) };

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    host = boot->host;
    jf_describe(plugin, "json", "1.0.0");
    JF_SET_LIST(plugin->events, events);
    if (boot->query(host, JF_CORE, &core, sizeof core) || boot->query(host, JF_EVENTS, &io, sizeof io) ||
        boot->query(host, JF_JSON, &json, sizeof json))
        return JF_E_FAILED;
    /* The JSON functions work in any state. */
    return check_array() || check_writer() ? JF_E_FAILED : JF_OK;
}
