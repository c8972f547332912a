// SPDX-License-Identifier: MIT
#include "worker/experts/tokenizer_texts.h"

#include <string.h>

#include "common/hash.h"
#include "common/mem.h"

enum { FIRST_SLOTS = 1024, FIRST_ITEMS = 512 };

void texts_init(struct texts *x)
{
    *x = (struct texts){.arena = arena_create(), .n_slots = FIRST_SLOTS, .cap = FIRST_ITEMS};
    x->slots = mem_alloc(FIRST_SLOTS * sizeof *x->slots);
    x->items = mem_alloc(FIRST_ITEMS * sizeof *x->items);
}

void texts_fini(struct texts *x)
{
    arena_destroy(x->arena);
    mem_free(x->slots);
    mem_free(x->items);
    *x = (struct texts){0};
}

// Where the text stands, or the free slot where it would.
static uint32_t *slot_of(const struct texts *x, const char *s, size_t n)
{
    uint32_t mask = x->n_slots - 1;
    uint32_t i = (uint32_t)hash_bytes(s, n, 0) & mask;
    for (;; i = (i + 1) & mask) {
        uint32_t *slot = &x->slots[i];
        if (!*slot)
            return slot;
        const struct tokenizer_text *item = &x->items[*slot - 1];
        if (item->n == n && memcmp(item->s, s, n) == 0)
            return slot;
    }
}

static void grow_slots(struct texts *x)
{
    uint32_t *old = x->slots;
    uint32_t n_old = x->n_slots;
    x->n_slots *= 2;
    x->slots = mem_alloc(x->n_slots * sizeof *x->slots);
    for (uint32_t i = 0; i < n_old; i++) {
        if (!old[i])
            continue;
        const struct tokenizer_text *item = &x->items[old[i] - 1];
        *slot_of(x, item->s, item->n) = old[i];
    }
    mem_free(old);
}

static void push(struct texts *x, const char *s, size_t n)
{
    if (x->n == x->cap) {
        x->cap *= 2;
        x->items = mem_realloc(x->items, x->cap * sizeof *x->items);
    }
    x->items[x->n++] = (struct tokenizer_text){arena_str(x->arena, s, n), n};
}

uint32_t texts_find(const struct texts *x, const char *s, size_t n)
{
    return *slot_of(x, s, n) - 1; // a free slot holds 0: TEXTS_NONE
}

bool texts_append(struct texts *x, const char *s, size_t n)
{
    if (x->n >= x->n_slots / 2)
        grow_slots(x);
    uint32_t *slot = slot_of(x, s, n);
    push(x, s, n);
    if (*slot)
        return false;
    *slot = x->n;
    return true;
}

uint32_t texts_intern(struct texts *x, const char *s, size_t n)
{
    uint32_t number = texts_find(x, s, n);
    if (number != TEXTS_NONE)
        return number;
    texts_append(x, s, n);
    return x->n - 1;
}
