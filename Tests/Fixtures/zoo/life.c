/* Does something fatal in one of its callbacks. WHERE is the callback, HOW what it does. */
#include "zoo.h"

#include <signal.h>
#include <unistd.h>

enum { MAIN = 1, CREATE, START, WORK, STOP, DESTROY, INLINE };
enum { CRASH = 1, ABORT, HANG, EXIT, EXIT_NOW, CLOSE, FREEZE, GROW };

static void act(int here) {
    if (here != WHERE) return;
    switch (HOW) {
    case CRASH: *(volatile int *)8 = 1; break;
    case ABORT: abort();
    case HANG:
        for (;;) sleep(1);
    case EXIT: exit(3);
    case EXIT_NOW: _exit(4);
    case FREEZE: kill(getpid(), SIGSTOP); break;
    case GROW:
        for (;;) memset(malloc(1 << 24), 1, 1 << 24);
    case CLOSE:
        /* Somebody else's: the plugin has opened none. */
        close(4);
    }
}

static jf_code on_create(const jf_host *the_host, void **instance, jf_error *error) {
    (void)the_host, (void)error;
    *instance = malloc(16);
    act(CREATE);
    return JF_OK;
}

static jf_code on_start(void *instance, jf_error *error) {
    (void)instance, (void)error;
    act(START);
    return JF_OK;
}

static void on_stop(void *instance) {
    (void)instance;
    act(STOP);
}

static void on_destroy(void *instance) {
    act(DESTROY);
    free(instance);
}

static void on_work(void *instance, const jf_event *event) {
    act(WORK);
    act(INLINE);
    zoo_ack(instance, event);
}

static const jf_event_decl events[] = {
    { .name = JF_LIT("work"), .handler = on_work, .run = WHERE == INLINE ? JF_RUN_INLINE : JF_RUN_STRAND },
};

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    jf_code code = zoo_begin(boot, plugin, "life");
    act(MAIN);
    plugin->create = on_create;
    plugin->start = on_start;
    plugin->stop = on_stop;
    plugin->destroy = on_destroy;
    JF_SET_LIST(plugin->events, events);
    return code;
}
