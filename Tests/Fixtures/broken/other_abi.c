/* A plugin built for another JF_ABI than this host's. */
#include <jackfield/jackfield.h>

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    (void)boot;
    jf_describe(plugin, "other-abi", "1.0.0");
    plugin->abi = JF_ABI + 41;
    return JF_OK;
}
