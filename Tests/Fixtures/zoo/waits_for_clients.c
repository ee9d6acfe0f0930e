/* Its stop waits until all clients that once came have gone, which they need not do. */
#include "zoo.h"

#include <stdatomic.h>
#include <unistd.h>

static atomic_int clients;

static void on_connected(void *instance, const jf_socket_event *event) {
    (void)instance, (void)event;
    clients++;
}

static void on_disconnected(void *instance, const jf_socket_event *event) {
    (void)instance, (void)event;
    clients--;
}

static void on_stop(void *instance) {
    (void)instance;
    while (clients > 0) usleep(1000);
}

static const jf_event_decl events[] = { JF_EVENT("work", zoo_ack) };
static const jf_nsp_decl nsps[] = {
    { .name = JF_LIT("/"), .connected = on_connected, .disconnected = on_disconnected },
};

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    plugin->stop = on_stop;
    JF_SET_LIST(plugin->events, events);
    JF_SET_LIST(plugin->nsps, nsps);
    return zoo_begin(boot, plugin, "waits-for-clients");
}
