/* Calls the host wrongly: STRAY_TOKEN (a token on another thread), BAD_JSON, EVERYBODY (a target that names nobody). */
#include "zoo.h"

#include <pthread.h>

#ifdef STRAY_TOKEN
static void *ack_late(void *token) {
    io.ack(host, *(jf_token *)token, JF_TEXT("[]"), NULL, 0);
    return NULL;
}
#endif

static void on_work(void *instance, const jf_event *event) {
    (void)instance;
#ifdef STRAY_TOKEN
    jf_token token = event->ack;
    pthread_t thread;
    if (token == 0) return;
    pthread_create(&thread, NULL, ack_late, &token);
    pthread_join(thread, NULL);
#endif
#ifdef BAD_JSON
    io.ack(host, event->ack, JF_TEXT("[oops]"), NULL, 0);
#endif
#ifdef EVERYBODY
    jf_target target = { .struct_size = sizeof target, .user = event->user };
    jf_message message = { .struct_size = sizeof message, .name = JF_LIT("news") };
    io.broadcast(host, &target, &message);
    zoo_ack(instance, event);
#endif
}

static const jf_event_decl events[] = { JF_EVENT("work", on_work) };

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    JF_SET_LIST(plugin->events, events);
    return zoo_begin(boot, plugin, "misuses");
}
