/* A plugin whose create fails with a message. */
#include <jackfield/jackfield.h>

static int32_t create(const jf_host *host, void **instance, jf_error *error) {
    (void)host;
    (void)instance;
    return jf_fail(error, JF_E_FAILED, "the moon is not full");
}

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    (void)boot;
    jf_describe(plugin, "create-fails", "1.0.0");
    plugin->create = create;
    return JF_OK;
}
