/* Uses a function that no library defines. */
#include "zoo.h"

int nobody_defines_this(void);

static void on_work(void *instance, const jf_event *event) {
    if (nobody_defines_this()) zoo_ack(instance, event);
}

static const jf_event_decl events[] = { JF_EVENT("work", on_work) };

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    JF_SET_LIST(plugin->events, events);
    return zoo_begin(boot, plugin, "undefined-symbol");
}
