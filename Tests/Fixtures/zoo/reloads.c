/* Passes its state on wrongly: SAVE or RESTORE says how. */
#include "zoo.h"

#ifndef SAVE
#define SAVE
#endif
#ifndef RESTORE
#define RESTORE
#endif

static jf_code on_save(void *instance, jf_saved *saved, jf_error *error) {
    static const uint8_t state[] = { 1, 2, 3 };
    (void)instance, (void)error;
    saved->version = 1;
    saved->state.ptr = state;
    saved->state.len = sizeof state;
    SAVE;
    return JF_OK;
}

static jf_code on_restore(void *instance, const jf_saved *saved, jf_error *error) {
    (void)instance, (void)saved, (void)error;
    RESTORE;
    return JF_OK;
}

static const jf_event_decl events[] = { JF_EVENT("work", zoo_ack) };

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    plugin->save = on_save;
    plugin->restore = on_restore;
    JF_SET_LIST(plugin->events, events);
    return zoo_begin(boot, plugin, "reloads");
}
