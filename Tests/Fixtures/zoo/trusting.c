/* Trusts what clients send: ATTACHMENT (there is one), USER (nobody is anonymous), ORDER ("begin" comes before "work"),
 * SIGN (an i32 is not negative). */
#include "zoo.h"

static int *table;

static void on_begin(void *instance, const jf_event *event) {
    table = calloc(1, sizeof *table);
    zoo_ack(instance, event);
}

static void on_work(void *instance, const jf_event *event) {
#ifdef ATTACHMENT
    if (event->args.len > 20 && event->attachments[0].len == 0) return;
#endif
#ifdef ORDER
    *table += 1;
#endif
#ifdef SIGN
    static const char digits[] = "0123456789";
    long number = strtol(event->args.ptr + 1, NULL, 10);
    if (digits[number % 10 * (number < 0 ? 1l << 40 : 1)] == 'x') return;
#endif
    zoo_ack(instance, event);
}

static void on_connected(void *instance, const jf_socket_event *event) {
    (void)instance, (void)event;
#ifdef USER
    if (event->user.ptr[event->user.len - 1 + (event->user.len == 0 ? -(1l << 40) : 0)] == 0) abort();
#endif
}

static const jf_event_decl events[] = {
    JF_EVENT("begin", on_begin),
#ifdef SIGN
    JF_TYPED_EVENT("work", "(number: i32) -> bool", on_work),
#else
    JF_EVENT("work", on_work),
#endif
};
static const jf_nsp_decl nsps[] = { { .name = JF_LIT("/"), .connected = on_connected } };

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    JF_SET_LIST(plugin->events, events);
    JF_SET_LIST(plugin->nsps, nsps);
    return zoo_begin(boot, plugin, "trusting");
}
