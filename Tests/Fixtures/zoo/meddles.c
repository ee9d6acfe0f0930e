/* Changes what belongs to the process: STEAL, HANDLER_STEAL, BLOCK, CHDIR, UMASK, LOCALE, ENVIRONMENT or PRINT. */
#define _GNU_SOURCE
#include "zoo.h"

#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static jf_code on_create(const jf_host *the_host, void **instance, jf_error *error) {
    (void)the_host, (void)error;
    *instance = NULL;
#ifdef STEAL
    signal(SIGTERM, SIG_IGN);
#endif
#ifdef BLOCK
    sigset_t set;
    sigfillset(&set);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
#endif
#ifdef CHDIR
    if (chdir("/") != 0) return JF_E_FAILED;
#endif
#ifdef UMASK
    umask(0);
#endif
#ifdef LOCALE
    if (!setlocale(LC_ALL, "C.UTF-8")) return JF_E_FAILED;
#endif
#ifdef ENVIRONMENT
    setenv("TZ", "Europe/Berlin", 1);
#endif
    return JF_OK;
}

static void on_work(void *instance, const jf_event *event) {
#ifdef HANDLER_STEAL
    signal(SIGINT, SIG_DFL);
#endif
#ifdef PRINT
    printf("work has come\n");
#endif
    zoo_ack(instance, event);
}

static const jf_event_decl events[] = { JF_EVENT("work", on_work) };

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    plugin->create = on_create;
    JF_SET_LIST(plugin->events, events);
    return zoo_begin(boot, plugin, "meddles");
}
