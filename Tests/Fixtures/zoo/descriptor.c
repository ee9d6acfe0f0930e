/* Fills its descriptor wrongly: FAULT says how. */
#include "zoo.h"

#ifndef EVENT
#define EVENT "work"
#endif
#ifndef SIGNATURE
#define SIGNATURE "(a: i32) -> bool"
#endif
#ifndef HANDLER
#define HANDLER zoo_ack
#endif

static const jf_event_decl events[] = { JF_TYPED_EVENT(EVENT, SIGNATURE, HANDLER) };

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    static int calls;
    (void)calls;
    jf_code code = zoo_begin(boot, plugin, "descriptor");
    JF_SET_LIST(plugin->events, events);
    FAULT;
    return code;
}
