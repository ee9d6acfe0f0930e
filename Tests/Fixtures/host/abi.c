/*
 * Checks older and newer headers than the host's, for every structure in both directions. Each function returns the
 * line of the first check that contradicts section 1 of the header, or 0.
 */
#include <jackfield/jackfield.h>

#include <stdio.h>
#include <stdlib.h>

static const jf_host *host;
static jf_core_api core;
static jf_events_api io;
static jf_sockets_api sockets;
static jf_rooms_api rooms;
static jf_http_api http;
static jf_json_api json;
static jf_presence_api presence;
static jf_services_api services;

/** The value of `extra` in the declarations of this newer header: 0 unless the test sets it. */
#ifndef EXTRA
#define EXTRA 0
#endif

#define CHECK(condition)                   \
    do {                                   \
        if (!(condition)) return __LINE__; \
    } while (0)

/** A structure of a newer header: the one that the host knows, and another field after it. */
#define NEWER(type)     \
    struct {            \
        type known;     \
        uint64_t extra; \
    }

/**
 * Calls with a structure of each size that a plugin may have been built with; `good` is the expected code of a call
 * with valid values.
 */
#define CHECK_SIZES(type, value, first, good, call)   \
    do {                                              \
        NEWER(type) newer;                            \
        type *passed = &newer.known;                  \
        memset(&newer, 0, sizeof newer);              \
        newer.known = (value);                        \
        CHECK(sizeof(type) >= (first));               \
        passed->struct_size = 0;                      \
        CHECK((call) == (good));                      \
        passed->struct_size = (first);                \
        CHECK((call) == (good));                      \
        passed->struct_size = (first) - 1;            \
        CHECK((call) == JF_E_INVALID);                \
        passed->struct_size = 1;                      \
        CHECK((call) == JF_E_INVALID);                \
        passed->struct_size = (uint32_t)sizeof newer; \
        CHECK((call) == (good));                      \
        newer.extra = 1;                              \
        CHECK((call) == JF_E_UNSUPPORTED);            \
        passed->struct_size = (uint32_t)sizeof(type); \
        CHECK((call) == (good));                      \
        passed->struct_size = 0xFFFFFFFF;             \
        CHECK((call) == JF_E_INVALID);                \
    } while (0)

/** Checks structures that the plugin passes. */
static int check_passed(jf_socket socket) {
    jf_message message;
    jf_target selection;
    jf_response response;
    jf_stream_callbacks watch;
    jf_admission admission;
    jf_stream stream;
    jf_message quiet;
    jf_need need;
    jf_binding binding;
    memset(&quiet, 0, sizeof quiet);
    quiet.name = JF_TEXT("quiet");

    memset(&message, 0, sizeof message);
    message.name = JF_TEXT("quiet");
    CHECK_SIZES(jf_message, message, 56, JF_OK, io.emit(host, socket, passed));
    CHECK_SIZES(jf_message, message, 56, JF_E_GONE, io.emit(host, socket ^ 1, passed));

    memset(&selection, 0, sizeof selection);
    selection.nsp = JF_TEXT("/nobody");
    selection.flags = JF_TARGET_ALL;
    CHECK_SIZES(jf_target, selection, 80, JF_OK, io.broadcast(host, passed, &quiet));
    CHECK_SIZES(jf_target, selection, 80, JF_OK, rooms.join_all(host, passed, &quiet.name, 1));
    CHECK_SIZES(jf_target, selection, 80, JF_OK, rooms.leave_all(host, passed, &quiet.name, 1));
    CHECK_SIZES(jf_target, selection, 80, JF_OK, sockets.disconnect_all(host, passed, 0));

    /* Token 0 is gone, but the structure is checked before the token. */
    memset(&response, 0, sizeof response);
    response.status = 200;
    CHECK_SIZES(jf_response, response, 56, JF_E_GONE, http.respond(host, 0, passed));
    memset(&watch, 0, sizeof watch);
    CHECK_SIZES(jf_stream_callbacks, watch, 32, JF_E_GONE, http.stream(host, 0, &response, passed, &stream));
    memset(&admission, 0, sizeof admission);
    admission.user = JF_TEXT("x");
    CHECK_SIZES(jf_admission, admission, 80, JF_E_GONE, sockets.accept(host, 0, passed));

    memset(&need, 0, sizeof need);
    need.service = JF_TEXT("nobody");
    need.major = 1;
    CHECK_SIZES(jf_need, need, 56, JF_OK, services.bind(host, passed, &binding, NULL));

    /* Fields that must be zero, and unknown flags. */
    message.reserved = 1;
    CHECK(io.emit(host, socket, &message) == JF_E_INVALID);
    message.reserved = 0;
    message.flags = 4;
    CHECK(io.emit(host, socket, &message) == JF_E_INVALID);
    selection.flags = 8 | JF_TARGET_ALL;
    CHECK(io.broadcast(host, &selection, &quiet) == JF_E_INVALID);
    response.reserved = 1;
    CHECK(http.respond(host, 0, &response) == JF_E_INVALID);
    watch.reserved = 1;
    response.reserved = 0;
    CHECK(http.stream(host, 0, &response, &watch, &stream) == JF_E_INVALID);
    admission.reserved = 1;
    CHECK(sockets.accept(host, 0, &admission) == JF_E_INVALID);
    return 0;
}

/** Checks structures that the host fills in the plugin's memory. */
static int check_filled(void) {
    NEWER(jf_json) value;
    NEWER(jf_json_cursor) cursor;
    NEWER(jf_json_writer) writer;
    NEWER(jf_result) result;
    jf_text document;
    char buffer[64];
    const uint64_t canary = 0x1234567890ABCDEF;
    memset(&value, 0, sizeof value);
    memset(&cursor, 0, sizeof cursor);
    memset(&writer, 0, sizeof writer);
    value.extra = cursor.extra = writer.extra = canary;

    value.known.struct_size = (uint32_t)sizeof value;
    CHECK(json.read(host, JF_TEXT("[1]"), JF_TEXT("/0"), &value.known) == JF_OK);
    CHECK(value.known.struct_size == sizeof(jf_json) && value.known.integer == 1 && value.extra == canary);
    value.known.struct_size = 0;
    CHECK(json.read(host, JF_TEXT("[1]"), JF_TEXT("/0"), &value.known) == JF_OK && value.known.struct_size == 48);
    value.known.struct_size = 47;
    value.known.integer = 7;
    CHECK(json.read(host, JF_TEXT("[1]"), JF_TEXT("/0"), &value.known) == JF_E_INVALID && value.known.integer == 7);

    cursor.known.struct_size = (uint32_t)sizeof cursor;
    CHECK(json.open(host, JF_TEXT("[1]"), &cursor.known) == JF_OK);
    CHECK(cursor.known.struct_size == sizeof(jf_json_cursor) && cursor.extra == canary);
    value.known.struct_size = (uint32_t)sizeof value;
    CHECK(json.next(host, &cursor.known, NULL, &value.known) == JF_OK && value.extra == canary);
    cursor.known.struct_size = 31;
    CHECK(json.open(host, JF_TEXT("[1]"), &cursor.known) == JF_E_INVALID);
    CHECK(json.next(host, &cursor.known, NULL, &value.known) == JF_E_INVALID);

    writer.known.struct_size = (uint32_t)sizeof writer;
    CHECK(json.begin(host, &writer.known, buffer, sizeof buffer) == JF_OK);
    CHECK(json.add_null(host, &writer.known) == JF_OK && json.done(host, &writer.known, &document) == JF_OK);
    CHECK(writer.known.struct_size == sizeof(jf_json_writer) && writer.extra == canary);
    writer.known.struct_size = 47;
    CHECK(json.begin(host, &writer.known, buffer, sizeof buffer) == JF_E_INVALID);
    memset(&writer, 0, sizeof writer);
    CHECK(json.add_null(host, &writer.known) == JF_E_INVALID);

    memset(&result, 0, sizeof result);
    result.extra = canary;
    result.known.struct_size = (uint32_t)sizeof result;
    CHECK(services.call(host, 0, 0, NULL, 0, 1, &result.known) == JF_E_GONE && result.known.code == JF_E_GONE);
    CHECK(result.known.struct_size == sizeof(jf_result) && result.extra == canary);
    result.known.struct_size = 0;
    CHECK(services.call(host, 0, 0, NULL, 0, 1, &result.known) == JF_E_GONE && result.known.struct_size == 56);
    result.known.struct_size = 55;
    result.known.code = 7;
    CHECK(services.call(host, 0, 0, NULL, 0, 1, &result.known) == JF_E_INVALID && result.known.code == 7);
    return 0;
}

/** Checks interface tables of an older and of a newer header. */
static int check_tables(const jf_boot *boot) {
    struct {
        uint32_t struct_size, revision;
        jf_code (*emit)(const jf_host *, jf_socket, const jf_message *);
        uint64_t canary;
    } older;
    NEWER(jf_events_api) newer;
    older.canary = 7;
    CHECK(boot->query(host, JF_EVENTS, &older, offsetof(jf_events_api, emit_ack)) == JF_OK);
    CHECK(older.canary == 7 && older.struct_size == 16 && older.revision == 1 && older.emit == io.emit);
    CHECK(boot->query(host, JF_EVENTS, &newer, sizeof newer) == JF_OK);
    CHECK(newer.known.struct_size == sizeof(jf_events_api) && newer.extra != 0);
    CHECK(boot->query(host, JF_EVENTS, &newer, 7) == JF_E_INVALID);
    CHECK(boot->query(host, JF_EVENTS, &newer, 1 << 20) == JF_E_INVALID);
    CHECK(boot->query(host, JF_EVENTS, NULL, 64) == JF_E_INVALID);
    CHECK(boot->query(host, NULL, &newer, sizeof newer) == JF_E_INVALID);
    return 0;
}

/* ---- structures passed to callbacks: each states its size, and lists state their stride ---- */

static int received = -1;

static int check_answers(const jf_answers *answers) {
    const jf_answer *answer = answers->items;
    CHECK(answers->struct_size == sizeof *answers && answers->status == JF_OK && answers->count == 2);
    CHECK(answer->struct_size == sizeof *answer && answer->args.len == 3);
    answer = (const jf_answer *)(const void *)((const char *)answer + answers->stride);
    CHECK(answer->struct_size == sizeof *answer && answer->args.len == 3);
    return 0;
}

static void on_answers(void *instance, void *context, const jf_answers *answers) {
    (void)instance;
    (void)context;
    received = check_answers(answers);
}

static int check_fetched(const jf_fetched *fetched, uint32_t parts) {
    const jf_socket_info *info = fetched->items;
    uint64_t i;
    CHECK(fetched->struct_size == sizeof *fetched && fetched->status == JF_OK && fetched->count == 2);
    for (i = 0; i < fetched->count; i++) {
        CHECK(info->struct_size == sizeof *info && info->socket != 0 && info->reserved == 0);
        CHECK((info->id.len == 20) == ((parts & JF_PART_ID) != 0));
        CHECK((info->nsp.len == 1) == ((parts & JF_PART_ID) != 0));
        CHECK((info->user.len > 0) == ((parts & JF_PART_USER) != 0 && i == 1));
        CHECK((info->claims.len > 0) == ((parts & JF_PART_CLAIMS) != 0));
        CHECK((info->handshake.len > 0) == ((parts & JF_PART_HANDSHAKE) != 0));
        CHECK((info->data.len > 0) == ((parts & JF_PART_DATA) != 0));
        CHECK((info->room_count > 0) == ((parts & JF_PART_ROOMS) != 0));
        CHECK((info->transport == JF_TRANSPORT_WEBSOCKET) == ((parts & JF_PART_CONNECTION) != 0));
        CHECK((info->connection > 0) == ((parts & JF_PART_CONNECTION) != 0));
        if (info->room_count > 0)
            CHECK(info->rooms[0].len == 20 && (!(parts & JF_PART_ID) || jf_text_equal(info->rooms[0], info->id)));
        info = (const jf_socket_info *)(const void *)((const char *)info + fetched->stride);
    }
    CHECK((fetched->json.len > 0) == ((parts & JF_PART_JSON) != 0));
    return 0;
}

static void on_fetched(void *instance, void *context, const jf_fetched *fetched) {
    (void)instance;
    if (received <= 0) received = check_fetched(fetched, (uint32_t)(uintptr_t)context);
}

static void number(const jf_event *event, int value) {
    char buffer[32];
    snprintf(buffer, sizeof buffer, "[%d]", value);
    io.ack(host, event->ack, jf_text_of(buffer), NULL, 0);
}

static void on_passed(void *instance, const jf_event *event) {
    (void)instance;
    number(event, event->struct_size == sizeof *event ? check_passed(event->socket) : __LINE__);
}

static void on_filled(void *instance, const jf_event *event) {
    (void)instance;
    number(event, check_filled());
}

static void on_ask(void *instance, const jf_event *event) {
    jf_target all;
    jf_message question;
    (void)instance;
    (void)event;
    memset(&all, 0, sizeof all);
    memset(&question, 0, sizeof question);
    all.flags = JF_TARGET_ALL;
    question.name = JF_TEXT("question");
    received = -1;
    io.broadcast_ack(host, &all, &question, 60000, on_answers, NULL);
}

static void on_fetch(void *instance, const jf_event *event) {
    jf_target all;
    uint32_t parts;
    (void)instance;
    memset(&all, 0, sizeof all);
    all.flags = JF_TARGET_ALL;
    received = 0;
    for (parts = 0; parts < 256; parts++)
        if (sockets.fetch(host, &all, parts, on_fetched, (void *)(uintptr_t)parts) != JF_OK) received = __LINE__;
    if (sockets.fetch(host, &all, 256, on_fetched, NULL) != JF_E_INVALID) received = __LINE__;
    io.ack(host, event->ack, JF_TEXT("[]"), NULL, 0);
}

static void on_received(void *instance, const jf_event *event) {
    (void)instance;
    number(event, received);
}

/* A declaration of a newer header, with a field that this host does not know. */
static const struct {
    jf_event_decl known;
    uint64_t extra;
} events[] = {
    { JF_EVENT("passed", on_passed), EXTRA },     { JF_EVENT("filled", on_filled), EXTRA },
    { JF_EVENT("ask", on_ask), EXTRA },           { JF_EVENT("fetch", on_fetch), EXTRA },
    { JF_EVENT("received", on_received), EXTRA },
};

static int life = -1;

static jf_code admit(void *instance, const jf_attempt *attempt, jf_refusal *refusal) {
    (void)instance;
    return attempt->struct_size == sizeof *attempt && refusal->struct_size == sizeof *refusal ? JF_OK : JF_E_FAILED;
}

static void on_connected(void *instance, const jf_socket_event *event) {
    (void)instance;
    if (event->struct_size != sizeof *event) life = __LINE__;
}

static const struct {
    jf_nsp_decl known;
    uint64_t extra;
} nsps[] = {
    { { JF_LIT("/sized"), 0, 0, admit, on_connected, NULL, NULL, NULL, NULL, 0, 0 }, EXTRA },
};

static void on_presence(void *instance, const jf_presence_change *change) {
    (void)instance;
    if (change->struct_size != sizeof *change) life = __LINE__;
}

static void on_life(void *instance, const jf_event *event) {
    (void)instance;
    number(event, life);
}

/* The declaration of an event as it was before it had a signature, and bytes behind it that are not part of it. */
static const struct {
    jf_text nsp, name;
    jf_event_fn handler;
    uint32_t run, flags;
    jf_text run_key;
    void *context;
    const jf_text *nsps;
    uint32_t nsp_count, reserved;
    uint64_t canary[4];
} more = { JF_EMPTY, JF_LIT("life"), on_life, 0, 0, JF_EMPTY, NULL, NULL, 0, 0, { ~0u, ~0u, ~0u, ~0u } };

static jf_code on_method(void *instance, const jf_call *call) {
    (void)instance;
    if (call->struct_size != sizeof *call || call->failure->struct_size != sizeof(jf_error)) life = __LINE__;
    return JF_OK;
}

static double half(double x) { return x / 2; }

/* The lists since 1.1, of a newer header. */
static const struct {
    jf_method_decl known;
    uint64_t extra;
} methods[] = { { JF_METHOD("first()", on_method), EXTRA }, { JF_METHOD("second()", on_method), EXTRA } };

static const struct {
    jf_service_decl known;
    uint64_t extra;
} provided[] = {
    { { JF_LIT("abi"), 1, 0, { &methods[0].known, 2, sizeof methods[0] } }, EXTRA },
    { { JF_LIT("abi"), 2, 0, { &methods[0].known, 2, sizeof methods[0] } }, EXTRA },
};

static const struct {
    jf_function_decl known;
    uint64_t extra;
} functions[] = {
    { JF_FUNCTION("half", "half(x: f64) -> f64", half), EXTRA },
    { JF_FUNCTION("half again", "half(x: f64) -> f64", half), EXTRA },
};

static const struct {
    jf_emit_decl known;
    uint64_t extra;
} emits[] = { { JF_EMIT("one", "()"), EXTRA }, { JF_EMIT("two", "(f64)"), EXTRA } };

#define SET_NEWER(list, array)                                                          \
    ((list).items = &(array)[0].known, (list).count = sizeof(array) / sizeof(array)[0], \
     (list).stride = sizeof(array)[0])

static jf_code create(const jf_host *given, void **instance, jf_error *error) {
    (void)given;
    *instance = NULL;
    if (error->struct_size != sizeof *error) return JF_E_FAILED;
    return presence.watch(host, JF_TEXT(""));
}

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    int line;
    host = boot->host;
    if (boot->struct_size != sizeof *boot || boot->query(host, JF_CORE, &core, sizeof core) ||
        boot->query(host, JF_EVENTS, &io, sizeof io) || boot->query(host, JF_SOCKETS, &sockets, sizeof sockets) ||
        boot->query(host, JF_ROOMS, &rooms, sizeof rooms) || boot->query(host, JF_HTTP, &http, sizeof http) ||
        boot->query(host, JF_JSON, &json, sizeof json) || boot->query(host, JF_PRESENCE, &presence, sizeof presence) ||
        boot->query(host, JF_SERVICES, &services, sizeof services))
        return JF_E_FAILED;
    life = 0;
    line = check_tables(boot);
    if (line) life = line;
    jf_describe(plugin, "abi", "1.0.0");
    plugin->create = create;
    plugin->presence = on_presence;
    plugin->events.items = &events[0].known;
    plugin->events.count = sizeof events / sizeof events[0];
    plugin->events.stride = sizeof events[0];
#ifdef LIFE
    /* The descriptor of the first release, too. */
    plugin->struct_size = 160;
    plugin->events.items = (const jf_event_decl *)(const void *)&more;
    plugin->events.count = 1;
    plugin->events.stride = 88;
    (void)provided, (void)functions, (void)emits;
#else
    (void)more;
    SET_NEWER(plugin->services, provided);
    SET_NEWER(plugin->functions, functions);
    SET_NEWER(plugin->emits, emits);
#endif
    plugin->nsps.items = &nsps[0].known;
    plugin->nsps.count = 1;
    plugin->nsps.stride = sizeof nsps[0];
    return JF_OK;
}
