/* Leaves something behind at each load: HEAP, MAPPING, THREAD, DESCRIPTOR or FILE. */
#define _GNU_SOURCE
#include "zoo.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef THREAD
static void *sleep_for_ever(void *argument) {
    (void)argument;
    for (;;) sleep(60);
}
#endif

static jf_code on_create(const jf_host *the_host, void **instance, jf_error *error) {
    (void)the_host, (void)error;
    *instance = NULL;
#ifdef HEAP
    /* Volatile, so that the compiler does not leave it out. */
    static char *volatile kept;
    kept = malloc(1 << 20);
    memset(kept, 1, 1 << 20);
#endif
#ifdef MAPPING
    memset(mmap(NULL, 4 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 1, 4 << 20);
#endif
#ifdef THREAD
    pthread_t thread;
    pthread_create(&thread, NULL, sleep_for_ever, NULL);
    pthread_detach(thread);
#endif
#ifdef DESCRIPTOR
    if (open("/dev/null", O_RDONLY) < 0) return JF_E_FAILED;
#endif
#ifdef FILE_LOCK
    /* destroy does not remove it, so the next load finds it. */
    if (open("lock", O_CREAT | O_EXCL | O_CLOEXEC, 0600) < 0) return jf_fail(error, JF_E_FAILED, "is running already");
#endif
    return JF_OK;
}

static const jf_event_decl events[] = { JF_EVENT("work", zoo_ack) };

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    plugin->create = on_create;
    JF_SET_LIST(plugin->events, events);
    return zoo_begin(boot, plugin, "leaks");
}
