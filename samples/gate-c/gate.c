/*
 * Refuses new sessions during maintenance: from `POST /v1/gate/close` to `POST /v1/gate/open` no session opens, on
 * either transport. Connected clients stay connected. A refused client gets {"code":4,"message":"closed for ..."}.
 *
 *     cc -shared -fPIC -I include -o gate.so samples/gate-c/gate.c
 *     jackfield serve --plugin ./gate.so
 */
#include <jackfield/jackfield.h>

static const jf_host *host;
static jf_http_api http;

/* Written on the strand and read on all event loops, so it is atomic. A lock could block a loop. */
static int32_t is_closed;

static int32_t on_handshake(void *instance, const jf_handshake *request, jf_handshake_reply *reply) {
    (void)instance;
    (void)request; /* Its headers, url and address could be checked here. */
    if (!__atomic_load_n(&is_closed, __ATOMIC_RELAXED)) return JF_OK;
    return jf_deny(reply, "closed for maintenance, come back in a few minutes");
}

static void set_closed(const jf_request *request, int32_t closed) {
    jf_response nothing = { .status = 204 };
    __atomic_store_n(&is_closed, closed, __ATOMIC_RELAXED);
    http.respond(host, request->reply, &nothing);
}

static void on_close(void *instance, const jf_request *request) {
    (void)instance;
    set_closed(request, 1);
}

static void on_open(void *instance, const jf_request *request) {
    (void)instance;
    set_closed(request, 0);
}

static const jf_route_decl routes[] = {
    { .method = JF_LIT("POST"), .path = JF_LIT("/v1/gate/close"), .handler = on_close, .scope = JF_LIT("gate:write") },
    { .method = JF_LIT("POST"), .path = JF_LIT("/v1/gate/open"), .handler = on_open, .scope = JF_LIT("gate:write") },
};

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    host = boot->host;
    jf_describe(plugin, "gate", "1.0.0");
    plugin->handshake = on_handshake;
    JF_SET_LIST(plugin->routes, routes);
    return boot->query(host, JF_HTTP, &http, sizeof http);
}
