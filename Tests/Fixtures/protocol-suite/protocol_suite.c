/*
 * The application that the official Engine.IO and Socket.IO protocol suites talk to.
 *
 *     cc -shared -fPIC -I include -o protocol_suite.so Tests/Fixtures/protocol-suite/protocol_suite.c
 */
#include <jackfield/jackfield.h>
#include <stdlib.h>

static const jf_host *host;
static jf_events_api io;

/** Tells the client what it sent as `auth`. */
static void on_connected(void *instance, const jf_socket_event *event) {
    jf_message message = { .name = JF_LIT("auth") };
    char *args = malloc((size_t)event->auth.len + 2);
    (void)instance;
    if (!args) return;
    args[0] = '[';
    memcpy(args + 1, event->auth.ptr, (size_t)event->auth.len);
    args[event->auth.len + 1] = ']';
    message.args.ptr = args;
    message.args.len = event->auth.len + 2;
    io.emit(host, event->socket, &message);
    free(args);
}

static void on_message(void *instance, const jf_event *event) {
    jf_message message = { .name = JF_LIT("message-back") };
    (void)instance;
    message.args = event->args;
    message.attachments = event->attachments;
    message.attachment_count = event->attachment_count;
    io.emit(host, event->socket, &message);
}

static void on_message_with_ack(void *instance, const jf_event *event) {
    (void)instance;
    io.ack(host, event->ack, event->args, event->attachments, event->attachment_count);
}

static const jf_event_decl events[] = {
    { .name = JF_LIT("message"), .handler = on_message, .run = JF_RUN_INLINE },
    { .name = JF_LIT("message-with-ack"), .handler = on_message_with_ack, .run = JF_RUN_INLINE },
};

static const jf_nsp_decl namespaces[] = {
    { .name = JF_LIT("/"), .run = JF_RUN_INLINE, .connected = on_connected },
    { .name = JF_LIT("/custom"), .run = JF_RUN_INLINE, .connected = on_connected },
};

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    host = boot->host;
    jf_describe(plugin, "protocol-suite", "1.0.0");
    JF_SET_LIST(plugin->events, events);
    JF_SET_LIST(plugin->nsps, namespaces);
    return boot->query(host, JF_EVENTS, &io, sizeof io);
}
