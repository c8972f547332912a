// SPDX-License-Identifier: MIT
#include "worker/experts/prefix.h"

#include <assert.h>
#include <string.h>

#include "common/mem.h"

// Oldest first.
struct prefix {
    struct prefix_entry list[PREFIX_KEPT_MAX];
    uint32_t n;
};

struct prefix *prefix_create(void)
{
    return mem_alloc(sizeof(struct prefix));
}

static void drop(struct prefix_entry *e)
{
    mem_free((void *)(uintptr_t)e->tokens);
    mem_free(e->note);
}

void prefix_forget(struct prefix *p)
{
    for (uint32_t i = 0; i < p->n; i++)
        drop(&p->list[i]);
    p->n = 0;
}

void prefix_destroy(struct prefix *p)
{
    if (!p)
        return;
    prefix_forget(p);
    mem_free(p);
}

uint32_t prefix_common(const int32_t *a, uint32_t n_a, const int32_t *b, uint32_t n_b)
{
    uint32_t n = n_a < n_b ? n_a : n_b, i = 0;
    while (i < n && a[i] == b[i])
        i++;
    return i;
}

void prefix_keep(struct prefix *p, const struct prefix_entry *e)
{
    assert(p->n < PREFIX_KEPT_MAX);
    int32_t *tokens = mem_alloc((e->n + 1) * sizeof *tokens);
    if (e->n)
        memcpy(tokens, e->tokens, e->n * sizeof *tokens);
    p->list[p->n] = *e;
    p->list[p->n++].tokens = tokens;
}

uint32_t prefix_n(const struct prefix *p)
{
    return p->n;
}

static void take_out(struct prefix *p, uint32_t i)
{
    p->n--;
    memmove(p->list + i, p->list + i + 1, (p->n - i) * sizeof *p->list);
}

const struct prefix_entry *prefix_find(
    struct prefix *p, const int32_t *tokens, uint32_t n, uint32_t least, uint32_t *common)
{
    uint32_t best = p->n, most = 0;
    for (uint32_t i = 0; i < p->n; i++) {
        uint32_t c = prefix_common(p->list[i].tokens, p->list[i].n, tokens, n);
        if (c >= least && (best == p->n || c > most)) {
            best = i;
            most = c;
        }
    }
    if (best == p->n)
        return NULL;
    struct prefix_entry found = p->list[best];
    take_out(p, best);
    p->list[p->n] = found;
    *common = most;
    return &p->list[p->n++];
}

bool prefix_oldest(struct prefix *p, uint32_t *sequence)
{
    if (!p->n)
        return false;
    *sequence = p->list[0].sequence;
    drop(&p->list[0]);
    take_out(p, 0);
    return true;
}

// FNV-1a, by words.
uint64_t prefix_mark(const struct prefix *p)
{
    uint64_t h = 14695981039346656037U;
    for (uint32_t i = 0; i < p->n; i++) {
        h = (h ^ p->list[i].n) * 1099511628211U;
        for (uint32_t k = 0; k < p->list[i].n; k++)
            h = (h ^ (uint32_t)p->list[i].tokens[k]) * 1099511628211U;
    }
    return h;
}
