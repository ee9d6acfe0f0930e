/*
 * The smallest plugin: answers the event `hello`.
 *
 *     cc -shared -fPIC -I include -o hello.so samples/hello-c/hello.c
 *     jackfield serve --plugin ./hello.so
 */
#include <jackfield/jackfield.h>

static const jf_host *host;
static jf_events_api io;

static void on_hello(void *instance, const jf_event *event) {
    (void)instance;
    io.ack(host, event->ack, JF_TEXT("[\"hello, stranger\"]"), NULL, 0);
}

static const jf_event_decl events[] = { JF_TYPED_EVENT("hello", "() -> string", on_hello) };

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    host = boot->host;
    jf_describe(plugin, "hello", "1.0.0");
    JF_SET_LIST(plugin->events, events);
    return boot->query(host, JF_EVENTS, &io, sizeof io);
}
