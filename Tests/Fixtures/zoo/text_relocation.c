/* Its code contains an address, which the linker must write when it loads the library. */
#include "zoo.h"

__asm__(".text\n.quad environ\n");

jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) { return zoo_begin(boot, plugin, "text-relocation"); }
