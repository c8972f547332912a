// SPDX-License-Identifier: MIT
#include "common/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "common/mem.h"

// First chunk: small, since every job has an arena; each further chunk doubles
// up to CHUNK_MAX so that a large parse costs few allocations.
enum { CHUNK_MIN = 1024, CHUNK_MAX = 256 * 1024 };
// Of anything, of text (a parsed file is mostly short strings), and of what is as large as
// LARGE: such rows of numbers are read in vectors, which shall not lie across two lines of
// the cache.
enum { ALIGN = 16, PACKED = 1, LINE = 64, LARGE = 1024 };

struct arena_chunk {
    struct arena_chunk *next;
    size_t size;
    size_t used;
    _Alignas(16) char bytes[];
};

struct arena {
    struct arena_chunk *first;
    struct arena_chunk *current;
};

static struct arena_chunk *chunk_create(size_t size)
{
    struct arena_chunk *c = mem_realloc(NULL, sizeof *c + size); // arena_alloc clears
    c->next = NULL;
    c->size = size;
    c->used = 0;
    return c;
}

struct arena *arena_create(void)
{
    struct arena *a = mem_alloc(sizeof *a);
    a->first = a->current = chunk_create(CHUNK_MIN);
    return a;
}

void arena_destroy(struct arena *a)
{
    if (!a)
        return;
    for (struct arena_chunk *c = a->first, *next; c; c = next) {
        next = c->next;
        mem_free(c);
    }
    mem_free(a);
}

// The next chunk that can hold `size`, reusing what a reset left behind.
static struct arena_chunk *chunk_advance(struct arena *a, size_t size)
{
    struct arena_chunk *c = a->current;
    while (c->next) {
        c = c->next;
        c->used = 0;
        if (c->size >= size)
            return a->current = c;
    }
    size_t want = c->size * 2 < CHUNK_MAX ? c->size * 2 : CHUNK_MAX;
    c->next = chunk_create(want > size ? want : size);
    return a->current = c->next;
}

// The first offset from `used` on whose address is so aligned.
static size_t aligned(const struct arena_chunk *c, size_t used, size_t align)
{
    uintptr_t at = (uintptr_t)c->bytes + used;
    return used + (-at & (align - 1));
}

static void *take(struct arena *a, size_t size, size_t align)
{
    if (size >= LARGE && align > PACKED)
        align = LINE;
    struct arena_chunk *c = a->current;
    size_t at = aligned(c, c->used, align);
    if (at > c->size || c->size - at < size) {
        c = chunk_advance(a, size + LINE);
        at = aligned(c, 0, align);
    }
    c->used = at + size;
    return c->bytes + at;
}

void *arena_alloc(struct arena *a, size_t size)
{
    return memset(take(a, size, ALIGN), 0, size);
}

void *arena_room(struct arena *a, size_t size)
{
    return take(a, size, ALIGN);
}

void *arena_copy(struct arena *a, const void *p, size_t size)
{
    void *q = take(a, size, ALIGN);
    if (size)
        memcpy(q, p, size);
    return q;
}

char *arena_str(struct arena *a, const char *s, size_t n)
{
    char *q = take(a, n + 1, PACKED);
    if (n)
        memcpy(q, s, n);
    q[n] = 0;
    return q;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0)
        return arena_str(a, "", 0);
    char *q = take(a, (size_t)n + 1, PACKED);
    va_start(ap, fmt);
    (void)vsnprintf(q, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return q;
}

void arena_reset(struct arena *a)
{
    a->current = a->first;
    a->first->used = 0;
}

size_t arena_used(const struct arena *a)
{
    size_t n = 0;
    for (const struct arena_chunk *c = a->first;; c = c->next) {
        n += c->used;
        if (c == a->current)
            return n;
    }
}

struct arena_mark arena_mark(struct arena *a)
{
    return (struct arena_mark){a->current, a->current->used};
}

void arena_release(struct arena *a, struct arena_mark m)
{
    a->current = m.chunk;
    m.chunk->used = m.used;
}
