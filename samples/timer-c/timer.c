/*
 * Timers: `remind` [ms] is answered at once, and the event `reminder` follows after that number of milliseconds; the
 * event `tick` goes to all sockets each second.
 *
 *     cc -shared -fPIC -I include -o timer.so samples/timer-c/timer.c
 *     jackfield serve --plugin ./timer.so
 */
#include <jackfield/jackfield.h>
#include <stdio.h>

static const jf_host *host;
static jf_events_api io;
static jf_timers_api timers;
static jf_json_api json;

/* The timer's context is the socket handle, so there is no memory to free. If the socket has left, emit returns
   JF_E_GONE and does nothing. */
static void on_due(void *instance, void *context) {
    jf_message message = { .name = JF_LIT("reminder") };
    (void)instance;
    io.emit(host, (jf_socket)(uintptr_t)context, &message);
}

static void on_remind(void *instance, const jf_event *event) {
    jf_json delay = { 0 };
    jf_timer timer = 0;
    (void)instance;
    if (json.read(host, event->args, JF_TEXT("/0"), &delay) != JF_OK || delay.integer < 0 ||
        timers.after(host, (uint64_t)delay.integer, on_due, (void *)(uintptr_t)event->socket, NULL, &timer) != JF_OK) {
        io.ack_error(host, event->ack, JF_TEXT("invalid_arguments"), JF_TEXT("send milliseconds, at most 30 days"));
        return;
    }
    io.ack(host, event->ack, JF_TEXT("[true]"), NULL, 0);
}

static void on_second(void *instance, void *context) {
    static uint32_t count;
    char args[16];
    jf_message message = { .flags = JF_MESSAGE_VOLATILE, .name = JF_LIT("tick") };
    jf_target everybody = { .flags = JF_TARGET_ALL };
    (void)instance;
    (void)context;
    message.args.ptr = args;
    message.args.len = (uint64_t)snprintf(args, sizeof args, "[%u]", (unsigned)++count);
    io.broadcast(host, &everybody, &message);
}

static const jf_event_decl events[] = {
    JF_TYPED_EVENT("remind", "(ms: i64) throws -> bool", on_remind),
};
static const jf_emit_decl emits[] = {
    JF_EMIT("reminder", "()"),
    JF_EMIT("tick", "(seconds: u32)"),
};
static const jf_timer_decl every[] = {
    { .handler = on_second, .interval = 1000 },
};

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    host = boot->host;
    jf_describe(plugin, "timer", "1.0.0");
    JF_SET_LIST(plugin->events, events);
    JF_SET_LIST(plugin->emits, emits);
    JF_SET_LIST(plugin->timers, every);
    boot->query(host, JF_EVENTS, &io, sizeof io);
    boot->query(host, JF_TIMERS, &timers, sizeof timers);
    return boot->query(host, JF_JSON, &json, sizeof json);
}
