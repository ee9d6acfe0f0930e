/* A plugin that declares nothing, so that it conflicts with no other, not even with a second copy of itself. */
#include <jackfield/jackfield.h>

int32_t jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
    (void)boot;
    jf_describe(plugin, "quiet", "1.0.0");
    return JF_OK;
}
