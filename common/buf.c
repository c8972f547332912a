// SPDX-License-Identifier: MIT
#include "common/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/mem.h"

enum { CAP_MIN = 256 };

void buf_init(struct buf *b, size_t limit)
{
    *b = (struct buf){.limit = limit};
}

void buf_fini(struct buf *b)
{
    mem_free(b->bytes);
    *b = (struct buf){.limit = b->limit};
}

void buf_reset(struct buf *b)
{
    b->n = 0;
    b->full = false;
}

uint8_t *buf_reserve(struct buf *b, size_t n)
{
    if (b->full || n > b->limit || b->n > b->limit - n) {
        b->full = true;
        return NULL;
    }
    if (b->n + n + 1 > b->cap) {
        size_t cap = b->cap ? b->cap : CAP_MIN;
        while (cap < b->n + n + 1)
            cap *= 2;
        b->bytes = mem_realloc(b->bytes, cap);
        b->cap = cap;
    }
    uint8_t *at = b->bytes + b->n;
    b->n += n;
    b->bytes[b->n] = 0;
    return at;
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < sizeof text) {
        buf_put(b, text, (size_t)n);
        return;
    }
    uint8_t *at = n < 0 ? NULL : buf_reserve(b, (size_t)n);
    if (!at)
        return;
    va_start(ap, fmt);
    (void)vsnprintf((char *)at, (size_t)n + 1, fmt, ap);
    va_end(ap);
}

bool buf_read(struct buf *b, FILE *f)
{
    char chunk[65536];
    for (size_t n; !b->full && (n = fread(chunk, 1, sizeof chunk, f)) > 0;)
        buf_put(b, chunk, n);
    return !ferror(f);
}

const char *buf_cstr(const struct buf *b)
{
    return b->bytes ? (const char *)b->bytes : "";
}
