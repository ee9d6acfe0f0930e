/* Blocks an event loop for two milliseconds at each event. */
#include "zoo.h"

#include <unistd.h>

static void on_work(void *instance, const jf_event *event) {
    usleep(2000);
    zoo_ack(instance, event);
}

static const jf_event_decl events[] = {
    { .name = JF_LIT("work"), .handler = on_work, .run = JF_RUN_INLINE },
};

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    JF_SET_LIST(plugin->events, events);
    return zoo_begin(boot, plugin, "slow-inline");
}
