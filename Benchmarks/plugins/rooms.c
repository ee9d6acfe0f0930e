/*
 * Many rooms, for the scale tests: every socket joins its rooms when it connects, and `echo` x is sent back to it as
 * a broadcast to one of them, a different one each time. The cost must depend neither on the number of all rooms nor on
 * the number of the socket's rooms.
 *
 *     config: { fillers: F, roomsPerFiller: A, roomsPerSocket: B }
 *
 * The first F sockets join A rooms each, to fill the tables; every later one joins B rooms. No room has two sockets.
 */
#include <jackfield/jackfield.h>

#include <stdatomic.h>
#include <stdio.h>

static const jf_host *host;
static jf_core_api core;
static jf_events_api io;
static jf_rooms_api rooms;
static jf_json_api json;

static int64_t fillers, rooms_per_filler, rooms_per_socket = 1;
static atomic_llong sockets_seen;
static atomic_ullong next_room;

static jf_text room_name(char *buffer, size_t size, jf_socket socket, uint64_t number) {
    jf_text name = { buffer, (uint64_t)snprintf(buffer, size, "%llx-%llu", (unsigned long long)socket,
                                                (unsigned long long)number) };
    return name;
}

static void on_connected(void *instance, const jf_socket_event *event) {
    (void)instance;
    int64_t count = atomic_fetch_add(&sockets_seen, 1) < fillers ? rooms_per_filler : rooms_per_socket;
    for (int64_t number = 0; number < count; number++) {
        char buffer[48];
        rooms.join(host, event->socket, room_name(buffer, sizeof buffer, event->socket, (uint64_t)number));
    }
}

static void on_echo(void *instance, const jf_event *event) {
    (void)instance;
    char buffer[48];
    uint64_t number = atomic_fetch_add(&next_room, 1) % (uint64_t)rooms_per_socket;
    jf_text room = room_name(buffer, sizeof buffer, event->socket, number);
    jf_target one = { .struct_size = sizeof one, .rooms = &room, .room_count = 1 };
    jf_message echo = { .struct_size = sizeof echo, .name = JF_TEXT("echo"), .args = event->args };
    io.broadcast(host, &one, &echo);
}

static int32_t setting(jf_text config, jf_text pointer, int64_t least, int64_t *value, jf_error *error) {
    jf_json found = { .struct_size = sizeof found };
    if (json.read(host, config, pointer, &found) != JF_OK) return JF_OK;
    if (!found.is_integer || found.integer < least)
        return jf_fail(error, JF_E_INVALID, "bench-rooms: every setting is a whole number, roomsPerSocket at least 1");
    *value = found.integer;
    return JF_OK;
}

static int32_t create(const jf_host *unused, void **instance, jf_error *error) {
    (void)unused;
    (void)instance;
    jf_text config;
    int32_t code = core.config(host, &config);
    if (code == JF_OK) code = setting(config, JF_TEXT("/fillers"), 0, &fillers, error);
    if (code == JF_OK) code = setting(config, JF_TEXT("/roomsPerFiller"), 0, &rooms_per_filler, error);
    if (code == JF_OK) code = setting(config, JF_TEXT("/roomsPerSocket"), 1, &rooms_per_socket, error);
    return code;
}

static const jf_event_decl events[] = {
    { .name = JF_LIT("echo"), .handler = on_echo, .run = JF_RUN_INLINE },
};

static const jf_nsp_decl nsps[] = {
    { .name = JF_LIT("/"), .run = JF_RUN_INLINE, .connected = on_connected },
};

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    host = boot->host;
    jf_describe(plugin, "bench-rooms", "1.0.0");
    plugin->create = create;
    JF_SET_LIST(plugin->events, events);
    JF_SET_LIST(plugin->nsps, nsps);
    int32_t code = boot->query(host, JF_CORE, &core, sizeof core);
    if (code == JF_OK) code = boot->query(host, JF_EVENTS, &io, sizeof io);
    if (code == JF_OK) code = boot->query(host, JF_ROOMS, &rooms, sizeof rooms);
    if (code == JF_OK) code = boot->query(host, JF_JSON, &json, sizeof json);
    return code;
}
