// SPDX-License-Identifier: MIT
// Tokens that stand in the text as they are written.  Longer ones win wherever
// they stand, as if each token in turn, the longest first, cut the text.
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "worker/experts/tokenizer_state.h"

enum { SPECIAL = KIND_CONTROL | KIND_UNKNOWN | KIND_USER };

static bool is_special(const struct tokenizer *k, uint32_t id)
{
    return (k->kinds[id] & SPECIAL) && k->texts.items[id].n;
}

static uint8_t first_byte(const struct tokenizer *k, uint32_t id)
{
    return (uint8_t)k->texts.items[id].s[0];
}

void tokenizer_index_special(struct tokenizer *k)
{
    uint32_t *first = k->special_first;
    uint32_t at[256];

    for (uint32_t id = 0; id < k->n; id++)
        if (is_special(k, id))
            first[first_byte(k, id) + 1]++;
    for (int i = 0; i < 256; i++)
        first[i + 1] += first[i];
    memcpy(at, first, sizeof at);
    k->specials = mem_alloc((first[256] + 1) * sizeof *k->specials);
    for (uint32_t id = 0; id < k->n; id++)
        if (is_special(k, id))
            k->specials[at[first_byte(k, id)]++] =
                (struct special){id, (uint32_t)k->texts.items[id].n};
}

static void push(struct tokenizer *k, struct special_match m)
{
    if (k->n_found == k->cap_found) {
        k->cap_found = k->cap_found ? 2 * k->cap_found : 64;
        k->found = mem_realloc(k->found, k->cap_found * sizeof *k->found);
    }
    k->found[k->n_found++] = m;
}

static void find_at(struct tokenizer *k, const char *text, size_t n, size_t at, uint8_t skip)
{
    uint8_t byte = (uint8_t)text[at];
    for (uint32_t i = k->special_first[byte]; i < k->special_first[byte + 1]; i++) {
        const struct special *s = &k->specials[i];
        if (s->n <= n - at && !(k->kinds[s->id] & skip)
            && memcmp(text + at, k->texts.items[s->id].s, s->n) == 0)
            push(k, (struct special_match){s->id, s->n, at});
    }
}

static int by_place(const void *a, const void *b)
{
    const struct special_match *x = a, *y = b;
    return (x->at > y->at) - (x->at < y->at);
}

static int by_precedence(const void *a, const void *b)
{
    const struct special_match *x = a, *y = b;
    if (x->n != y->n)
        return x->n > y->n ? -1 : 1;
    if (x->id != y->id)
        return x->id < y->id ? -1 : 1;
    return by_place(a, b);
}

// Keep those that overlap nothing kept before.
static void resolve(struct tokenizer *k, size_t n)
{
    uint8_t *taken = mem_alloc(n);
    size_t n_kept = 0;

    qsort(k->found, k->n_found, sizeof *k->found, by_precedence);
    for (size_t i = 0; i < k->n_found; i++) {
        struct special_match m = k->found[i];
        // Nothing shorter was taken before: what overlaps covers an end of it.
        if (taken[m.at] || taken[m.at + m.n - 1])
            continue;
        memset(taken + m.at, 1, m.n);
        k->found[n_kept++] = m;
    }
    k->n_found = n_kept;
    qsort(k->found, k->n_found, sizeof *k->found, by_place);
    mem_free(taken);
}

void tokenizer_find_special(struct tokenizer *k, const char *text, size_t n, int flags)
{
    uint8_t skip = flags & TOKENIZER_PARSE_SPECIAL ? 0 : KIND_CONTROL | KIND_UNKNOWN;

    k->n_found = 0;
    for (size_t at = 0; at < n; at++)
        find_at(k, text, n, at, skip);
    if (k->n_found)
        resolve(k, n);
}
