// SPDX-License-Identifier: MIT
#include "worker/experts/kv.h"

#include <assert.h>
#include <sys/mman.h>

#include "common/mem.h"
#include "worker/memory.h"

enum { SYSTEM_PAGE = 4096, LINE = 64 };

struct sequence {
    bool open;
    uint32_t length;
    uint32_t *pages;
    uint32_t n_pages, cap;
};

struct kv {
    struct kv_shape s;
    size_t key_bytes, value_bytes, page_bytes;
    uint8_t *pool;
    uint32_t *holders; // of each page
    uint32_t *free;    // a stack
    uint32_t n_free;
    struct sequence *sequences;
    uint32_t n_sequences;
};

// More than the machine has would be granted and then kill the rank.
static enum error make_pool(struct kv *c, struct errtext *t)
{
    size_t bytes, memory = memory_limit();
    if (__builtin_mul_overflow(c->page_bytes, (size_t)c->s.n_pages, &bytes))
        bytes = SIZE_MAX - 1;
    c->pool = mem_try(bytes + 1, memory);
    if (!c->pool)
        return errtext_set(t, ERR_LIMIT,
                           "no memory for %llu positions of keys and values: %zu MB, this "
                           "machine has %zu MB",
                           (unsigned long long)c->s.n_pages * KV_PAGE, bytes >> 20,
                           memory >> 20);
    // A page of ours has every layer's rows far apart: with the system's small pages each
    // head begins with a walk through their tables.  Where it has no large ones, so be it.
    uintptr_t from = ((uintptr_t)c->pool + SYSTEM_PAGE - 1) / SYSTEM_PAGE * SYSTEM_PAGE;
    if (bytes > SYSTEM_PAGE)
        (void)madvise((void *)from, bytes - SYSTEM_PAGE, MADV_HUGEPAGE);
    return OK;
}

enum error kv_create(const struct kv_shape *s, struct kv **out, struct errtext *t)
{
    if (s->key % s->format->block || s->value % s->format->block)
        return errtext_set(t, ERR_UNSUPPORTED, "kv: %s needs heads of a multiple of %u numbers",
                           s->format->name, s->format->block);
    struct kv *c = mem_alloc(sizeof *c);
    c->s = *s;
    c->key_bytes = format_row_bytes(s->format, s->key);
    c->value_bytes = format_row_bytes(s->format, s->value);
    c->page_bytes =
        (size_t)s->n_layers * s->n_heads * KV_PAGE * (c->key_bytes + c->value_bytes);
    enum error e = make_pool(c, t);
    if (e) {
        mem_free(c);
        return e;
    }
    c->holders = mem_alloc(s->n_pages * sizeof *c->holders);
    c->free = mem_alloc(s->n_pages * sizeof *c->free);
    while (c->n_free < s->n_pages) {
        c->free[c->n_free] = s->n_pages - 1 - c->n_free;
        c->n_free++;
    }
    *out = c;
    return OK;
}

void kv_destroy(struct kv *c)
{
    if (!c)
        return;
    for (uint32_t i = 0; i < c->n_sequences; i++)
        mem_free(c->sequences[i].pages);
    mem_free(c->sequences);
    mem_free(c->free);
    mem_free(c->holders);
    mem_free(c->pool);
    mem_free(c);
}

uint32_t kv_open(struct kv *c)
{
    uint32_t i = 0;
    while (i < c->n_sequences && c->sequences[i].open)
        i++;
    if (i == c->n_sequences) {
        c->sequences = mem_realloc(c->sequences, (i + 1) * sizeof *c->sequences);
        c->sequences[c->n_sequences++] = (struct sequence){0};
    }
    c->sequences[i].open = true;
    return i;
}

void kv_close(struct kv *c, uint32_t sequence)
{
    struct sequence *q = &c->sequences[sequence];
    for (uint32_t i = 0; i < q->n_pages; i++)
        if (--c->holders[q->pages[i]] == 0)
            c->free[c->n_free++] = q->pages[i];
    mem_free(q->pages);
    *q = (struct sequence){0};
}

uint32_t kv_length(const struct kv *c, uint32_t sequence)
{
    return c->sequences[sequence].length;
}

uint32_t kv_free_pages(const struct kv *c)
{
    return c->n_free;
}

uint32_t kv_need_pages(const struct kv *c, uint32_t sequence, uint32_t n)
{
    const struct sequence *q = &c->sequences[sequence];
    uint32_t pages = (uint32_t)(((uint64_t)q->length + n + KV_PAGE - 1) / KV_PAGE);
    return pages - q->n_pages;
}

static void add_page(struct kv *c, struct sequence *q, uint32_t page)
{
    if (q->n_pages == q->cap) {
        q->cap = q->cap ? 2 * q->cap : 8;
        q->pages = mem_realloc(q->pages, q->cap * sizeof *q->pages);
    }
    q->pages[q->n_pages++] = page;
    c->holders[page]++;
}

uint32_t kv_reuse(struct kv *c, uint32_t sequence, uint32_t from, uint32_t n)
{
    struct sequence *q = &c->sequences[sequence];
    const struct sequence *old = &c->sequences[from];
    uint32_t pages = (n < old->length ? n : old->length) / KV_PAGE;
    assert(q->length == 0 && sequence != from);
    for (uint32_t i = 0; i < pages; i++)
        add_page(c, q, old->pages[i]);
    return q->length = pages * KV_PAGE;
}

// A page that others hold is full, so new positions never touch it.
void kv_grow(struct kv *c, uint32_t sequence, uint32_t n)
{
    struct sequence *q = &c->sequences[sequence];
    uint32_t pages = kv_need_pages(c, sequence, n);
    assert(pages <= c->n_free);
    while (pages--)
        add_page(c, q, c->free[--c->n_free]);
    q->length += n;
}

// Keys, then values, of a layer's head in a page.
static uint8_t *rows(const struct kv *c, struct kv_place at, uint32_t block)
{
    size_t page = c->sequences[at.sequence].pages[block];
    size_t head = (size_t)at.layer * c->s.n_heads + at.head;
    return c->pool + page * c->page_bytes + head * KV_PAGE * (c->key_bytes + c->value_bytes);
}

void kv_put(
    struct kv *c, struct kv_place at, uint32_t position, const float *key, const float *value)
{
    uint8_t *p = rows(c, at, position / KV_PAGE);
    size_t i = position % KV_PAGE;
    format_pack(c->s.format, key, p + i * c->key_bytes, c->s.key);
    if (c->s.value)
        format_pack(c->s.format, value, p + KV_PAGE * c->key_bytes + i * c->value_bytes,
                    c->s.value);
}

struct kv_rows
kv_get(const struct kv *c, struct kv_place at, uint32_t block, uint32_t n, float *room)
{
    const uint8_t *p = rows(c, at, block);
    format_unpack(c->s.format, p, room, (size_t)n * c->s.key);
    if (!c->s.value)
        return (struct kv_rows){room, room};
    float *values = room + (size_t)KV_PAGE * c->s.key;
    format_unpack(c->s.format, p + KV_PAGE * c->key_bytes, values, (size_t)n * c->s.value);
    return (struct kv_rows){room, values};
}

static void ask(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i += LINE)
        __builtin_prefetch(p + i);
}

void kv_ask(const struct kv *c, struct kv_place at, uint32_t block, uint32_t n)
{
    const uint8_t *p = rows(c, at, block);
    ask(p, n * c->key_bytes);
    ask(p + KV_PAGE * c->key_bytes, n * c->value_bytes);
}
