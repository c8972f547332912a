// SPDX-License-Identifier: MIT
#include "coordinator/search/history.h"

#include <assert.h>

#include "common/mem.h"

void history_init(struct history *h,
                  const struct space *s,
                  const struct objectives *o,
                  uint64_t seed)
{
    *h = (struct history){.space = s, .objectives = o, .seed = seed};
    map_init(&h->by_key);
    h->walk = walk_create(s);
    h->arena = arena_create();
}

void history_fini(struct history *h)
{
    walk_destroy(h->walk);
    map_fini(&h->by_key);
    mem_free(h->records);
    mem_free(h->proposals);
    arena_destroy(h->arena);
}

uint32_t history_ask(struct history *h, const struct point *p)
{
    uint64_t key = point_key(p);

    if (h->n_asked == h->cap) {
        h->cap = h->cap ? h->cap * 2 : 64;
        h->records = mem_realloc(h->records, h->cap * sizeof *h->records);
    }
    struct record *r = &h->records[h->n_asked];
    *r = (struct record){.point.n = p->n};
    r->point.genes = arena_copy(h->arena, p->genes, p->n * sizeof *p->genes);
    if (!map_find(&h->by_key, key, NULL))
        map_set(&h->by_key, key, h->n_asked);
    return h->n_asked++;
}

uint32_t history_tell(struct history *h)
{
    assert(h->n_told < h->n_asked);
    return h->n_told++;
}

void history_propose(struct history *h, const struct point *p)
{
    if (h->n_proposals == h->cap_proposals) {
        h->cap_proposals = h->cap_proposals ? h->cap_proposals * 2 : 16;
        h->proposals = mem_realloc(h->proposals, h->cap_proposals * sizeof *h->proposals);
    }
    h->proposals[h->n_proposals++] = (struct point){
        .genes = arena_copy(h->arena, p->genes, p->n * sizeof *p->genes), .n = p->n};
}

const struct record *
history_find(const struct history *h, const struct point *p, uint32_t *record)
{
    uint64_t i;

    if (!map_find(&h->by_key, point_key(p), &i) || !point_equal(&h->records[i].point, p))
        return NULL;
    if (record)
        *record = (uint32_t)i;
    return &h->records[i];
}
