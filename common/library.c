// SPDX-License-Identifier: MIT
#include "common/library.h"

#include <dlfcn.h>
#include <string.h>

bool library_load(const char *file, const struct library_function *functions, size_t n)
{
    void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return false;
    for (size_t i = 0; i < n; i++) {
        void *f = dlsym(library, functions[i].name);
        if (!f)
            return false;
        memcpy(functions[i].at, &f, sizeof f);
    }
    return true;
}
