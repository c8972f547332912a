// SPDX-License-Identifier: MIT
#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

void *mem_alloc(size_t size)
{
    void *p = calloc(1, size ? size : 1);
    if (!p)
        abort();
    return p;
}

void *mem_realloc(void *p, size_t size)
{
    void *q = realloc(p, size ? size : 1);
    if (!q)
        abort();
    return q;
}

void *mem_try(size_t size, size_t limit)
{
    if (size > limit)
        return NULL;
    return calloc(1, size ? size : 1);
}

void mem_free(void *p)
{
    free(p);
}

char *mem_dup(const char *s)
{
    return mem_copy(s, strlen(s) + 1);
}

void *mem_copy(const void *p, size_t size)
{
    void *q = mem_alloc(size);
    if (size)
        memcpy(q, p, size);
    return q;
}
