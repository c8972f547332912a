// SPDX-License-Identifier: MIT
// generational.c - a genetic algorithm whose generations follow one another whole.
//
// The first generation is random (or enqueued).  Of each the best few go over as they are,
// and the rest of the next one are children: a parent by tournament, a second one whose
// genes it takes by the toss of a coin, then mutation to any value of the gene's measure.
// A child is bred from the whole generation before it: `needs` says how many trials must be
// told, and where fewer are, the last whole one serves.
#include <assert.h>

#include "common/mem.h"
#include "coordinator/search/algorithm.h"
#include "coordinator/search/variation.h"

enum knob_index {
    KNOB_POPULATION,
    KNOB_TOURNAMENT,
    KNOB_CROSSOVER,
    KNOB_MUTATIONS,
    KNOB_ELITE,
};

enum { ENTITY_START = 1, ENTITY_BREED = 2, POPULATION_MAX = 10000 };

static const struct knob knobs_table[] = {
    {"population", KNOB_INT, 2, POPULATION_MAX, 20, "trials of a generation, with the elite"},
    {"tournament", KNOB_INT, 1, 100, 3, "draws of which the best becomes a parent"},
    {"crossover", KNOB_FLOAT, 0, 1, 0.9, "share of the children with two parents"},
    {"mutations", KNOB_FLOAT, 0, 1000, 1, "genes of a child drawn anew, on average"},
    {"elite", KNOB_INT, 0, POPULATION_MAX, 2, "the best so many survive a generation"},
    {0},
};

struct generational {
    const struct history *history;
    uint32_t size, elite, tournament;
    double crossover, mutations;
    uint32_t n_old, n_new;
    uint32_t *old;   // records of the last whole generation, best first; NULL before
    uint32_t *young; // the elite of that, and who was told since
};

static void *create(const struct history *h, const double *knobs)
{
    struct generational *g = mem_alloc(sizeof *g);

    g->history = h;
    g->size = (uint32_t)knobs[KNOB_POPULATION];
    g->elite = (uint32_t)knobs[KNOB_ELITE];
    g->tournament = (uint32_t)knobs[KNOB_TOURNAMENT];
    g->crossover = knobs[KNOB_CROSSOVER];
    g->mutations = knobs[KNOB_MUTATIONS];
    if (g->elite >= g->size)
        g->elite = g->size - 1;
    // The first generation may have an elite of warm ones beside its trials.
    g->old = mem_alloc((size_t)(g->size + g->elite) * sizeof *g->old);
    g->young = mem_alloc((size_t)(g->size + g->elite) * sizeof *g->young);
    return g;
}

static void destroy(void *state)
{
    struct generational *g = state;
    if (!g)
        return;
    mem_free(g->old);
    mem_free(g->young);
    mem_free(g);
}

// ---- generations -----------------------------------------------------------------

static bool is_better(const struct generational *g, uint32_t a, uint32_t b)
{
    const struct record *r = g->history->records;
    int c = score_compare(&r[a].score, &r[b].score, g->history->objectives->n);
    return c < 0 || (c == 0 && a < b);
}

static void insert(const struct generational *g, uint32_t *list, uint32_t n, uint32_t record)
{
    for (; n && is_better(g, record, list[n - 1]); n--)
        list[n] = list[n - 1];
    list[n] = record;
}

// Trials of generation k stand in [first_of(k), first_of(k + 1)).
static uint64_t first_of(const struct generational *g, uint64_t generation)
{
    return generation ? g->size + (generation - 1) * (g->size - g->elite) : 0;
}

static uint64_t generation_of(const struct generational *g, uint64_t trial)
{
    return trial < g->size ? 0 : 1 + (trial - g->size) / (g->size - g->elite);
}

static uint64_t needs(const void *state, uint64_t trial)
{
    const struct generational *g = state;
    return first_of(g, generation_of(g, trial));
}

static void tell(void *state, uint32_t record)
{
    struct generational *g = state;

    if (record < g->history->n_warm) { // of those the elite
        insert(g, g->young, g->n_new, record);
        g->n_new += g->n_new < g->elite;
        return;
    }
    uint64_t trial = record - g->history->n_warm;
    insert(g, g->young, g->n_new++, record);
    if (first_of(g, generation_of(g, trial) + 1) != trial + 1)
        return;
    uint32_t *old = g->old;
    g->old = g->young;
    g->n_old = g->n_new;
    g->young = old;
    g->n_new = g->n_old < g->elite ? g->n_old : g->elite;
    for (uint32_t i = 0; i < g->n_new; i++)
        g->young[i] = g->old[i];
}

// ---- children --------------------------------------------------------------------

// Slots ascend on a walk as they do in a point: a parent is read along with it.
struct parent {
    const struct point *point; // NULL: none
    uint32_t at;
};

struct child {
    struct parent a, b;
    struct rng rng;
    double rate;
    uint32_t coins, n_coins;
};

static const struct gene *look(struct parent *p, uint32_t slot)
{
    if (!p->point)
        return NULL;
    while (p->at < p->point->n && p->point->genes[p->at].slot < slot)
        p->at++;
    return p->at < p->point->n && p->point->genes[p->at].slot == slot ? &p->point->genes[p->at]
                                                                      : NULL;
}

static bool toss(struct child *c)
{
    if (c->n_coins == 0) {
        c->coins = rng_u32(&c->rng);
        c->n_coins = 32;
    }
    bool heads = c->coins & 1;
    c->coins >>= 1;
    c->n_coins--;
    return heads;
}

static struct gene choose(void *ctx, const struct decision *d)
{
    struct child *c = ctx;
    const struct gene *x = look(&c->a, d->index), *y = look(&c->b, d->index);

    if ((!x && !y) || rng_u32(&c->rng) * 0x1p-32 < c->rate)
        return decision_random(d, &c->rng);
    if (x && y)
        x = toss(c) ? x : y;
    return decision_nearest(d, x ? *x : *y, &c->rng);
}

// They stand in order: the best of a tournament is the least number drawn.
static const struct point *pick(const struct generational *g, struct rng *r)
{
    uint64_t best = rng_below(r, g->n_old);
    for (uint32_t i = 1; i < g->tournament; i++) {
        uint64_t other = rng_below(r, g->n_old);
        best = other < best ? other : best;
    }
    return &g->history->records[g->old[best]].point;
}

static bool ask(void *state, const struct ask *q, struct point *out)
{
    const struct generational *g = state;
    const struct history *h = g->history;

    if (g->n_old == 0) {
        struct rng r = ask_rng(h, q, ENTITY_START);
        return walk_run(h->walk, out, variation_random, &r);
    }
    struct child c = {.rng = ask_rng(h, q, ENTITY_BREED)};
    c.a.point = pick(g, &c.rng);
    if (rng_f64(&c.rng) < g->crossover)
        c.b.point = pick(g, &c.rng);
    // Who has lived before is mutated more.
    if (c.a.point->n)
        c.rate = (g->mutations + 0.25 * q->attempt) / c.a.point->n;
    return walk_run(h->walk, out, choose, &c);
}

const struct algorithm generational_algorithm = {
    .name = "generational",
    .version = "generational-1",
    .help = "A genetic algorithm in whole generations: tournament, uniform crossover, mutation "
            "to any value, the best survive.  Of several objectives the first that differs "
            "counts.  A window as long as a generation keeps all ranks at work.",
    .source = "Goldberg, Genetic Algorithms (1989), ch. 3; Syswerda, ICGA 1989 (uniform "
              "crossover); De Jong 1975 (elitism)",
    .knobs = knobs_table,
    .create = create,
    .destroy = destroy,
    .tell = tell,
    .ask = ask,
    .needs = needs,
};
