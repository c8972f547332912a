// SPDX-License-Identifier: MIT
#include "coordinator/search/history.h"

#include <assert.h>
#include <string.h>
#include <sys/mman.h>

#include "common/mem.h"

// A long search keeps hundreds of megabytes of genes, and the kernel's fault at every
// 4 KiB of them costs more than all else that is done to them: huge pages.
enum { FEW_GENES = 1 << 20, BLOCK_SIZE = 8 << 20 }; // bytes

struct gene_block {
    struct gene_block *next;
    size_t size, used;
};

static struct gene_block *block_create(struct gene_block *next, size_t n)
{
    size_t head = sizeof(struct gene_block),
           size = n + head > BLOCK_SIZE ? n + head : BLOCK_SIZE;
    struct gene_block *b =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (b == MAP_FAILED)
        return NULL;
    (void)madvise(b, size, MADV_HUGEPAGE);
    *b = (struct gene_block){next, size, head};
    return b;
}

static struct gene *keep(struct history *h, const struct point *p)
{
    size_t n = p->n * sizeof *p->genes;
    struct gene_block *b = h->blocks;

    if (!b && arena_used(h->arena) + n <= FEW_GENES)
        return arena_copy(h->arena, p->genes, n);
    if (!b || b->size - b->used < n)
        b = block_create(h->blocks, n);
    if (!b) // no such memory: the arena's says so, or has some left
        return arena_copy(h->arena, p->genes, n);
    h->blocks = b;
    struct gene *at = (struct gene *)(void *)((char *)b + b->used);
    b->used += n;
    if (n)
        memcpy(at, p->genes, n);
    return at;
}

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
    for (struct gene_block *b = h->blocks, *next; b; b = next) {
        next = b->next;
        (void)munmap(b, b->size);
    }
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
    r->point.genes = keep(h, p);
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
