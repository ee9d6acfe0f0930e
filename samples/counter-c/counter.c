/*
 * State that survives a reload: `count` is answered with a number that grows, and `wait` when the next `count` comes.
 * After `jackfield plugin reload counter` the number goes on, and who waits is still answered.
 *
 *     cc -shared -fPIC -I include -o counter.so samples/counter-c/counter.c
 *     jackfield serve --plugin ./counter.so
 *     cc -shared -fPIC -I include -o counter.so samples/counter-c/counter.c && jackfield plugin reload counter
 */
#include <jackfield/jackfield.h>

#include <stdio.h>

/** The format of what `save` passes on. Increase it when the meaning of a field changes. */
#define FORMAT 1

enum { MOST_WAITING = 100 };

static const jf_host *host;
static jf_events_api io;
static jf_tokens_api tokens;

/* One version of the plugin has these variables; a new version begins with its own, which are 0. */
static uint64_t counted;
static jf_token waiting[MOST_WAITING];
static uint32_t waiting_count;

static void answer(jf_token token) {
    char args[32];
    snprintf(args, sizeof args, "[%llu]", (unsigned long long)counted);
    io.ack(host, token, jf_text_of(args), NULL, 0);
}

static void on_count(void *instance, const jf_event *event) {
    uint32_t i;
    (void)instance;
    counted++;
    answer(event->ack);
    for (i = 0; i < waiting_count; i++) answer(waiting[i]);
    waiting_count = 0;
}

static void on_wait(void *instance, const jf_event *event) {
    (void)instance;
    if (waiting_count == MOST_WAITING) {
        io.ack_error(host, event->ack, JF_TEXT("overloaded"), JF_TEXT("100 clients wait already"));
        return;
    }
    if (tokens.keep(host, event->ack, &waiting[waiting_count]) == JF_OK) waiting_count++;
}

static jf_code save(void *instance, jf_saved *saved, jf_error *error) {
    (void)instance;
    (void)error;
    saved->version = FORMAT;
    saved->state.ptr = (const uint8_t *)&counted;
    saved->state.len = sizeof counted;
    saved->tokens = waiting;
    saved->token_count = waiting_count;
    return JF_OK;
}

static jf_code restore(void *instance, const jf_saved *saved, jf_error *error) {
    (void)instance;
    if (saved->version != FORMAT || saved->state.len != sizeof counted || saved->token_count > MOST_WAITING)
        return jf_fail(error, JF_E_INVALID, "the version before has saved another format");
    memcpy(&counted, saved->state.ptr, sizeof counted);
    for (waiting_count = 0; waiting_count < saved->token_count; waiting_count++)
        waiting[waiting_count] = saved->tokens[waiting_count];
    return JF_OK;
}

static const jf_event_decl events[] = {
    JF_TYPED_EVENT("count", "() -> u64", on_count),
    JF_TYPED_EVENT("wait", "() -> u64", on_wait),
};

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    host = boot->host;
    jf_describe(plugin, "counter", "1.0.0");
    plugin->save = save;
    plugin->restore = restore;
    JF_SET_LIST(plugin->events, events);
    if (boot->query(host, JF_TOKENS, &tokens, sizeof tokens) != JF_OK) return JF_E_FAILED;
    return boot->query(host, JF_EVENTS, &io, sizeof io);
}
