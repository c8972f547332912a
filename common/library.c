// SPDX-License-Identifier: MIT
#include "common/library.h"

#include <dlfcn.h>
#include <string.h>

bool library_load(struct library *l)
{
    void *library = l->loaded ? NULL : dlopen(l->file, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return l->loaded;
    for (size_t i = 0; i < l->n; i++) {
        void *f = dlsym(library, l->functions[i].name);
        if (!f)
            return false;
        memcpy(l->functions[i].at, &f, sizeof f);
    }
    return l->loaded = true;
}
