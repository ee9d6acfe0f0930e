/* A library, but no plugin. */
__attribute__((visibility("default"))) int add(int a, int b) { return a + b; }
