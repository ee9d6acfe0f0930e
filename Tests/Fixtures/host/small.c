/* A small plugin whose shape is chosen by macros: what may be wrong with a plugin, one at a time. */
#include <jackfield/jackfield.h>

#include <unistd.h>
#ifdef NO_MAIN
int32_t other_main(const jf_boot *boot, jf_plugin *plugin);
#endif

#ifndef NAME
#define NAME "small"
#endif
#ifndef ABI
#define ABI JF_ABI
#endif

static const jf_host *host;
static jf_events_api io;

#ifndef EVENT
#define EVENT "small"
#endif

static void on_event(void *instance, const jf_event *event) {
    (void)instance;
#ifdef HANGS
    sleep(3600);
#endif
    io.ack(host, event->ack, JF_TEXT("[\"" NAME "\"]"), NULL, 0);
}

static const jf_event_decl events[] = {
#ifdef NULL_HANDLER
    { .name = JF_LIT("first"), .handler = on_event },
    { .name = JF_LIT(EVENT) },
#else
    { .name = JF_LIT(EVENT), .handler = on_event },
#endif
};

static int32_t create(const jf_host *given, void **instance, jf_error *error) {
    (void)given;
    *instance = NULL;
#ifdef CREATE_FAILS
    return jf_fail(error, JF_E_FAILED, "the store is not reachable; start it first");
#endif
#ifdef CREATE_HANGS
    sleep(3600);
#endif
    (void)error;
    return JF_OK;
}

#ifdef NO_MAIN
#define jf_plugin_main other_main
#endif
int32_t jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    host = boot->host;
#ifdef NEEDS_NEWER
    {
        jf_presence_api presence;
        int32_t code = boot->query(host, "jf.presence/2", &presence, sizeof presence);
        if (code) return code;
    }
#endif
    jf_describe(plugin, NAME, "0.1.0");
    plugin->abi = ABI;
    plugin->create = create;
    plugin->events = (jf_event_list)JF_LIST(events);
#ifdef STRIDE
    plugin->events.stride = STRIDE;
#endif
#ifdef SIZE
    plugin->struct_size = SIZE;
#endif
    return boot->query(host, JF_EVENTS, &io, sizeof io);
}
