// SPDX-License-Identifier: MIT
#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/mem.h"
#include "coordinator/search/algorithm.h"
#include "coordinator/search/ga.h"
#include "coordinator/search/variation.h"

enum knob_index {
    KNOB_POPULATION,
    KNOB_TOURNAMENT,
    KNOB_CROSSOVER,
    KNOB_ETA,
    KNOB_MUTATIONS,
    KNOB_STARTUP,
};

enum { ENTITY_START = 1, ENTITY_BREED = 2, POPULATION_MAX = 1000 };

static const struct knob knobs_table[] = {
    {"population", KNOB_INT, 2, POPULATION_MAX, 20, "the best so many breed"},
    {"tournament", KNOB_INT, 1, 100, 3, "draws of which the best becomes a parent"},
    {"crossover", KNOB_FLOAT, 0, 1, 0.5, "share of the children with two parents"},
    {"eta", KNOB_FLOAT, 0, 1000, 15, "distribution index of crossover and mutation of numbers"},
    {"mutations", KNOB_FLOAT, 0, 100, 1, "genes that mutate in a child, on average"},
    {"startup", KNOB_INT, 1, 100000, 20, "random trials before breeding"},
    {0},
};

struct member {
    uint32_t record;
    uint32_t front;
    double crowding;
};

struct ga {
    const struct history *history;
    struct ga_settings set;
    uint32_t n;
    struct member *members; // best first; room for one more
    uint32_t *order;        // scratch of the crowding
};

void *ga_create(const struct history *h, const struct ga_settings *s)
{
    struct ga *g = mem_alloc(sizeof *g);

    g->history = h;
    g->set = *s;
    g->members = mem_alloc((g->set.size + 1) * sizeof *g->members);
    g->order = mem_alloc((g->set.size + 1) * sizeof *g->order);
    return g;
}

void ga_destroy(void *state)
{
    struct ga *g = state;
    if (!g)
        return;
    mem_free(g->members);
    mem_free(g->order);
    mem_free(g);
}

// --- the population ---------------------------------------------------------------
static const struct score *score_of(const struct ga *g, uint32_t member)
{
    return &g->history->records[g->members[member].record].score;
}

static void rank_fronts(struct ga *g)
{
    uint32_t m = g->history->objectives->n, n_left = g->n;

    for (uint32_t i = 0; i < g->n; i++)
        g->members[i].front = UINT32_MAX;
    for (uint32_t front = 0; n_left; front++) {
        for (uint32_t i = 0; i < g->n; i++) {
            bool is_free = g->members[i].front == UINT32_MAX;
            for (uint32_t j = 0; j < g->n && is_free; j++)
                if (g->members[j].front == UINT32_MAX || g->members[j].front == front)
                    is_free = !score_dominates(score_of(g, j), score_of(g, i), m);
            if (is_free)
                g->members[i].front = front;
            n_left -= is_free;
        }
    }
}

// Members of a front ascending in one loss, into g->order.
static uint32_t order_front(struct ga *g, uint32_t front, uint32_t axis)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < g->n; i++) {
        if (g->members[i].front != front)
            continue;
        uint32_t j = n++;
        double loss = score_of(g, i)->losses[axis];
        for (; j > 0 && score_of(g, g->order[j - 1])->losses[axis] > loss; j--)
            g->order[j] = g->order[j - 1];
        g->order[j] = i;
    }
    return n;
}

// Sum over the objectives of the gap between a member's neighbours in its front.
static void crowd_front(struct ga *g, uint32_t front)
{
    for (uint32_t axis = 0; axis < g->history->objectives->n; axis++) {
        uint32_t n = order_front(g, front, axis);
        double low = score_of(g, g->order[0])->losses[axis];
        double range = score_of(g, g->order[n - 1])->losses[axis] - low;
        g->members[g->order[0]].crowding = INFINITY;
        g->members[g->order[n - 1]].crowding = INFINITY;
        for (uint32_t i = 1; i + 1 < n && range > 0; i++)
            g->members[g->order[i]].crowding += (score_of(g, g->order[i + 1])->losses[axis]
                                                 - score_of(g, g->order[i - 1])->losses[axis])
                                                / range;
    }
}

static bool is_better(const struct ga *g, uint32_t a, uint32_t b)
{
    const struct member *x = &g->members[a], *y = &g->members[b];

    if (g->history->objectives->n == 1) {
        int c = score_compare(score_of(g, a), score_of(g, b), 1);
        return c < 0 || (c == 0 && x->record < y->record);
    }
    if (x->front != y->front)
        return x->front < y->front;
    if (x->crowding != y->crowding)
        return x->crowding > y->crowding;
    return x->record < y->record;
}

static void drop_worst(struct ga *g)
{
    uint32_t worst = 0;

    if (g->history->objectives->n > 1) {
        rank_fronts(g);
        for (uint32_t i = 0; i < g->n; i++)
            g->members[i].crowding = 0;
        uint32_t last = 0;
        for (uint32_t i = 0; i < g->n; i++)
            last = g->members[i].front > last ? g->members[i].front : last;
        for (uint32_t f = 0; f <= last; f++)
            crowd_front(g, f);
    }
    for (uint32_t i = 1; i < g->n; i++)
        if (is_better(g, worst, i))
            worst = i;
    if (g->n > g->set.size)
        g->members[worst] = g->members[--g->n];
}

void ga_tell(void *state, uint32_t record)
{
    struct ga *g = state;
    // What was there before adds nothing (a branch without numbers repeats).
    for (uint32_t i = 0; i < g->n; i++)
        if (point_equal(&g->history->records[g->members[i].record].point,
                        &g->history->records[record].point))
            return;
    g->members[g->n++] = (struct member){.record = record};
    drop_worst(g);
}

static const struct point *pick(const struct ga *g, struct rng *r)
{
    uint32_t best = (uint32_t)rng_below(r, g->n);
    for (uint32_t i = 1; i < g->set.tournament; i++) {
        uint32_t other = (uint32_t)rng_below(r, g->n);
        if (is_better(g, other, best))
            best = other;
    }
    return &g->history->records[g->members[best].record].point;
}

bool ga_ask(void *state, const struct ask *q, struct point *out)
{
    const struct ga *g = state;
    const struct history *h = g->history;

    if (h->n_asked < g->set.n_startup || g->n == 0) {
        struct rng r = ask_rng(h, q, ENTITY_START);
        return walk_run(h->walk, out, variation_random, &r);
    }
    struct variation c = {
        .space = h->space, .eta = g->set.eta, .reach = g->set.reach, .forced = UINT32_MAX};
    c.rng = ask_rng(h, q, ENTITY_BREED);
    c.a = pick(g, &c.rng);
    if (rng_f64(&c.rng) < g->set.crossover)
        c.b = pick(g, &c.rng);
    if (c.a->n) {
        // A child of one parent differs from it; known children are mutated more.
        double more = g->set.mutations + 0.25 * q->attempt;
        c.rate = (c.b ? more : more - 1) / c.a->n;
        if (!c.b)
            c.forced = c.a->genes[rng_below(&c.rng, c.a->n)].slot;
    }
    return walk_run(h->walk, out, variation_choose, &c);
}

static void *create(const struct history *h, const double *knobs)
{
    struct ga_settings s = {
        .size = (uint32_t)knobs[KNOB_POPULATION],
        .tournament = (uint32_t)knobs[KNOB_TOURNAMENT],
        .crossover = knobs[KNOB_CROSSOVER],
        .eta = knobs[KNOB_ETA],
        .mutations = knobs[KNOB_MUTATIONS],
        .n_startup = (uint32_t)knobs[KNOB_STARTUP],
    };
    // Several objectives need a wider front to breed from.
    if (h->objectives->n > 1 && s.size == knobs_table[KNOB_POPULATION].fallback)
        s.size *= 2;
    return ga_create(h, &s);
}

const struct algorithm ga_algorithm = {
    .name = "ga",
    .version = "ga-1",
    .help =
        "A steady-state genetic algorithm: tournament, crossover by name, mutation of about "
        "one gene; several objectives by non-domination and crowding (NSGA-II).",
    .source = "Deb and Agrawal 1995 (SBX); Deb et al., IEEE TEC 6 (2002)",
    .knobs = knobs_table,
    .create = create,
    .destroy = ga_destroy,
    .tell = ga_tell,
    .ask = ga_ask,
};
