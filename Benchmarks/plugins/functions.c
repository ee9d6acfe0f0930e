/*
 * The same event twice, for the micro-benchmarks: as a C function that the host calls through libffi, and as a handler
 * that reads its arguments and writes its ack itself. Both run on the event loop.
 */
#include <jackfield/jackfield.h>

#include <inttypes.h>
#include <stdio.h>

static const jf_host *host;
static jf_events_api io;
static jf_json_api json;

static double add(double a, double b) { return a + b; }

static void on_add(void *instance, const jf_event *event) {
    (void)instance;
    jf_json_cursor cursor = { .struct_size = sizeof cursor };
    jf_json a = { .struct_size = sizeof a }, b = { .struct_size = sizeof b };
    if (json.open(host, event->args, &cursor) != JF_OK || json.next(host, &cursor, NULL, &a) != JF_OK ||
        json.next(host, &cursor, NULL, &b) != JF_OK || a.kind != JF_JSON_NUMBER || b.kind != JF_JSON_NUMBER) {
        io.ack_error(host, event->ack, JF_TEXT("invalid_arguments"), JF_TEXT("expected two numbers"));
        return;
    }
    char text[64];
    int length = snprintf(text, sizeof text, "[%.17g]", add(a.number, b.number));
    io.ack(host, event->ack, (jf_text){ text, (uint64_t)length }, NULL, 0);
}

static const jf_event_decl events[] = {
    { .name = JF_LIT("handler"), .handler = on_add, .run = JF_RUN_INLINE },
};

static const jf_function_decl functions[] = {
    { .name = JF_LIT("function"),
      .signature = JF_LIT("add(a: f64, b: f64) -> f64"),
      .c_function = (jf_fn)add,
      .run = JF_RUN_INLINE },
};

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    host = boot->host;
    jf_describe(plugin, "bench-functions", "1.0.0");
    JF_SET_LIST(plugin->events, events);
    JF_SET_LIST(plugin->functions, functions);
    jf_code code = boot->query(host, JF_EVENTS, &io, sizeof io);
    return code == JF_OK ? boot->query(host, JF_JSON, &json, sizeof json) : code;
}
