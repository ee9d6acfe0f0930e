/*
 * Single calls of the host, for the micro-benchmarks: each event repeats one of them CALLS times, inside its handler
 * on the event loop, and is acked if all of them succeeded. HTTP requests are answered there, too.
 */
#include <jackfield/jackfield.h>

enum { CALLS = 100 };

static const jf_host *host;
static jf_events_api io;
static jf_rooms_api rooms;
static jf_sockets_api sockets;
static jf_presence_api presence;
static jf_json_api json;
static jf_http_api http;
static jf_services_api services;

/* A service of this plugin, which it binds itself. */
static jf_binding binding;
static double (*add)(double, double);

static jf_code on_add(void *instance, const jf_call *call) {
    (void)instance;
    *call->result = jf_f64(call->args[0].val.f64 + call->args[1].val.f64);
    return JF_OK;
}

/* `call` may use `event` and returns JF_OK if it succeeds. */
#define HANDLER(name, call)                                        \
    static void on_##name(void *instance, const jf_event *event) { \
        (void)instance;                                            \
        for (int number = 0; number < CALLS; number++)             \
            if ((call) != JF_OK) return;                           \
        io.ack(host, event->ack, JF_TEXT("[]"), NULL, 0);          \
    }

static int32_t emit(const jf_event *event) {
    jf_message message = { .struct_size = sizeof message, .name = JF_TEXT("message"), .args = event->args };
    return io.emit(host, event->socket, &message);
}

/* To all sockets, of which there is one: the cost of a broadcast without its deliveries. */
static int32_t broadcast(const jf_event *event) {
    jf_target everyone = { .struct_size = sizeof everyone, .flags = JF_TARGET_ALL };
    jf_message message = { .struct_size = sizeof message, .name = JF_TEXT("message"), .args = event->args };
    return io.broadcast(host, &everyone, &message);
}

static int32_t join_leave(const jf_event *event) {
    int32_t code = rooms.join(host, event->socket, JF_TEXT("general"));
    return code == JF_OK ? rooms.leave(host, event->socket, JF_TEXT("general")) : code;
}

static int32_t describe(const jf_event *event) {
    char text[256];
    uint64_t length;
    return sockets.describe(host, event->socket, JF_PART_ID | JF_PART_USER, text, sizeof text, &length);
}

static int32_t read_json(const jf_event *event) {
    jf_json value = { .struct_size = sizeof value };
    return json.read(host, event->args, JF_TEXT("/0/room"), &value);
}

static int32_t call_service(void) {
    jf_value args[2] = { jf_f64(1), jf_f64(2) };
    jf_result result = { .struct_size = sizeof result };
    return services.call(host, binding, 0, args, 2, 1000, &result);
}

static int32_t online;

HANDLER(emit, emit(event))
HANDLER(broadcast, broadcast(event))
HANDLER(join_leave, join_leave(event))
HANDLER(is_online, presence.is_online(host, JF_TEXT("nobody"), &online))
HANDLER(describe, describe(event))
HANDLER(read_json, read_json(event))
HANDLER(service, call_service())
HANDLER(pointer, add(1, 2) == 3 ? JF_OK : JF_E_FAILED)

static const jf_event_decl events[] = {
    { .name = JF_LIT("emit"), .handler = on_emit, .run = JF_RUN_INLINE },
    { .name = JF_LIT("broadcast"), .handler = on_broadcast, .run = JF_RUN_INLINE },
    { .name = JF_LIT("join-leave"), .handler = on_join_leave, .run = JF_RUN_INLINE },
    { .name = JF_LIT("is-online"), .handler = on_is_online, .run = JF_RUN_INLINE },
    { .name = JF_LIT("describe"), .handler = on_describe, .run = JF_RUN_INLINE },
    { .name = JF_LIT("read-json"), .handler = on_read_json, .run = JF_RUN_INLINE },
    { .name = JF_LIT("service"), .handler = on_service, .run = JF_RUN_INLINE },
    { .name = JF_LIT("pointer"), .handler = on_pointer, .run = JF_RUN_INLINE },
};

/* Answers with a stored row, like most POSTs. */
static void on_create(void *instance, const jf_request *request) {
    (void)instance;
    static const char row[] = "{\"id\":\"0199f3c2-7a44-7c1e-9d0b-5b1c2f6a7e10\",\"user_id\":\"online\",\"type\":"
                              "\"order\",\"title\":\"Your order has been shipped\","
                              "\"body\":\"It will arrive on Thursday, between nine and "
                              "twelve.\",\"data\":{\"order\":4711,\"carrier\":\"post\"},"
                              "\"created_at\":\"2026-11-23T07:30:00.000Z\",\"read_at\":null,\"delivered\":true}";
    jf_response response = { .struct_size = sizeof response,
                             .status = 201,
                             .body = { (const uint8_t *)row, sizeof row - 1 } };
    if (request->body.len > 0) http.respond(host, request->reply, &response);
}

static const jf_route_decl routes[] = {
    { .method = JF_LIT("POST"),
      .path = JF_LIT("/v1/rows"),
      .handler = on_create,
      .run = JF_RUN_INLINE,
      .scope = JF_LIT("rows:write") },
    { .method = JF_LIT("POST"),
      .path = JF_LIT("/v1/users/{user}/rows"),
      .handler = on_create,
      .run = JF_RUN_INLINE,
      .auth = JF_AUTH_NONE },
};

static const jf_method_decl methods[] = {
    { .signature = JF_LIT("add(a: f64, b: f64) -> f64"), .handler = on_add, .run = JF_RUN_INLINE },
};

static const jf_service_decl provided[] = {
    { .name = JF_LIT("bench"), .major = 1, .methods = { methods, 1, sizeof methods[0] } },
};

static jf_code create(const jf_host *unused, void **instance, jf_error *error) {
    static const jf_text needed[] = { JF_LIT("add(a: f64, b: f64) -> f64") };
    jf_need need = {
        .struct_size = sizeof need, .method_count = 1, .service = JF_TEXT("bench"), .major = 1, .methods = needed
    };
    (void)unused;
    (void)instance;
    jf_code code = services.bind(host, &need, &binding, error);
    return code == JF_OK ? services.c_function(host, binding, 0, (jf_fn *)&add, error) : code;
}

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    host = boot->host;
    jf_describe(plugin, "bench-calls", "1.0.0");
    JF_SET_LIST(plugin->events, events);
    JF_SET_LIST(plugin->routes, routes);
    JF_SET_LIST(plugin->services, provided);
    plugin->create = create;
    int32_t code = boot->query(host, JF_EVENTS, &io, sizeof io);
    if (code == JF_OK) code = boot->query(host, JF_ROOMS, &rooms, sizeof rooms);
    if (code == JF_OK) code = boot->query(host, JF_SOCKETS, &sockets, sizeof sockets);
    if (code == JF_OK) code = boot->query(host, JF_PRESENCE, &presence, sizeof presence);
    if (code == JF_OK) code = boot->query(host, JF_JSON, &json, sizeof json);
    if (code == JF_OK) code = boot->query(host, JF_HTTP, &http, sizeof http);
    if (code == JF_OK) code = boot->query(host, JF_SERVICES, &services, sizeof services);
    return code;
}
