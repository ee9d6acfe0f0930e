/*
 * An ack that is answered later, from another thread: `later` [ms] is acknowledged with [ms] after so many milliseconds.
 *
 *     cc -shared -fPIC -I include -o late_ack.so Tests/Fixtures/late-ack/late_ack.c -pthread
 */
#define _POSIX_C_SOURCE 200809L
#include <jackfield/jackfield.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const jf_host *host;
static jf_events_api io;
static jf_tokens_api tokens;
static jf_json_api json;

/* Threads under way; `destroy` waits for none of them longer than it takes to wake it. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static uint32_t running, stopping;

#define MOST_THREADS 256

typedef struct job {
    jf_token token;
    int64_t  delay;
} job;

static void *answer_later(void *argument) {
    job *work = argument;
    char args[32];
    jf_text text;
    struct timespec due;
    clock_gettime(CLOCK_REALTIME, &due);
    due.tv_sec += (time_t)(work->delay / 1000);
    due.tv_nsec += (long)(work->delay % 1000) * 1000000;
    if (due.tv_nsec >= 1000000000) {
        due.tv_nsec -= 1000000000;
        due.tv_sec++;
    }
    pthread_mutex_lock(&lock);
    while (!stopping && pthread_cond_timedwait(&changed, &lock, &due) == 0) {}
    pthread_mutex_unlock(&lock);

    text.ptr = args;
    text.len = (uint64_t)snprintf(args, sizeof args, "[%lld]", (long long)work->delay);
    io.ack(host, work->token, text, NULL, 0); /* the client may be gone: then it does nothing */
    free(work);

    pthread_mutex_lock(&lock);
    running--;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    return NULL;
}

static int32_t start_thread(job *work) {
    pthread_t thread;
    int32_t started = 0;
    pthread_mutex_lock(&lock);
    if (running < MOST_THREADS && pthread_create(&thread, NULL, answer_later, work) == 0) {
        pthread_detach(thread);
        running++;
        started = 1;
    }
    pthread_mutex_unlock(&lock);
    return started;
}

static void on_later(void *instance, const jf_event *event) {
    jf_json delay = { 0 };
    job *work;
    (void)instance;
    if (json.read(host, event->args, JF_TEXT("/0"), &delay) != JF_OK || !delay.is_integer || delay.integer < 0 ||
        delay.integer > 60000) {
        io.ack_error(host, event->ack, JF_TEXT("invalid_argument"), JF_TEXT("send milliseconds from 0 to 60000"));
        return;
    }
    work = malloc(sizeof *work);
    if (!work) return;
    work->delay = delay.integer;
    if (tokens.keep(host, event->ack, &work->token) != JF_OK) {
        free(work); /* nobody waits, or too many do */
        return;
    }
    if (!start_thread(work)) {
        io.ack_error(host, work->token, JF_TEXT("overloaded"), JF_TEXT("too many answers are under way"));
        free(work);
    }
}

static void destroy(void *instance) {
    (void)instance;
    pthread_mutex_lock(&lock);
    stopping = 1;
    pthread_cond_broadcast(&changed);
    while (running) pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static const jf_event_decl events[] = {
    { .name = JF_LIT("later"), .handler = on_later },
};

int32_t jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    host = boot->host;
    jf_describe(plugin, "late-ack", "1.0.0");
    plugin->destroy = destroy;
    plugin->events = (jf_event_list)JF_LIST(events);
    boot->query(host, JF_EVENTS, &io, sizeof io);
    boot->query(host, JF_TOKENS, &tokens, sizeof tokens);
    return boot->query(host, JF_JSON, &json, sizeof json);
}
