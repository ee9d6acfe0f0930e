// An exception leaves a callback.
#include <jackfield/jackfield.h>
#include <stdexcept>
#include <string>

static const jf_host *host;
static jf_events_api io;

static void on_work(void *, const jf_event *event) {
    std::string args(event->args.ptr, event->args.len);
    if (std::stoi(args.substr(1)) > 0) io.ack(host, event->ack, JF_TEXT("[]"), nullptr, 0);
}

static const jf_event_decl events[] = { JF_EVENT("work", on_work) };

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    host = boot->host;
    jf_describe(plugin, "throws", "1.0.0");
    JF_SET_LIST(plugin->events, events);
    return boot->query(host, JF_EVENTS, &io, sizeof io);
}
