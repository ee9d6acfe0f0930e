/*
 * Reads and writes JSON without a JSON library: `cart:add` [{"item": "tea", "price": 3.5}] keeps a cart in the socket's
 * data and answers with it.
 *
 *     cc -shared -fPIC -I include -o json.so samples/json-c/json.c
 *     jackfield serve --plugin ./json.so
 */
#include <jackfield/jackfield.h>

static const jf_host *host;
static jf_events_api io;
static jf_sockets_api sockets;
static jf_json_api json;

static jf_text text_in(const char *buffer, uint64_t length) {
    jf_text text;
    text.ptr = buffer;
    text.len = length;
    return text;
}

static void on_add(void *instance, const jf_event *event) {
    char described[8192], cart[8192], answer[8200];
    uint64_t length = 0;
    jf_json entry = { 0 }, price = { 0 }, items = { 0 }, data = { 0 };
    jf_text whole = JF_TEXT("{\"items\":[]}");
    (void)instance;

    /* The signature says which types the members have. What it cannot say is checked here. */
    if (json.read(host, event->args, JF_TEXT("/0"), &entry) != JF_OK ||
        json.read(host, event->args, JF_TEXT("/0/price"), &price) != JF_OK || price.number < 0) {
        io.ack_error(host, event->ack, JF_TEXT("invalid_arguments"), JF_TEXT("price must not be negative"));
        return;
    }

    /* The socket's data so far: {"data": {"items": [...]}} if there is any. */
    if (sockets.describe(host, event->socket, JF_PART_DATA, described, sizeof described, &length) == JF_OK &&
        json.read(host, text_in(described, length), JF_TEXT("/data"), &data) == JF_OK &&
        json.read(host, data.raw, JF_TEXT("/items"), &items) == JF_OK)
        whole = data.raw;

    /* "-" appends. The value is JSON and is copied unchanged. */
    if (json.set(host, whole, JF_TEXT("/items/-"), entry.raw, cart, sizeof cart, &length) != JF_OK) {
        io.ack_error(host, event->ack, JF_TEXT("cart_full"), JF_TEXT("the cart holds no more; check out first"));
        return;
    }
    sockets.set_data(host, event->socket, text_in(cart, length));

    answer[0] = '[';
    memcpy(answer + 1, cart, (size_t)length);
    answer[length + 1] = ']';
    io.ack(host, event->ack, text_in(answer, length + 2), NULL, 0);
}

static const jf_event_decl events[] = {
    JF_TYPED_EVENT("cart:add", "(entry: {item: string, price: f64}) throws -> {items: json[]}", on_add),
};

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    host = boot->host;
    jf_describe(plugin, "json", "1.0.0");
    JF_SET_LIST(plugin->events, events);
    boot->query(host, JF_EVENTS, &io, sizeof io);
    boot->query(host, JF_SOCKETS, &sockets, sizeof sockets);
    return boot->query(host, JF_JSON, &json, sizeof json);
}
