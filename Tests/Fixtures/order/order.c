/*
 * Sends messages to many receivers, for tests of the order in which they arrive. The sockets in /crowd are the
 * receivers; a client in "/" sends the commands:
 *
 *     broadcast  [...]  broadcasts event `n` to all receivers, with the same arguments and attachments
 *     unicast    [...]  the same, with one emit for each receiver
 *     inline:broadcast, inline:unicast   the same from the event loop instead of the strand
 *     size       []     acks the number of receivers
 *     shrink     [n]    sets the send buffer of each TCP socket of this process to n bytes; later connections inherit
 *                       it from the listener. The kernel's default size would hold all data of a test. A plugin can do
 *                       this because it runs in the host's process
 *
 *     cc -shared -fPIC -I include -o order.so order.c
 */
#define _GNU_SOURCE
#include <jackfield/jackfield.h>

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { MOST = 4096 };

static const jf_host *host;
static jf_events_api io;
static jf_json_api json;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static jf_socket crowd[MOST];
static unsigned size;

static void on_connected(void *instance, const jf_socket_event *event) {
    (void)instance;
    pthread_mutex_lock(&lock);
    if (size < MOST) crowd[size++] = event->socket;
    pthread_mutex_unlock(&lock);
}

static jf_message relayed(const jf_event *event) {
    jf_message message = { .struct_size = sizeof message,
                           .name = JF_TEXT("n"),
                           .args = event->args,
                           .attachments = event->attachments,
                           .attachment_count = event->attachment_count };
    return message;
}

static void on_broadcast(void *instance, const jf_event *event) {
    jf_target everyone = { .struct_size = sizeof everyone, .flags = JF_TARGET_ALL, .nsp = JF_TEXT("/crowd") };
    jf_message message = relayed(event);
    (void)instance;
    io.broadcast(host, &everyone, &message);
}

static void on_unicast(void *instance, const jf_event *event) {
    jf_message message = relayed(event);
    (void)instance;
    pthread_mutex_lock(&lock);
    for (unsigned i = 0; i < size; i++) io.emit(host, crowd[i], &message);
    pthread_mutex_unlock(&lock);
}

static void on_size(void *instance, const jf_event *event) {
    char text[32];
    (void)instance;
    pthread_mutex_lock(&lock);
    snprintf(text, sizeof text, "[%u]", size);
    pthread_mutex_unlock(&lock);
    io.ack(host, event->ack, jf_text_of(text), NULL, 0);
}

static void on_shrink(void *instance, const jf_event *event) {
    jf_json first = { .struct_size = sizeof first };
    DIR *open = opendir("/proc/self/fd");
    (void)instance;
    if (open && json.read(host, event->args, JF_TEXT("/0"), &first) == JF_OK && first.is_integer) {
        int bytes = (int)first.integer;
        for (struct dirent *entry; (entry = readdir(open));)
            setsockopt(atoi(entry->d_name), SOL_SOCKET, SO_SNDBUF, &bytes,
                       sizeof bytes); /* fails for other descriptors */
    }
    if (open) closedir(open);
    io.ack(host, event->ack, event->args, NULL, 0);
}

static const jf_event_decl events[] = {
    { .name = JF_LIT("broadcast"), .handler = on_broadcast },
    { .name = JF_LIT("unicast"), .handler = on_unicast },
    { .name = JF_LIT("inline:broadcast"), .handler = on_broadcast, .run = JF_RUN_INLINE },
    { .name = JF_LIT("inline:unicast"), .handler = on_unicast, .run = JF_RUN_INLINE },
    { .name = JF_LIT("size"), .handler = on_size },
    { .name = JF_LIT("shrink"), .handler = on_shrink },
};

static const jf_nsp_decl nsps[] = {
    { .name = JF_LIT("/crowd"), .connected = on_connected },
};

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    host = boot->host;
    jf_describe(plugin, "order", "1.0.0");
    JF_SET_LIST(plugin->events, events);
    JF_SET_LIST(plugin->nsps, nsps);
    if (boot->query(host, JF_JSON, &json, sizeof json) != JF_OK) return JF_E_UNSUPPORTED;
    return boot->query(host, JF_EVENTS, &io, sizeof io);
}
