/* Answers wrongly: NEVER (no ack), WRONG_TYPE (not what the signature says), NO_RESPONSE (a request gets none). */
#include "zoo.h"

static void on_work(void *instance, const jf_event *event) {
    (void)instance, (void)event;
#ifdef WRONG_TYPE
    io.ack(host, event->ack, JF_TEXT("[\"twelve\"]"), NULL, 0);
#elif !defined(NEVER)
    io.ack(host, event->ack, JF_TEXT("[12]"), NULL, 0);
#endif
}

static const jf_event_decl events[] = { JF_TYPED_EVENT("work", "(a: i32) -> i32", on_work) };

#ifdef NO_RESPONSE
static void on_request(void *instance, const jf_request *request) { (void)instance, (void)request; }

static const jf_route_decl routes[] = { JF_ROUTE("GET", "/v1/zoo/{id}", on_request) };
#endif

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    JF_SET_LIST(plugin->events, events);
#ifdef NO_RESPONSE
    JF_SET_LIST(plugin->routes, routes);
#endif
    return zoo_begin(boot, plugin, "answers");
}
