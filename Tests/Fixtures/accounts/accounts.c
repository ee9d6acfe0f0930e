/*
 * A plugin whose callbacks are quick, slow, or fail:
 *
 *     quick       acks
 *     slow [ms]   sleeps, then acks
 *     fails       acks with an error
 *     typed       has a signature, which the arguments may break
 *     GET /v1/fails    answers 503; GET /v1/silent does not answer
 *     the namespace /closed, whose hook fails
 */
#define _GNU_SOURCE
#include <jackfield/jackfield.h>

#include <time.h>

static const jf_host *host;
static jf_events_api io;
static jf_json_api json;
static jf_http_api http;

static void on_quick(void *instance, const jf_event *event) {
    (void)instance;
    io.ack(host, event->ack, JF_TEXT("[]"), NULL, 0);
}

static void on_slow(void *instance, const jf_event *event) {
    jf_json value = { 0 };
    struct timespec left;
    (void)instance;
    json.read(host, event->args, JF_TEXT("/0"), &value);
    left.tv_sec = value.integer / 1000;
    left.tv_nsec = value.integer % 1000 * 1000000;
    while (nanosleep(&left, &left) != 0) {}
    io.ack(host, event->ack, JF_TEXT("[]"), NULL, 0);
}

static void on_fails(void *instance, const jf_event *event) {
    (void)instance;
    io.ack_error(host, event->ack, JF_TEXT("not_found"), JF_TEXT("there is nothing"));
}

static const jf_event_decl events[] = {
    { .name = JF_LIT("quick"), .handler = on_quick },
    { .name = JF_LIT("slow"), .handler = on_slow },
    { .name = JF_LIT("fails"), .handler = on_fails },
    { .name = JF_LIT("typed"), .handler = on_quick, .signature = JF_LIT("(number: i32)") },
};

static void on_request(void *instance, const jf_request *request) {
    (void)instance;
    http.problem(host, request->reply, 503, JF_TEXT("unavailable"), JF_TEXT("not now"));
}

static void on_silent(void *instance, const jf_request *request) {
    (void)instance;
    (void)request;
}

static const jf_route_decl routes[] = {
    { .method = JF_LIT("GET"), .path = JF_LIT("/v1/fails"), .handler = on_request, .auth = JF_AUTH_NONE },
    { .method = JF_LIT("GET"), .path = JF_LIT("/v1/silent"), .handler = on_silent, .auth = JF_AUTH_NONE },
};

static jf_code on_admit(void *instance, const jf_attempt *attempt, jf_refusal *refusal) {
    (void)instance;
    (void)attempt;
    (void)refusal;
    return JF_E_FAILED;
}

static const jf_nsp_decl nsps[] = { { .name = JF_LIT("/closed"), .admit = on_admit } };

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    jf_code code;
    host = boot->host;
    if ((code = boot->query(host, JF_EVENTS, &io, sizeof io)) ||
        (code = boot->query(host, JF_JSON, &json, sizeof json)) ||
        (code = boot->query(host, JF_HTTP, &http, sizeof http)))
        return code;
    jf_describe(plugin, "accounts", "1.0.0");
    JF_SET_LIST(plugin->events, events);
    JF_SET_LIST(plugin->routes, routes);
    JF_SET_LIST(plugin->nsps, nsps);
    return JF_OK;
}
