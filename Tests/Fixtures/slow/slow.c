/*
 * A plugin that blocks its strand, which a plugin should not do.
 *
 *     sleep  [ms]   sleeps inside the callback, then acks with the same arguments
 *     quick  [...]  acks with the same arguments, as soon as the strand is free
 *
 *     cc -shared -fPIC -I include -o slow.so slow.c
 */
#define _POSIX_C_SOURCE 200809L
#include <jackfield/jackfield.h>

#include <time.h>

static const jf_host *host;
static jf_events_api io;
static jf_json_api json;

static void on_sleep(void *instance, const jf_event *event) {
    jf_json first = { .struct_size = sizeof first };
    (void)instance;
    if (json.read(host, event->args, JF_TEXT("/0"), &first) == JF_OK && first.is_integer) {
        struct timespec left = { .tv_sec = (time_t)(first.integer / 1000),
                                 .tv_nsec = (long)(first.integer % 1000 * 1000000) };
        while (nanosleep(&left, &left) != 0) {}
    }
    io.ack(host, event->ack, event->args, NULL, 0);
}

static void on_quick(void *instance, const jf_event *event) {
    (void)instance;
    io.ack(host, event->ack, event->args, NULL, 0);
}

static const jf_event_decl events[] = {
    { .name = JF_LIT("sleep"), .handler = on_sleep },
    { .name = JF_LIT("quick"), .handler = on_quick },
};

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    host = boot->host;
    jf_describe(plugin, "slow", "1.0.0");
    JF_SET_LIST(plugin->events, events);
    if (boot->query(host, JF_JSON, &json, sizeof json) != JF_OK) return JF_E_UNSUPPORTED;
    return boot->query(host, JF_EVENTS, &io, sizeof io);
}
