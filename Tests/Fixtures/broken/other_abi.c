/* A plugin built for a boundary that this host does not speak. */
#include <jackfield/jackfield.h>

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    (void)boot;
    jf_describe(plugin, "other-abi", "1.0.0");
    plugin->abi = JF_ABI + 41;
    return JF_OK;
}
