/*
 * Events with signatures, handled and emitted. `tell` ["emit", name, args] emits and acks the host's result code.
 *
 * With OBSERVE, an observer counts the events of its name.
 */
#include <jackfield/jackfield.h>

#include <stdio.h>

static const jf_host *host;
static jf_events_api io;
static jf_json_api json;
static int calls, observed;

static void ack_number(const jf_event *event, int value) {
    char buffer[32];
    snprintf(buffer, sizeof buffer, "[%d]", value);
    io.ack(host, event->ack, jf_text_of(buffer), NULL, 0);
}

static void on_echo(void *instance, const jf_event *event) {
    (void)instance;
    __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED);
    io.ack(host, event->ack, event->args, event->attachments, event->attachment_count);
}

static void on_calls(void *instance, const jf_event *event) {
    (void)instance;
    ack_number(event, __atomic_load_n(&calls, __ATOMIC_RELAXED));
}

static void on_observe(void *instance, const jf_event *event) {
    (void)instance;
    (void)event;
    observed++;
}

static void on_observed(void *instance, const jf_event *event) {
    (void)instance;
    ack_number(event, observed);
}

static void on_answer(void *instance, void *context, const jf_answer *answer) {
    (void)instance;
    (void)context;
    (void)answer;
}

static void on_answers(void *instance, void *context, const jf_answers *answers) {
    (void)instance;
    (void)context;
    (void)answers;
}

static void on_tell(void *instance, const jf_event *event) {
    char function[32] = "", name[64] = "";
    uint64_t length = 0;
    jf_json value = { 0 };
    jf_message message = { 0 };
    jf_target everybody = { 0 };
    jf_code code = JF_E_FAILED;
    (void)instance;
    everybody.flags = JF_TARGET_ALL;
    message.attachments = event->attachments;
    message.attachment_count = event->attachment_count;
    if (json.read(host, event->args, JF_TEXT("/0"), &value) != JF_OK) return;
    json.text(host, value.raw, function, sizeof function - 1, &length);
    if (json.read(host, event->args, JF_TEXT("/1"), &value) != JF_OK) return;
    json.text(host, value.raw, name, sizeof name - 1, &message.name.len);
    message.name.ptr = name;
    if (json.read(host, event->args, JF_TEXT("/2"), &value) != JF_OK) return;
    message.args = value.raw;
    if (!strcmp(function, "emit")) code = io.emit(host, event->socket, &message);
    if (!strcmp(function, "emit_ack")) code = io.emit_ack(host, event->socket, &message, 50, on_answer, NULL);
    if (!strcmp(function, "broadcast")) code = io.broadcast(host, &everybody, &message);
    if (!strcmp(function, "broadcast_ack")) code = io.broadcast_ack(host, &everybody, &message, 50, on_answers, NULL);
    ack_number(event, code);
}

#define LIST "(name: string, limit: i64?) -> json"

static const jf_text nsps[] = { JF_LIT("/"), JF_LIT("/more") };

static const jf_event_decl events[] = {
    JF_TYPED_EVENT("list", LIST, on_echo),
    { .name = JF_LIT("list-inline"), .handler = on_echo, .run = JF_RUN_INLINE, .signature = JF_LIT(LIST) },
    { .name = JF_LIT("list-by-key"),
      .handler = on_echo,
      .run = JF_RUN_BY_KEY,
      .run_key = JF_LIT("/0"),
      .signature = JF_LIT(LIST) },
    JF_TYPED_EVENT("entry", "(entry: {name: string?})", on_echo),
    JF_TYPED_EVENT("file", "(file: bytes)", on_echo),
    { .name = JF_LIT("file-inline"), .handler = on_echo, .run = JF_RUN_INLINE, .signature = JF_LIT("(file: bytes)") },
    { .nsps = nsps, .nsp_count = 2, .name = JF_LIT("both"), .handler = on_echo, .signature = JF_LIT("(a: i32)") },
    JF_EVENT("untyped", on_echo),
    { .name = JF_LIT("untyped-inline"), .handler = on_echo, .run = JF_RUN_INLINE },
    JF_EVENT("calls", on_calls),
    JF_EVENT("tell", on_tell),
#ifdef OBSERVE
    { .name = JF_LIT("list"), .handler = on_observe, .flags = JF_EVENT_OBSERVE },
    { .handler = on_observe, .flags = JF_EVENT_OBSERVE, .run = JF_RUN_INLINE, .nsp = JF_LIT("/more") },
#endif
    JF_EVENT("observed", on_observed),
};

static const jf_nsp_decl namespaces[] = { { .name = JF_LIT("/more") } };

static const jf_emit_decl emits[] = {
    JF_EMIT("news", "(news: {title: string, count: i64})"),
    JF_EMIT("picture", "(picture: bytes)"),
};

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    (void)on_observe;
    host = boot->host;
    jf_describe(plugin, "contracts", "1.0.0");
    JF_SET_LIST(plugin->events, events);
    JF_SET_LIST(plugin->nsps, namespaces);
    JF_SET_LIST(plugin->emits, emits);
    boot->query(host, JF_JSON, &json, sizeof json);
    return boot->query(host, JF_EVENTS, &io, sizeof io);
}
