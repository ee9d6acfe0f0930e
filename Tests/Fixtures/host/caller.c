/* Calls the service of reload.c, and acks its result or the code of the failure. */
#include <jackfield/jackfield.h>

#include <stdio.h>

static const jf_host *host;
static jf_core_api core;
static jf_events_api io;
static jf_services_api services;
static jf_binding binding;

static void call(const jf_event *event, uint32_t method) {
    jf_result result = { 0 };
    char args[64];
    jf_code code;
    result.struct_size = sizeof result;
    code = services.call(host, binding, method, NULL, 0, 5000, &result);
    if (code == JF_OK)
        snprintf(args, sizeof args, "[\"%.*s\"]", (int)result.value.val.text.len, result.value.val.text.ptr);
    else snprintf(args, sizeof args, "[%d]", code);
    if (result.storage) services.release(host, &result);
    io.ack(host, event->ack, jf_text_of(args), NULL, 0);
}

static void on_which(void *instance, const jf_event *event) {
    (void)instance;
    call(event, 0);
}

static void on_quick(void *instance, const jf_event *event) {
    (void)instance;
    call(event, 1);
}

static void changed(void *instance, void *context, jf_binding which, jf_code status, jf_text message) {
    char line[32];
    (void)instance;
    (void)context;
    (void)which;
    (void)message;
    snprintf(line, sizeof line, "changed %d", status);
    core.log(host, JF_LOG_INFO, jf_text_of(line));
}

static const jf_event_decl events[] = {
    JF_EVENT("which", on_which),
    { .name = JF_LIT("quick"), .handler = on_quick, .run = JF_RUN_INLINE },
};
static const jf_text needed[] = { JF_LIT("which() -> string"), JF_LIT("quick() -> string") };

static jf_code create(const jf_host *given, void **instance, jf_error *error) {
    jf_need need = { sizeof need, 2, JF_LIT("reload"), 1, 0, needed, changed, NULL };
    (void)given;
    *instance = NULL;
    return services.bind(host, &need, &binding, error);
}

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    host = boot->host;
    jf_describe(plugin, "caller", "1.0.0");
    plugin->create = create;
    JF_SET_LIST(plugin->events, events);
    if (boot->query(host, JF_CORE, &core, sizeof core) || boot->query(host, JF_SERVICES, &services, sizeof services))
        return JF_E_FAILED;
    return boot->query(host, JF_EVENTS, &io, sizeof io);
}
