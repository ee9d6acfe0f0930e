/* A plugin that calls functions of a bound library as methods of its service, through function pointers. */
#include <jackfield/jackfield.h>

static const jf_host *host;
static jf_services_api services;

static const jf_text methods[] = { JF_LIT("add(a: f64, b: f64) -> f64"), JF_LIT("length(x: string) -> u64") };
static double (*plain_add)(double, double);
static uint64_t (*plain_length)(const char *, uint64_t);

static double add(double a, double b) { return plain_add(a, b); }
static uint64_t length(const char *text, uint64_t size) { return plain_length(text, size); }

static const jf_function_decl functions[] = {
    JF_FUNCTION("through-add", "(a: f64, b: f64) -> f64", add),
    JF_FUNCTION("through-length", "(x: string) -> u64", length),
};

static jf_code create(const jf_host *given, void **instance, jf_error *error) {
    (void)given;
    *instance = NULL;
    jf_need need = { .struct_size = sizeof need,
                     .method_count = 2,
                     .service = JF_TEXT("plain.c"),
                     .major = 2,
                     .minor = 1,
                     .methods = methods };
    jf_binding binding;
    jf_code code = services.bind(host, &need, &binding, error);
    if (code == JF_OK) code = services.c_function(host, binding, 0, (jf_fn *)&plain_add, error);
    if (code == JF_OK) code = services.c_function(host, binding, 1, (jf_fn *)&plain_length, error);
    return code;
}

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    host = boot->host;
    jf_describe(plugin, "consumer", "1.0.0");
    plugin->create = create;
    JF_SET_LIST(plugin->functions, functions);
    return boot->query(host, JF_SERVICES, &services, sizeof services);
}
