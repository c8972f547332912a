// SPDX-License-Identifier: MIT
#include <stdio.h>

#include "common/hash.h"
#include "common/mem.h"
#include "coordinator/search/algorithm.h"
#include "coordinator/search/sobol_net.h"

enum { DIMENSIONS = SOBOL_AXES };

// Streams: the scrambling's own seed, and what stands in for a point that was
// rejected or lies beyond the table.
enum { ENTITY_SCRAMBLE = 1, ENTITY_CHANCE = 2 };

struct sobol {
    const struct history *history;
    uint64_t scramble;
    char remark[160];
};

// One ask's walk through the axes.
struct cursor {
    const struct sobol *sobol;
    uint64_t index;
    bool is_chance; // the point of the sequence was no good: pure chance instead
    struct rng rng;
};

static struct gene choose(void *ctx, const struct decision *d)
{
    struct cursor *c = ctx;
    uint32_t axis = d->slot->axis;

    if (c->is_chance || axis >= DIMENSIONS)
        return decision_random(d, &c->rng);
    uint32_t x = sobol_scrambled(axis, c->index, hash_mix64(c->sobol->scramble + axis));
    return decision_at(d, ((double)x + 0.5) * 0x1p-32);
}

static void *create(const struct history *h, const double *knobs)
{
    struct sobol *s = mem_alloc(sizeof *s);
    struct rng r = rng_at(h->seed, ENTITY_SCRAMBLE, 0, 0);

    (void)knobs;
    s->history = h;
    s->scramble = rng_u64(&r);
    if (h->space->n_axes > DIMENSIONS)
        (void)snprintf(s->remark, sizeof s->remark,
                       "sobol has %d dimensions, the space %u: the others are random",
                       DIMENSIONS, h->space->n_axes);
    return s;
}

static bool ask(void *state, const struct ask *q, struct point *out)
{
    const struct sobol *s = state;
    struct cursor c = {.sobol = s, .index = q->trial, .is_chance = q->attempt > 0};

    c.rng = ask_rng(s->history, q, ENTITY_CHANCE);
    return walk_run(s->history->walk, out, choose, &c);
}

static const char *remark(const void *state)
{
    const struct sobol *s = state;
    return *s->remark ? s->remark : NULL;
}

static const struct knob knobs_table[] = {{0}};

const struct algorithm sobol_algorithm = {
    .name = "sobol",
    .version = "sobol-1",
    .help =
        "A scrambled Sobol sequence: more even than chance. Branches that exclude each other "
        "share dimensions.",
    .source = "Joe and Kuo, SIAM J. Sci. Comput. 30 (2008); Owen's scrambling by hashing",
    .knobs = knobs_table,
    .create = create,
    .destroy = mem_free,
    .tell = NULL,
    .ask = ask,
    .remark = remark,
};
