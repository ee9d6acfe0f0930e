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
    jf_json entry = { 0 }, price = { 0 }, data = { 0 };
    jf_text whole = JF_TEXT("{\"items\":[]}");
    (void)instance;

    /* Check all members that are needed, and name them in the error. */
    if (json.read(host, event->args, JF_TEXT("/0/item"), &entry) != JF_OK || entry.kind != JF_JSON_STRING ||
        json.read(host, event->args, JF_TEXT("/0/price"), &price) != JF_OK || price.kind != JF_JSON_NUMBER) {
        io.ack_error(host, event->ack, JF_TEXT("invalid_arguments"), JF_TEXT("send {item: text, price: number}"));
        return;
    }
    json.read(host, event->args, JF_TEXT("/0"), &entry);

    /* The socket's data so far: {"data": {"items": [...]}} if there is any. */
    if (sockets.describe(host, event->socket, JF_PART_DATA, described, sizeof described, &length) == JF_OK &&
        json.read(host, text_in(described, length), JF_TEXT("/data"), &data) == JF_OK &&
        json.read(host, data.raw, JF_TEXT("/items"), &price) == JF_OK)
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
    { .name = JF_LIT("cart:add"), .handler = on_add },
};

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    host = boot->host;
    jf_describe(plugin, "json", "1.0.0");
    JF_SET_LIST(plugin->events, events);
    boot->query(host, JF_EVENTS, &io, sizeof io);
    boot->query(host, JF_SOCKETS, &sockets, sizeof sockets);
    return boot->query(host, JF_JSON, &json, sizeof json);
}
