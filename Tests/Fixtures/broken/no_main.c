/* A shared library that is not a plugin: it exports a function, but not jf_plugin_main. */
int jackfield_is_not_asked_for(void);

int jackfield_is_not_asked_for(void) { return 1; }
