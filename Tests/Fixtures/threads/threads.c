/*
 * A plugin that logs on which thread each kind of callback runs: a line "KIND on thread NUMBER" when it is called for
 * the first time, and "KIND on another thread" if it is called on a second one. All of them belong on the strand,
 * also the library's constructor.
 *
 * The event `all` causes those callbacks that the plugin causes itself. `signals-lane` (JF_RUN_PARALLEL) and
 * `signals` ack with the signals that are blocked in a child made by posix_spawn, in the format of /proc.
 *
 * The events `take` (a handler of SIGTERM) and `ignore` (SIG_IGN) change what the process does on SIGTERM.
 */
#define _GNU_SOURCE
#include <jackfield/jackfield.h>

#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const jf_host *host;
static jf_core_api core;
static jf_events_api io;
static jf_sockets_api sockets;
static jf_rooms_api rooms;
static jf_presence_api presence;
static jf_timers_api timers;
static jf_http_api http;

static struct {
    const char *kind;
    long thread;
} seen[32];
static int seen_count;
static long constructor_thread;

/* On the strand, so without a lock: what this plugin tests. */
static void note(const char *kind) {
    char line[128];
    long thread = syscall(SYS_gettid);
    int i;
    for (i = 0; i < seen_count && strcmp(seen[i].kind, kind) != 0; i++) {}
    if (i < seen_count && seen[i].thread == thread) return;
    if (i < seen_count) {
        snprintf(line, sizeof line, "%s on another thread", kind);
    } else {
        seen[seen_count].kind = kind;
        seen[seen_count++].thread = thread;
        snprintf(line, sizeof line, "%s on thread %ld", kind, thread);
    }
    core.log(host, JF_LOG_INFO, jf_text_of(line));
}

__attribute__((constructor)) static void construct(void) {
    int ends[2];
    constructor_thread = syscall(SYS_gettid);
    /* SIGPIPE ends a process that does not ignore it. */
    if (pipe(ends) != 0) abort();
    close(ends[0]);
    if (write(ends[1], "x", 1) >= 0) abort();
    close(ends[1]);
}

static void on_posted(void *instance, void *context) {
    (void)instance;
    (void)context;
    note("posted");
}
static void on_timer(void *instance, void *context) {
    (void)instance;
    (void)context;
    note("declared timer");
}
static void on_after(void *instance, void *context) {
    (void)instance;
    (void)context;
    note("timer");
}
static void on_freed(void *instance, void *data) {
    (void)instance;
    (void)data;
    note("free");
}
static void on_fetched(void *instance, void *context, const jf_fetched *fetched) {
    (void)instance;
    (void)context;
    (void)fetched;
    note("fetched");
}
static void on_members(void *instance, void *context, const jf_fetched *fetched) {
    (void)instance;
    (void)context;
    (void)fetched;
    note("members");
}
static void on_answer(void *instance, void *context, const jf_answer *answer) {
    (void)instance;
    (void)context;
    (void)answer;
    note("answer");
}
static void on_answers(void *instance, void *context, const jf_answers *answers) {
    (void)instance;
    (void)context;
    (void)answers;
    note("answers");
}

static void on_all(void *instance, const jf_event *event) {
    static int data;
    jf_target target = { .struct_size = sizeof target, .flags = JF_TARGET_ALL };
    jf_message message = { .struct_size = sizeof message, .name = JF_LIT("question") };
    jf_timer cancelled = 0;
    (void)instance;
    note("event");
    core.post(host, on_posted, NULL, NULL);
    timers.after(host, 5, on_after, NULL, NULL, NULL);
    timers.after(host, 1000000, on_after, NULL, on_freed, &cancelled);
    timers.cancel(host, cancelled);
    sockets.set_plugin_data(host, event->socket, &data, on_freed);
    sockets.fetch(host, &target, 0, on_fetched, NULL);
    rooms.members(host, JF_TEXT("/"), JF_TEXT("user:ada"), on_members, NULL);
    io.emit_ack(host, event->socket, &message, 50, on_answer, NULL);
    io.broadcast_ack(host, &target, &message, 50, on_answers, NULL);
    io.ack(host, event->ack, JF_TEXT("[]"), NULL, 0);
}

static void on_signals(void *instance, const jf_event *event) {
    char *arguments[] = { "grep", "SigBlk", "/proc/self/status", NULL }, *environment[] = { NULL };
    char line[128] = "", answer[160];
    posix_spawn_file_actions_t actions;
    ssize_t count;
    pid_t child;
    int ends[2];
    (void)instance;
    if (pipe(ends) != 0) return;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    if (posix_spawn(&child, "/bin/grep", &actions, NULL, arguments, environment) == 0) waitpid(child, NULL, 0);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    count = read(ends[0], line, sizeof line - 1);
    close(ends[0]);
    line[count > 0 ? count : 0] = 0;
    line[strcspn(line, "\n")] = 0;
    snprintf(answer, sizeof answer, "[\"%s\"]", line + strspn(line, "SigBlk:\t "));
    io.ack(host, event->ack, jf_text_of(answer), NULL, 0);
}

static void on_sigterm(int number) { (void)number; }

static void on_take(void *instance, const jf_event *event) {
    struct sigaction action;
    (void)instance;
    memset(&action, 0, sizeof action);
    action.sa_handler = jf_text_equal(event->name, JF_TEXT("take")) ? on_sigterm : SIG_IGN;
    sigaction(SIGTERM, &action, NULL);
    io.ack(host, event->ack, JF_TEXT("[]"), NULL, 0);
}

static const jf_event_decl events[] = {
    { .name = JF_LIT("all"), .handler = on_all },
    { .name = JF_LIT("signals"), .handler = on_signals },
    { .name = JF_LIT("signals-lane"), .handler = on_signals, .run = JF_RUN_PARALLEL },
    { .name = JF_LIT("take"), .handler = on_take },
    { .name = JF_LIT("ignore"), .handler = on_take },
};

static jf_code on_admit(void *instance, const jf_attempt *attempt, jf_refusal *refusal) {
    jf_admission admission = { .struct_size = sizeof admission, .user = JF_LIT("ada") };
    (void)instance;
    (void)refusal;
    note("admit");
    return sockets.accept(host, attempt->decision, &admission);
}
static void on_connected(void *instance, const jf_socket_event *event) {
    (void)instance;
    (void)event;
    note("connected");
}
static void on_disconnecting(void *instance, const jf_socket_event *event) {
    (void)instance;
    (void)event;
    note("disconnecting");
}
static void on_disconnected(void *instance, const jf_socket_event *event) {
    (void)instance;
    (void)event;
    note("disconnected");
}

static const jf_nsp_decl nsps[] = { { .name = JF_LIT("/"),
                                      .admit = on_admit,
                                      .connected = on_connected,
                                      .disconnecting = on_disconnecting,
                                      .disconnected = on_disconnected } };

static void on_request(void *instance, const jf_request *request) {
    jf_response response = { .struct_size = sizeof response, .status = 204 };
    (void)instance;
    note("request");
    http.respond(host, request->reply, &response);
}

static const jf_route_decl routes[] = {
    { .method = JF_LIT("GET"), .path = JF_LIT("/v1/thread"), .handler = on_request, .auth = JF_AUTH_NONE },
};

static const jf_timer_decl declared_timers[] = { { .handler = on_timer, .interval = 20 } };

static void on_presence(void *instance, const jf_presence_change *change) {
    (void)instance;
    (void)change;
    note("presence");
}

static jf_code create(const jf_host *given, void **instance, jf_error *error) {
    (void)given;
    (void)instance;
    (void)error;
    note("create");
    return JF_OK;
}
static jf_code start(void *instance, jf_error *error) {
    (void)instance;
    (void)error;
    note("start");
    return presence.watch(host, JF_TEXT(""));
}
static jf_code ready(void *instance, jf_error *error) {
    (void)instance;
    (void)error;
    note("ready");
    return JF_OK;
}
static void stop(void *instance) {
    (void)instance;
    note("stop");
}
static void destroy(void *instance) {
    (void)instance;
    note("destroy");
}

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    char line[64];
    jf_code code;
    host = boot->host;
    if ((code = boot->query(host, JF_CORE, &core, sizeof core)) ||
        (code = boot->query(host, JF_EVENTS, &io, sizeof io)) ||
        (code = boot->query(host, JF_SOCKETS, &sockets, sizeof sockets)) ||
        (code = boot->query(host, JF_ROOMS, &rooms, sizeof rooms)) ||
        (code = boot->query(host, JF_PRESENCE, &presence, sizeof presence)) ||
        (code = boot->query(host, JF_TIMERS, &timers, sizeof timers)) ||
        (code = boot->query(host, JF_HTTP, &http, sizeof http)))
        return code;
    snprintf(line, sizeof line, "constructor on thread %ld", constructor_thread);
    core.log(host, JF_LOG_INFO, jf_text_of(line));
    note("jf_plugin_main");
    jf_describe(plugin, "threads", "1.0.0");
    plugin->create = create;
    plugin->start = start;
    plugin->stop = stop;
    plugin->destroy = destroy;
    plugin->ready = ready;
    plugin->presence = on_presence;
    JF_SET_LIST(plugin->events, events);
    JF_SET_LIST(plugin->nsps, nsps);
    JF_SET_LIST(plugin->routes, routes);
    JF_SET_LIST(plugin->timers, declared_timers);
    return JF_OK;
}
