#include "give_back.h"
