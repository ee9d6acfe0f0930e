/* A plugin whose events are C functions. Functions of records and of nested arrays get them as jf_value. */
#include <jackfield/jackfield.h>

static const jf_host *host;
static jf_events_api io;

static double add(double a, double b) { return a + b; }

/* The length of the name, and 1000 for each tag and 100000 if the note is absent. */
static int64_t weigh(const jf_value *record) {
    const jf_value *fields = record->val.items;
    return (int64_t)fields[0].val.text.len + 1000 * (int64_t)fields[1].count +
           (fields[2].kind == JF_VALUE_NONE ? 100000 : 0);
}

static uint64_t count_strings(const jf_value *list) {
    uint64_t bytes = 0;
    for (uint32_t i = 0; list && i < list->count; i++) bytes += list->val.items[i].val.text.len + 1;
    return bytes;
}

static void on_event(void *instance, const jf_event *event) {
    (void)instance;
    io.ack(host, event->ack, JF_TEXT("[\"handler\"]"), NULL, 0);
}

#ifndef EVENT
#define EVENT "plain"
#endif
static const jf_event_decl events[] = { { .name = JF_LIT(EVENT), .handler = on_event } };

static const jf_function_decl functions[] = {
    JF_FUNCTION("add", "add(a: f64, b: f64) -> f64", add),
    { .name = JF_LIT("add-inline"),
      .signature = JF_LIT("(a: f64, b: f64) -> f64"),
      .c_function = (jf_fn)add,
      .run = JF_RUN_INLINE },
    { .name = JF_LIT("add-elsewhere"),
      .signature = JF_LIT("(a: f64, b: f64) -> f64"),
      .c_function = (jf_fn)add,
      .nsp = JF_LIT("/elsewhere") },
    { .name = JF_LIT("add-by-key"),
      .signature = JF_LIT("(a: f64, b: f64) -> f64"),
      .c_function = (jf_fn)add,
      .run = JF_RUN_BY_KEY,
      .run_key = JF_LIT("/0") },
    JF_FUNCTION("weigh", "weigh(what: {name: string, tags: string[], note: string?}) -> i64", weigh),
    JF_FUNCTION("weigh-open", "weigh(what: {name: string, tags: json[], note: i32?, ...}) -> i64", weigh),
    JF_FUNCTION("count", "count_strings(list: cstring[]) -> u64", count_strings),
    JF_FUNCTION("count-records", "count_strings(list: {a: i32?, b: i32?, c: i32?, d: i32?}[]) -> u64", count_strings),
};

static const jf_nsp_decl nsps[] = { { .name = JF_LIT("/elsewhere") } };

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    host = boot->host;
    jf_describe(plugin, "values", "1.0.0");
    JF_SET_LIST(plugin->events, events);
    JF_SET_LIST(plugin->functions, functions);
    JF_SET_LIST(plugin->nsps, nsps);
    return boot->query(host, JF_EVENTS, &io, sizeof io);
}
