/* A shared library that is no plugin: it exports something, but not jf_plugin_main. */
int jackfield_is_not_asked_for(void);

int jackfield_is_not_asked_for(void) { return 1; }
