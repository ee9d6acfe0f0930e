/*
 * Wraps a plain C library, without touching it: notes.c stores, this plugin adds what clients see. The library becomes
 * the service "notes" with the `bind` of jackfield.yaml, and this plugin calls it through C function pointers, which
 * work in either order of loading. The row is stored first, then emitted to the user, if online; the caller gets the
 * answer either way.
 *
 * In this folder:
 *
 *     cc -shared -fPIC -I ../../include -o wrap.so wrap.c
 *     cc -shared -fPIC -o notes.so notes.c
 *     ../../.build/release/jackfield serve --demo --config jackfield.yaml
 *
 * `--demo` makes a key for tokens, because the configuration has none, and prints a token of alice and one of bob:
 *
 *     socket.emit("note:create", "bob", "Lunch at noon", ack)    acks {"id":1,"total":1}; bob gets note:new
 */
#include <jackfield/jackfield.h>

#include <stdio.h>

static const jf_host *host;
static jf_events_api io;
static jf_json_api json;
static jf_services_api services;

/* The functions of the library, or of whatever provides the service "notes" instead. They return 0 if nothing does. */
static int64_t (*create_notification)(const char *user, const char *title);
static int64_t (*count_notifications)(const char *user);

/* The unescaped text of an argument, terminated; the signature has checked that it is a string. */
static const char *text(jf_text args, const char *pointer, char *out, uint64_t capacity) {
    jf_json value = { .struct_size = sizeof value };
    uint64_t length = 0;
    if (json.read(host, args, jf_text_of(pointer), &value) != JF_OK ||
        json.text(host, value.raw, out, capacity - 1, &length) != JF_OK)
        return NULL;
    out[length] = 0;
    return out;
}

static void on_create(void *instance, const jf_event *event) {
    char user[64], title[64], answer[64];
    (void)instance;
    if (!text(event->args, "/0", user, sizeof user) || !text(event->args, "/1", title, sizeof title)) {
        io.ack_error(host, event->ack, JF_TEXT("invalid_arguments"), JF_TEXT("a text has more than 63 bytes"));
        return;
    }
    int64_t id = create_notification(user, title);
    if (id == 0) {
        io.ack_error(host, event->ack, JF_TEXT("unavailable"), JF_TEXT("the note could not be stored"));
        return;
    }
    jf_target to = { .struct_size = sizeof to, .user = jf_text_of(user) };
    jf_message message = { .struct_size = sizeof message, .name = JF_TEXT("note:new"), .args = event->args };
    io.broadcast(host, &to, &message);
    snprintf(answer, sizeof answer, "[{\"id\":%lld,\"total\":%lld}]", (long long)id,
             (long long)count_notifications(user));
    io.ack(host, event->ack, jf_text_of(answer), NULL, 0);
}

static const jf_event_decl events[] = {
    JF_TYPED_EVENT("note:create", "(user: cstring, title: cstring) -> {id: i64, total: i64}", on_create),
};

static const jf_emit_decl emits[] = { JF_EMIT("note:new", "(user: string, title: string)") };

static jf_code create(const jf_host *unused, void **instance, jf_error *error) {
    static const jf_text methods[] = {
        JF_LIT("create_notification(user: cstring, title: cstring) -> i64"),
        JF_LIT("count_notifications(user: cstring) -> i64"),
    };
    jf_need need = {
        .struct_size = sizeof need, .method_count = 2, .service = JF_TEXT("notes"), .major = 1, .methods = methods
    };
    jf_binding notes;
    jf_code code = services.bind(host, &need, &notes, error);
    (void)unused;
    (void)instance;
    if (code == JF_OK) code = services.c_function(host, notes, 0, (jf_fn *)&create_notification, error);
    if (code == JF_OK) code = services.c_function(host, notes, 1, (jf_fn *)&count_notifications, error);
    return code;
}

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    host = boot->host;
    jf_describe(plugin, "wrap", "1.0.0");
    plugin->create = create;
    JF_SET_LIST(plugin->events, events);
    JF_SET_LIST(plugin->emits, emits);
    jf_code code = boot->query(host, JF_EVENTS, &io, sizeof io);
    if (code == JF_OK) code = boot->query(host, JF_JSON, &json, sizeof json);
    if (code == JF_OK) code = boot->query(host, JF_SERVICES, &services, sizeof services);
    return code;
}
