/*
 * Declares events with a signature of every type, for the tests of `jackfield types`. Its handlers do nothing: the
 * tests compile clients, and send nothing.
 */
#include <jackfield/jackfield.h>

static void on_event(void *instance, const jf_event *event) { (void)instance, (void)event; }

static double add(double a, double b) { return a + b; }

static const jf_event_decl events[] = {
    JF_TYPED_EVENT("scalars",
                   "(flag: bool, small: i32, large: i64, count: u32, size: u64, ratio: f32, exact: f64) -> bool",
                   on_event),
    JF_TYPED_EVENT("texts", "(text: string, path: cstring, data: bytes, value: json) -> string", on_event),
    JF_TYPED_EVENT("lists", "(names: string[], grid: f64[][], holes: i32?[]) -> u32[]", on_event),
    JF_TYPED_EVENT("records",
                   "(place: {id: string, at: {x: f64, y: f64}, note: string?}, options: {mode: string, ...}) -> "
                   "{items: json[], next: string?}",
                   on_event),
    JF_TYPED_EVENT("note", "(text: string, pinned: bool?)", on_event),
    JF_TYPED_EVENT("nudge", "()", on_event),
    JF_TYPED_EVENT("remove", "(id: string) throws", on_event),
    JF_EVENT("untyped", on_event),
    { .nsp = JF_LIT("/chat"),
      .name = JF_LIT("say"),
      .handler = on_event,
      .signature = JF_LIT("(text: string) -> {id: u64}") },
    /* Neither adds a name that clients could use. */
    { .name = JF_LIT("observed"), .handler = on_event, .flags = JF_EVENT_OBSERVE },
    { .nsp = JF_LIT("/chat"), .handler = on_event },
};

static const jf_nsp_decl nsps[] = { { .name = JF_LIT("/chat") } };

static const jf_function_decl functions[] = { JF_FUNCTION("add", "add(a: f64, b: f64) -> f64", add) };

static const jf_emit_decl emits[] = {
    JF_EMIT("changed", "(place: {id: string, note: string?}, by: string)"),
    JF_EMIT("ask", "(question: string) -> bool"),
    { .name = JF_LIT("said"), .signature = JF_LIT("(message: {id: u64, text: string})"), .nsp = JF_LIT("/chat") },
};

int32_t jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    (void)boot;
    jf_describe(plugin, "typed", "1.0.0");
    JF_SET_LIST(plugin->events, events);
    JF_SET_LIST(plugin->nsps, nsps);
    JF_SET_LIST(plugin->functions, functions);
    JF_SET_LIST(plugin->emits, emits);
    return JF_OK;
}
