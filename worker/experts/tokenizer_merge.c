// SPDX-License-Identifier: MIT
#include "worker/experts/tokenizer_merge.h"

#include "common/mem.h"

enum { FIRST_CAP = 64 };

void merge_init(struct merge *m)
{
    *m = (struct merge){.cap_symbols = FIRST_CAP, .cap_heap = FIRST_CAP};
    m->symbols = mem_alloc(FIRST_CAP * sizeof *m->symbols);
    m->heap = mem_alloc(FIRST_CAP * sizeof *m->heap);
}

void merge_fini(struct merge *m)
{
    mem_free(m->symbols);
    mem_free(m->heap);
    *m = (struct merge){0};
}

void merge_reset(struct merge *m)
{
    m->n_symbols = 0;
    m->n_heap = 0;
}

void merge_add(struct merge *m, uint32_t start, uint32_t n, uint32_t id)
{
    if (m->n_symbols == m->cap_symbols) {
        m->cap_symbols *= 2;
        m->symbols = mem_realloc(m->symbols, m->cap_symbols * sizeof *m->symbols);
    }
    uint32_t place = (uint32_t)m->n_symbols++;
    m->symbols[place] = (struct merge_symbol){
        .start = start,
        .n = n,
        .prev = place ? place - 1 : MERGE_END,
        .next = MERGE_END,
        .id = id,
    };
    if (place)
        m->symbols[place - 1].next = place;
}

static void push(struct merge *m, struct merge_pair pair)
{
    if (m->n_heap == m->cap_heap) {
        m->cap_heap *= 2;
        m->heap = mem_realloc(m->heap, m->cap_heap * sizeof *m->heap);
    }
    size_t i = m->n_heap++;
    while (i > 0 && m->heap[(i - 1) / 2].key > pair.key) {
        m->heap[i] = m->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    m->heap[i] = pair;
}

static struct merge_pair pop(struct merge *m)
{
    struct merge_pair best = m->heap[0], last = m->heap[--m->n_heap];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= m->n_heap)
            break;
        if (child + 1 < m->n_heap && m->heap[child + 1].key < m->heap[child].key)
            child++;
        if (m->heap[child].key >= last.key)
            break;
        m->heap[i] = m->heap[child];
        i = child;
    }
    m->heap[i] = last;
    return best;
}

struct rule {
    merge_pair_fn pair;
    const void *arg;
};

static void consider(struct merge *m, const struct rule *rule, uint32_t left)
{
    const struct merge_symbol *l = &m->symbols[left];
    uint32_t order = 0, id = 0;

    if (l->next == MERGE_END)
        return;
    const struct merge_symbol *r = &m->symbols[l->next];
    if (rule->pair(rule->arg, l, r, &order, &id))
        push(m, (struct merge_pair){(uint64_t)order << 32 | left, l->n + r->n, id});
}

void merge_run(struct merge *m, merge_pair_fn pair, const void *arg)
{
    struct rule rule = {pair, arg};

    for (uint32_t i = 0; i + 1 < m->n_symbols; i++)
        consider(m, &rule, i);
    while (m->n_heap) {
        struct merge_pair best = pop(m);
        uint32_t left = (uint32_t)best.key;
        struct merge_symbol *l = &m->symbols[left];
        if (!l->n || l->next == MERGE_END)
            continue;
        // The pair is what it was when both still cover the same bytes: ends
        // between symbols only ever vanish.
        struct merge_symbol *r = &m->symbols[l->next];
        if (l->n + r->n != best.n)
            continue;
        l->n += r->n;
        l->id = best.id;
        l->next = r->next;
        r->n = 0;
        if (l->next != MERGE_END)
            m->symbols[l->next].prev = left;
        if (l->prev != MERGE_END)
            consider(m, &rule, l->prev);
        consider(m, &rule, left);
    }
}
