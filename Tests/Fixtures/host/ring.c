/*
 * One plugin of a ring: service NAME has a method "step" that calls the method of service NEXT and returns its code.
 * RUN says where the method runs. The event "NAME" calls NEXT from the strand and acks the code.
 */
#include <jackfield/jackfield.h>

#include <stdio.h>

#ifndef NAME
#define NAME "one"
#define NEXT "two"
#define RUN  JF_RUN_STRAND
#endif

static const jf_host *host;
static jf_events_api io;
static jf_services_api services;
static jf_binding next;

static jf_code step(int32_t left, int32_t *answer) {
    jf_value arg = jf_i32(left);
    jf_result result = { .struct_size = sizeof result };
    jf_code code = services.call(host, next, 0, &arg, 1, 5000, &result);
    *answer = result.value.val.i32;
    services.release(host, &result);
    return code;
}

static jf_code on_step(void *instance, const jf_call *call) {
    int32_t left = call->args[0].val.i32, answer = 0;
    (void)instance;
    if (left == 0) {
        *call->result = jf_i32(7);
        return JF_OK;
    }
    jf_code code = step(left - 1, &answer);
    *call->result = jf_i32(answer);
    return code;
}

static int32_t (*next_step)(int32_t left);

/* The same as a C function, which calls the next one through a pointer. */
static int32_t c_step(int32_t left) { return left == 0 ? 7 : next_step(left - 1); }

static void on_go(void *instance, const jf_event *event) {
    char text[64];
    int32_t answer = 0, left = 0;
    (void)instance;
    sscanf(event->args.ptr, "[%d]", &left);
#ifdef C_FUNCTION
    jf_code code = JF_OK;
    answer = c_step(left);
#else
    jf_code code = step(left, &answer);
#endif
    snprintf(text, sizeof text, "[%d,%d]", code, answer);
    io.ack(host, event->ack, jf_text_of(text), NULL, 0);
}

static const jf_event_decl events[] = { JF_EVENT(NAME, on_go) };
#ifdef C_FUNCTION
#define SIGNATURE "step(left: i32) -> i32"
static const jf_method_decl methods[] = { { JF_LIT(SIGNATURE), NULL, (jf_fn)c_step, RUN, 0, NULL } };
#else
#define SIGNATURE "step(left: i32) throws -> i32"
static const jf_method_decl methods[] = { { JF_LIT("step(left: i32) throws -> i32"), on_step, NULL, RUN, 0, NULL } };
#endif
static const jf_service_decl provided[] = { { JF_LIT(NAME), 1, 0, JF_LIST(methods) } };

static jf_code create(const jf_host *unused, void **instance, jf_error *error) {
    static const jf_text needed[] = { JF_LIT(SIGNATURE) };
    jf_need need = { sizeof need, 1, jf_text_of(NEXT), 1, 0, needed, NULL, NULL };
    (void)unused;
    (void)instance;
    jf_code code = services.bind(host, &need, &next, error);
    (void)on_step, (void)c_step;
    if (code == JF_OK) code = services.c_function(host, next, 0, (jf_fn *)&next_step, error);
    return code;
}

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    host = boot->host;
    boot->query(host, JF_EVENTS, &io, sizeof io);
    jf_describe(plugin, NAME, "1.0.0");
    plugin->create = create;
    JF_SET_LIST(plugin->events, events);
    JF_SET_LIST(plugin->services, provided);
    return boot->query(host, JF_SERVICES, &services, sizeof services);
}
