/* A small plugin whose faults are selected by macros, one at a time. */
#include <jackfield/jackfield.h>

#include <unistd.h>
#ifdef NO_MAIN
jf_code other_main(const jf_boot *boot, jf_plugin *plugin);
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

#ifndef ANSWER
#define ANSWER NAME
#endif

static void on_event(void *instance, const jf_event *event) {
    (void)instance;
#ifdef HANGS
    sleep(3600);
#endif
    io.ack(host, event->ack, JF_TEXT("[\"" ANSWER "\"]"), NULL, 0);
}

#ifdef NSPS
static const jf_text event_nsps[] = { NSPS };
#endif
#ifdef NAMES
static const jf_text nsp_names[] = { NAMES };
#endif

static const jf_event_decl events[] = {
#ifdef NULL_HANDLER
    { .name = JF_LIT("first"), .handler = on_event },
    { .name = JF_LIT(EVENT) },
#else
    {
        .name = JF_LIT(EVENT),
        .handler = on_event,
#ifdef NSPS
        .nsps = event_nsps,
        .nsp_count = sizeof event_nsps / sizeof event_nsps[0],
#endif
#ifdef EVENT_FIELD
        EVENT_FIELD,
#endif
    },
#endif
};

#if defined(NAMES) || defined(NSP_FIELD)
static const jf_nsp_decl nsps[] = { {
#ifdef NAMES
    .names = nsp_names,
    .name_count = sizeof nsp_names / sizeof nsp_names[0],
#endif
#ifdef NSP_FIELD
    NSP_FIELD,
#endif
} };
#endif

#ifdef ROUTE
static void on_request(void *instance, const jf_request *request) {
    (void)instance;
    (void)request;
}
static const jf_route_decl routes[] = { JF_ROUTE("GET", ROUTE, on_request) };
#endif

static jf_code create(const jf_host *given, void **instance, jf_error *error) {
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
jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    host = boot->host;
#ifdef EMPTY
    (void)create;
    (void)events;
    return JF_OK;
#endif
#ifdef NEEDS_NEWER
    {
        jf_presence_api presence;
        jf_code code = boot->query(host, "jf.presence/2", &presence, sizeof presence);
        if (code) return code;
    }
#endif
    jf_describe(plugin, NAME, "0.1.0");
    plugin->abi = ABI;
    plugin->create = create;
    JF_SET_LIST(plugin->events, events);
#if defined(NAMES) || defined(NSP_FIELD)
    JF_SET_LIST(plugin->nsps, nsps);
#endif
#ifdef ROUTE
    JF_SET_LIST(plugin->routes, routes);
#endif
#ifdef DESCRIPTOR
    DESCRIPTOR;
#endif
    return boot->query(host, JF_EVENTS, &io, sizeof io);
}
