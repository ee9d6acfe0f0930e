/*
 * A plugin whose threads call the host without a pause: before, during and after unloading. Every callback checks
 * whether its instance is alive. Faults are written to the file that the configuration names: {"report": "/tmp/..."}.
 */
#define _POSIX_C_SOURCE 200809L
#include <jackfield/jackfield.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define ALIVE   0x600DCAFEu
#define THREADS 3

static const jf_host *host;
static jf_core_api core;
static jf_events_api io;
static jf_sockets_api sockets;
static jf_rooms_api rooms;
static jf_presence_api presence;
static jf_timers_api timers;

/** destroy poisons it and does not free it, so that a callback that is called too late can be detected. */
typedef struct instance {
    uint32_t state;
    int ending;
    pthread_t threads[THREADS];
} instance;

static char report_path[512];
static jf_socket last_socket;
static int is_started;

static void report(const char *what) {
    int file = open(report_path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (file < 0) abort();
    if (write(file, what, strlen(what)) < 0 || write(file, "\n", 1) < 0) abort();
    close(file);
}

static void look(void *raw, const char *what) {
    instance *self = raw;
    if (!self || __atomic_load_n(&self->state, __ATOMIC_SEQ_CST) != ALIVE) report(what);
}

static void pause_us(long us) {
    struct timespec time = { 0, us * 1000 };
    nanosleep(&time, NULL);
}

static void on_task(void *self, void *context) { look(self, context); }

static void on_free(void *self, void *context) {
    (void)context;
    look(self, "a timer's context was freed after destroy began");
}

static void on_fetched(void *self, void *context, const jf_fetched *fetched) {
    (void)fetched;
    look(self, context);
}

static void on_answer(void *self, void *context, const jf_answer *answer) {
    (void)answer;
    look(self, context);
}

static void call_everything(void) {
    jf_socket socket = __atomic_load_n(&last_socket, __ATOMIC_SEQ_CST);
    jf_target all = { 0 };
    jf_message message = { 0 };
    jf_timer timer;
    all.flags = JF_TARGET_ALL;
    message.name = (jf_text)JF_LIT("hit");
    core.post(host, on_task, "a posted function came after destroy began", NULL);
    timers.after(host, 0, on_task, "a timer fired after destroy began", on_free, &timer);
    timers.after(host, 1, on_task, "a timer fired after destroy began", on_free, &timer);
    sockets.fetch(host, &all, JF_PART_ID, on_fetched, "fetched sockets came after destroy began");
    rooms.members(host, JF_TEXT("/"), JF_TEXT("room"), on_fetched, "members came after destroy began");
    io.emit(host, socket, &message);
    io.emit_ack(host, socket, &message, 5, on_answer, "an answer came after destroy began");
    presence.watch(host, JF_TEXT("alice"));
    /* Until create has returned, the host has no instance to pass. */
    if (__atomic_load_n(&is_started, __ATOMIC_SEQ_CST)) core.batch(host, on_task, "batch called after destroy began");
}

static void *hammer(void *raw) {
    instance *self = raw;
    for (;;) {
        int is_ending = __atomic_load_n(&self->ending, __ATOMIC_SEQ_CST);
        if (!is_ending) {
            call_everything();
        } else {
            if (core.post(host, on_task, "a function that a joined thread posted ran", NULL) != JF_E_STATE)
                report("post from a joined thread was not JF_E_STATE");
            if (is_ending > 50) return NULL;
            __atomic_add_fetch(&self->ending, 1, __ATOMIC_SEQ_CST);
        }
        pause_us(50);
    }
}

/** A thread that still runs after destroy, which a plugin should not leave. */
static void *stray(void *unused) {
    int calls;
    (void)unused;
    while (core.post(host, on_task, "a function that a stray thread posted ran after destroy began", NULL) !=
           JF_E_STATE) {
        timers.after(host, 0, on_task, "a timer of a stray thread fired after destroy began", NULL, NULL);
        pause_us(100);
    }
    for (calls = 0; calls < 100; calls++) {
        if (core.post(host, on_task, "a late function ran", NULL) != JF_E_STATE)
            report("post from a stray thread was not JF_E_STATE");
        if (timers.after(host, 0, on_task, "a late timer fired", NULL, NULL) != JF_E_STATE)
            report("after from a stray thread was not JF_E_STATE");
        pause_us(100);
    }
    return NULL;
}

static void on_event(void *self, const jf_event *event) {
    look(self, event->context);
    __atomic_store_n(&last_socket, event->socket, __ATOMIC_SEQ_CST);
    io.ack(host, event->ack, JF_TEXT("[]"), NULL, 0);
}

static const jf_event_decl events[] = {
    { .name = JF_LIT("strand"), .handler = on_event, .context = "an event came after destroy began" },
    { .name = JF_LIT("user"),
      .handler = on_event,
      .run = JF_RUN_BY_USER,
      .context = "an event came on a lane after destroy began" },
    { .name = JF_LIT("parallel"),
      .handler = on_event,
      .run = JF_RUN_PARALLEL,
      .context = "an event came on a lane after destroy began" },
    { .name = JF_LIT("inline"),
      .handler = on_event,
      .run = JF_RUN_INLINE,
      .context = "an inline event came after destroy began" },
};

static jf_code admit(void *self, const jf_attempt *attempt, jf_refusal *refusal) {
    (void)refusal;
    look(self, attempt->context);
    return JF_OK;
}

static void on_socket(void *self, const jf_socket_event *event) { look(self, event->context); }

static const jf_nsp_decl nsps[] = {
    { .name = JF_LIT("/"),
      .admit = admit,
      .connected = on_socket,
      .disconnecting = on_socket,
      .disconnected = on_socket,
      .context = "a hook was called after destroy began" },
    { .name = JF_LIT("/inline"),
      .run = JF_RUN_INLINE,
      .admit = admit,
      .connected = on_socket,
      .disconnected = on_socket,
      .context = "an inline hook was called after destroy began" },
};

static void on_tick(void *self, void *context) { look(self, context); }
static const jf_timer_decl ticking[] = {
    { .handler = on_tick, .context = "a declared timer fired after destroy began", .interval = 10 }
};

static void on_presence(void *self, const jf_presence_change *change) {
    (void)change;
    look(self, "presence was called after destroy began");
}

static jf_code on_ready(void *self, jf_error *error) {
    (void)error;
    look(self, "ready was called after destroy began");
    return JF_OK;
}

static jf_code on_handshake(void *self, const jf_handshake *request, jf_handshake_reply *reply) {
    (void)request;
    (void)reply;
    look(self, "handshake was called after destroy began");
    return JF_OK;
}

static jf_code create(const jf_host *given, void **made, jf_error *error) {
    instance *self = calloc(1, sizeof *self);
    pthread_t thread;
    int i;
    (void)given;
    if (!self) return jf_fail(error, JF_E_FAILED, "no memory");
    self->state = ALIVE;
    for (i = 0; i < THREADS; i++)
        if (pthread_create(&self->threads[i], NULL, hammer, self)) return jf_fail(error, JF_E_FAILED, "no thread");
    if (pthread_create(&thread, NULL, stray, NULL)) return jf_fail(error, JF_E_FAILED, "no thread");
    pthread_detach(thread);
    *made = self;
    return JF_OK;
}

static jf_code start(void *raw, jf_error *error) {
    (void)error;
    look(raw, "start was called after destroy began");
    __atomic_store_n(&is_started, 1, __ATOMIC_SEQ_CST);
    return JF_OK;
}

static void stop(void *raw) {
    look(raw, "stop was called after destroy began");
    call_everything();
}

static void destroy(void *raw) {
    instance *self = raw;
    int i;
    if (core.post(host, on_task, "a function that destroy posted ran", NULL) != JF_E_STATE)
        report("post from destroy was not JF_E_STATE");
    if (timers.after(host, 0, on_task, "a timer that destroy set fired", NULL, NULL) != JF_E_STATE)
        report("after from destroy was not JF_E_STATE");
    __atomic_store_n(&self->ending, 1, __ATOMIC_SEQ_CST);
    for (i = 0; i < THREADS; i++) pthread_join(self->threads[i], NULL);
    __atomic_store_n(&self->state, 0xDEADDEADu, __ATOMIC_SEQ_CST);
    /* Time for anything that was queued to run. */
    pause_us(2000);
}

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    jf_json_api json;
    jf_json value = { 0 };
    jf_text config;
    uint64_t length = 0;
    host = boot->host;
    if (boot->query(host, JF_CORE, &core, sizeof core) || boot->query(host, JF_EVENTS, &io, sizeof io) ||
        boot->query(host, JF_SOCKETS, &sockets, sizeof sockets) || boot->query(host, JF_ROOMS, &rooms, sizeof rooms) ||
        boot->query(host, JF_PRESENCE, &presence, sizeof presence) ||
        boot->query(host, JF_TIMERS, &timers, sizeof timers) || boot->query(host, JF_JSON, &json, sizeof json))
        return JF_E_FAILED;
    if (core.config(host, &config) || json.read(host, config, JF_TEXT("/report"), &value) ||
        json.text(host, value.raw, report_path, sizeof report_path - 1, &length))
        return JF_E_INVALID;
    report_path[length] = 0;
    if (core.post(host, on_task, "a function that jf_plugin_main posted ran", NULL) != JF_E_STATE)
        report("post from jf_plugin_main was not JF_E_STATE");
    jf_describe(plugin, "hammer", "1.0.0");
    plugin->create = create;
    plugin->start = start;
    plugin->stop = stop;
    plugin->destroy = destroy;
    plugin->presence = on_presence;
    plugin->ready = on_ready;
    plugin->handshake = on_handshake;
    JF_SET_LIST(plugin->events, events);
    JF_SET_LIST(plugin->nsps, nsps);
    JF_SET_LIST(plugin->timers, ticking);
    return JF_OK;
}
