/*
 * Sends acks later, from the plugin's own thread.
 *
 *     late   [ms, ...]   acks with the same arguments after ms
 *     twice  []          acks twice from the thread; emits `second` with the result code of the second attempt
 *     never  []          keeps the token and drops it: no ack is sent
 *
 *     cc -shared -fPIC -I include -o late_ack.so late_ack.c -pthread
 */
#define _POSIX_C_SOURCE 200809L
#include <jackfield/jackfield.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef struct job {
    struct job *next;
    int64_t due; /* nanoseconds on the host's monotonic clock */
    jf_token token;
    jf_socket second; /* not 0: ack twice, and emit the second code to this socket */
    uint64_t length;
    char args[];
} job;

typedef struct late {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    job *jobs;
    int stopping;
} late;

static const jf_boot *boot;
static jf_core_api core;
static jf_tokens_api tokens;
static jf_events_api io;
static jf_json_api json;

static int64_t now(void) {
    int64_t ns;
    core.mono_ns(boot->host, &ns);
    return ns;
}

static void answer(const job *due) {
    jf_text args = { due->args, due->length };
    int32_t code;
    char text[32];
    io.ack(boot->host, due->token, args, NULL, 0);
    if (!due->second) return;
    code = io.ack(boot->host, due->token, args, NULL, 0);
    snprintf(text, sizeof text, "[%d]", (int)code);
    {
        jf_message message = { .name = JF_LIT("second") };
        message.args = jf_text_of(text);
        io.emit(boot->host, due->second, &message);
    }
}

/* The thread: waits for the earliest job and acks it outside the lock, until `stopping` is set. */
static void *work(void *context) {
    late *state = context;
    pthread_mutex_lock(&state->lock);
    while (!state->stopping) {
        job **earliest = &state->jobs, **each;
        int64_t wait;
        if (!state->jobs) {
            pthread_cond_wait(&state->wake, &state->lock);
            continue;
        }
        for (each = &state->jobs; *each; each = &(*each)->next)
            if ((*each)->due < (*earliest)->due) earliest = each;
        wait = (*earliest)->due - now();
        if (wait > 0) {
            struct timespec until;
            clock_gettime(CLOCK_REALTIME, &until);
            wait += until.tv_nsec;
            until.tv_sec += (time_t)(wait / 1000000000);
            until.tv_nsec = (long)(wait % 1000000000);
            pthread_cond_timedwait(&state->wake, &state->lock, &until);
            continue;
        }
        {
            job *due = *earliest;
            *earliest = due->next;
            pthread_mutex_unlock(&state->lock);
            answer(due);
            free(due);
            pthread_mutex_lock(&state->lock);
        }
    }
    pthread_mutex_unlock(&state->lock);
    return NULL;
}

static void enqueue(late *state, const jf_event *event, int64_t milliseconds, jf_socket second) {
    job *added = malloc(sizeof *added + (size_t)event->args.len);
    if (!added) return;
    if (tokens.keep(boot->host, event->ack, &added->token) != JF_OK) {
        free(added);
        return;
    }
    added->due = now() + milliseconds * 1000000;
    added->second = second;
    added->length = event->args.len;
    memcpy(added->args, event->args.ptr, (size_t)event->args.len);
    pthread_mutex_lock(&state->lock);
    added->next = state->jobs;
    state->jobs = added;
    pthread_cond_signal(&state->wake);
    pthread_mutex_unlock(&state->lock);
}

static void on_late(void *instance, const jf_event *event) {
    jf_json first = { .struct_size = sizeof first };
    if (json.read(boot->host, event->args, JF_TEXT("/0"), &first) != JF_OK || !first.is_integer) {
        io.ack_error(boot->host, event->ack, JF_TEXT("bad_request"),
                     JF_TEXT("late: the first argument is milliseconds"));
        return;
    }
    enqueue(instance, event, first.integer, 0);
}

static void on_twice(void *instance, const jf_event *event) { enqueue(instance, event, 0, event->socket); }

static void on_never(void *instance, const jf_event *event) {
    jf_token kept;
    (void)instance;
    if (tokens.keep(boot->host, event->ack, &kept) == JF_OK) tokens.drop(boot->host, kept);
}

static int32_t create(const jf_host *host, void **instance, jf_error *error) {
    late *state = calloc(1, sizeof *state);
    (void)host;
    if (!state) return jf_fail(error, JF_E_FAILED, "out of memory");
    pthread_mutex_init(&state->lock, NULL);
    pthread_cond_init(&state->wake, NULL);
    if (pthread_create(&state->thread, NULL, work, state) != 0) {
        free(state);
        return jf_fail(error, JF_E_FAILED, "no thread to answer from");
    }
    *instance = state;
    return JF_OK;
}

static void destroy(void *instance) {
    late *state = instance;
    pthread_mutex_lock(&state->lock);
    state->stopping = 1;
    pthread_cond_signal(&state->wake);
    pthread_mutex_unlock(&state->lock);
    pthread_join(state->thread, NULL);
    while (state->jobs) {
        job *next = state->jobs->next;
        tokens.drop(boot->host, state->jobs->token);
        free(state->jobs);
        state->jobs = next;
    }
    pthread_cond_destroy(&state->wake);
    pthread_mutex_destroy(&state->lock);
    free(state);
}

static const jf_event_decl events[] = {
    { .name = JF_LIT("late"), .handler = on_late },
    { .name = JF_LIT("twice"), .handler = on_twice },
    { .name = JF_LIT("never"), .handler = on_never },
};

jf_code jf_plugin_main(const jf_boot *given, jf_plugin *plugin) {
    boot = given;
    jf_describe(plugin, "late-ack", "1.0.0");
    plugin->create = create;
    plugin->destroy = destroy;
    JF_SET_LIST(plugin->events, events);
    if (boot->query(boot->host, JF_CORE, &core, sizeof core) != JF_OK) return JF_E_UNSUPPORTED;
    if (boot->query(boot->host, JF_TOKENS, &tokens, sizeof tokens) != JF_OK) return JF_E_UNSUPPORTED;
    if (boot->query(boot->host, JF_JSON, &json, sizeof json) != JF_OK) return JF_E_UNSUPPORTED;
    return boot->query(boot->host, JF_EVENTS, &io, sizeof io);
}
