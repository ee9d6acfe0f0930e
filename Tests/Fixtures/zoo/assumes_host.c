/* Assumes one host: UNCHECKED (every interface is there), UNTIL_IT_WORKS (every function is there), EXACT (its
 * structures are of one size). */
#include "zoo.h"

static jf_sockets_api sockets;

static jf_code on_create(const jf_host *the_host, void **instance, jf_error *error) {
    (void)the_host, (void)error;
    *instance = NULL;
#ifdef UNCHECKED
    jf_text config = JF_EMPTY;
    core.config(host, &config);
    if (config.ptr[0] != '{') return JF_E_FAILED;
#endif
#ifdef UNTIL_IT_WORKS
    int64_t now = 0;
    while (core.wall_ms(host, &now) != JF_OK) continue;
#endif
    return JF_OK;
}

static const jf_event_decl events[] = { JF_EVENT("work", zoo_ack) };

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    zoo_begin(boot, plugin, "assumes-host");
    boot->query(host, JF_SOCKETS, &sockets, sizeof sockets);
#ifdef EXACT
    if (boot->struct_size != sizeof *boot) return JF_E_UNSUPPORTED;
#endif
    plugin->create = on_create;
    JF_SET_LIST(plugin->events, events);
    return JF_OK;
}
