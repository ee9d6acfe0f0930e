/*
 * The application of the benchmarks as a plugin: `echo` x, `ping` x with an ack, `publish` x to all sockets.
 * `checked` is `ping` with a signature.
 *
 *     cc -O2 -shared -fPIC -I include -DBENCH_RUN=JF_RUN_INLINE -o bench.so Benchmarks/plugins/bench.c
 *
 * BENCH_RUN chooses where the handlers run; without it they run on the strand.
 */
#include <jackfield/jackfield.h>

#ifndef BENCH_RUN
#define BENCH_RUN JF_RUN_STRAND
#endif

static const jf_host *host;
static jf_events_api io;

static void on_echo(void *instance, const jf_event *event) {
    (void)instance;
    jf_message echo = { .struct_size = sizeof echo,
                        .name = JF_TEXT("echo"),
                        .args = event->args,
                        .attachments = event->attachments,
                        .attachment_count = event->attachment_count };
    io.emit(host, event->socket, &echo);
}

static void on_ping(void *instance, const jf_event *event) {
    (void)instance;
    io.ack(host, event->ack, event->args, event->attachments, event->attachment_count);
}

static void on_publish(void *instance, const jf_event *event) {
    (void)instance;
    jf_target everyone = { .struct_size = sizeof everyone, .flags = JF_TARGET_ALL };
    jf_message message = { .struct_size = sizeof message, .name = JF_TEXT("message"), .args = event->args };
    io.broadcast(host, &everyone, &message);
}

static const jf_event_decl events[] = {
    { .name = JF_LIT("echo"), .handler = on_echo, .run = BENCH_RUN },
    { .name = JF_LIT("ping"), .handler = on_ping, .run = BENCH_RUN },
    { .name = JF_LIT("publish"), .handler = on_publish, .run = BENCH_RUN },
    { .name = JF_LIT("checked"),
      .handler = on_ping,
      .run = BENCH_RUN,
      .signature = JF_LIT("(message: {c: i64, s: i64, p: string})") },
};

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    host = boot->host;
    jf_describe(plugin, "bench", "1.0.0");
    JF_SET_LIST(plugin->events, events);
    return boot->query(host, JF_EVENTS, &io, sizeof io);
}
