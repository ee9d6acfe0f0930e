/* What the plugins of this folder share: a host, some of its tables, and the event "work". Each breaks one rule of the
 * header; PluginCheckTests names the test of `jackfield plugin check` that must notice it. */
#pragma once

#include <jackfield/jackfield.h>
#include <stdlib.h>

static const jf_host *host;
static jf_events_api io;
static jf_core_api core;

/** Begins the descriptor and fetches the tables. */
static inline jf_code zoo_begin(const jf_boot *boot, jf_plugin *plugin, const char *name) {
    host = boot->host;
    jf_describe(plugin, name, "1.0.0");
    jf_code code = boot->query(host, JF_CORE, &core, sizeof core);
    return code == JF_OK ? boot->query(host, JF_EVENTS, &io, sizeof io) : code;
}

/** A handler that does nothing wrong. */
static inline void zoo_ack(void *instance, const jf_event *event) {
    (void)instance;
    io.ack(host, event->ack, JF_TEXT("[true]"), NULL, 0);
}
