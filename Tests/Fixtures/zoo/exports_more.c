/* Exports a function with a name that another library may have, too. */
#include "zoo.h"

__attribute__((visibility("default"))) size_t parse(const char *text) { return strlen(text); }

static const jf_event_decl events[] = { JF_EVENT("work", zoo_ack) };

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    JF_SET_LIST(plugin->events, events);
    return zoo_begin(boot, plugin, "exports-more");
}
