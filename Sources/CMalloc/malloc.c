#include "trim_heap.h"
