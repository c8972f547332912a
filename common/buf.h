// SPDX-License-Identifier: MIT
// buf.h - bytes that grow, up to a limit given at birth.
//
// A write past the limit sets `full` and is dropped whole, so a long sequence
// of writes needs one check at its end.  A final NUL always follows the bytes.
//
// Ownership  In the caller's storage; fini frees the bytes.
// Threads    Confined to the owner's thread.

#ifndef COMMON_BUF_H
#define COMMON_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct buf {
    uint8_t *bytes; // NULL until the first write
    size_t n;
    size_t cap;
    size_t limit;
    bool full; // something did not fit
};

void buf_init(struct buf *b, size_t limit);
void buf_fini(struct buf *b);
void buf_reset(struct buf *b); // empty, keeps the memory
uint8_t *buf_reserve(struct buf *b,
                     size_t n); // n bytes to fill at the end; NULL past the limit

// Here, so that bytes of a known number are written in place: texts are made of such.
static inline void buf_put(struct buf *b, const void *p, size_t n)
{
    if (n && !b->full && n < b->cap - b->n && n <= b->limit - b->n) {
        memcpy(b->bytes + b->n, p, n);
        b->n += n;
        b->bytes[b->n] = 0;
        return;
    }
    uint8_t *at = buf_reserve(b, n);
    if (at && n)
        memcpy(at, p, n);
}

static inline void buf_puts(struct buf *b, const char *s)
{
    buf_put(b, s, strlen(s));
}

void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
// The rest of a file, until it is full.  False: it could not be read (errno).
bool buf_read(struct buf *b, FILE *f);
const char *buf_cstr(const struct buf *b); // "" when empty

#endif
