// SPDX-License-Identifier: MIT
#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/math.h"
#include "common/mem.h"
#include "coordinator/search/algorithm.h"

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
    uint32_t size, n_startup, tournament;
    double crossover, eta, mutations;
    uint32_t n;
    struct member *members; // best first; room for one more
    uint32_t *order;        // scratch of the crowding
};

static void *create(const struct history *h, const double *knobs)
{
    struct ga *g = mem_alloc(sizeof *g);

    g->history = h;
    g->size = (uint32_t)knobs[KNOB_POPULATION];
    g->tournament = (uint32_t)knobs[KNOB_TOURNAMENT];
    g->crossover = knobs[KNOB_CROSSOVER];
    g->eta = knobs[KNOB_ETA];
    g->mutations = knobs[KNOB_MUTATIONS];
    g->n_startup = (uint32_t)knobs[KNOB_STARTUP];
    // Several objectives need a wider front to breed from.
    if (h->objectives->n > 1 && g->size == knobs_table[KNOB_POPULATION].fallback)
        g->size *= 2;
    g->members = mem_alloc((g->size + 1) * sizeof *g->members);
    g->order = mem_alloc((g->size + 1) * sizeof *g->order);
    return g;
}

static void destroy(void *state)
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
    if (g->n > g->size)
        g->members[worst] = g->members[--g->n];
}

static void tell(void *state, uint32_t record)
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
    for (uint32_t i = 1; i < g->tournament; i++) {
        uint32_t other = (uint32_t)rng_below(r, g->n);
        if (is_better(g, other, best))
            best = other;
    }
    return &g->history->records[g->members[best].record].point;
}

// --- breeding ---------------------------------------------------------------------
struct breed {
    const struct ga *ga;
    struct rng rng;
    const struct point *a, *b; // b NULL: one parent
    double rate;               // chance of a gene to mutate
    uint32_t forced;           // the gene of a that mutates in any case
    uint32_t swap;             // permutation: the slot that takes what `forced` gave up
    uint64_t swapped;
    bool has_swap;
};

// Simulated binary crossover: children as far from their parents as the spread
// says, in units of the slot's scale.
static double cross(struct breed *c, double x, double y)
{
    double u = rng_f64(&c->rng), power = 1 / (c->ga->eta + 1);
    double beta = u <= 0.5 ? math_pow(2 * u, power) : math_pow(1 / (2 * (1 - u)), power);
    double side = rng_f64(&c->rng) < 0.5 ? 1 : -1;
    double child = 0.5 * (x + y + side * beta * (x - y));
    return child < 0 ? 0 : child > 1 ? 1 : child;
}

static double mutate_unit(struct breed *c, double x)
{
    double u = rng_f64(&c->rng), power = 1 / (c->ga->eta + 1), y;
    if (u < 0.5)
        y = math_pow(2 * u + (1 - 2 * u) * math_pow(1 - x, c->ga->eta + 1), power) - 1;
    else
        y = 1 - math_pow(2 * (1 - u) + 2 * (u - 0.5) * math_pow(x, c->ga->eta + 1), power);
    y += x;
    return y < 0 ? 0 : y > 1 ? 1 : y;
}

static bool is_ordered(const struct decision *d)
{
    return d->slot->kind != SLOT_CHOICE;
}

static struct gene mutate(struct breed *c, const struct decision *d, struct gene g)
{
    if (d->slot->kind == SLOT_FLOAT)
        return slot_gene(d->slot, d->index, mutate_unit(c, slot_unit(d->slot, g)));
    if (d->n_allowed < 2)
        return decision_option(d, 0);
    struct gene other = g;
    if (is_ordered(d) && rng_f64(&c->rng) < 0.5) {
        other = slot_gene(d->slot, d->index, mutate_unit(c, slot_unit(d->slot, g)));
        if (other.k == g.k) // a step at least
            other.k = g.k == 0 || (g.k + 1 < d->slot->n && rng_f64(&c->rng) < 0.5) ? g.k + 1
                                                                                   : g.k - 1;
    }
    if (other.k != g.k && decision_allows(d, other))
        return other;
    do
        other = decision_option(d, rng_below(&c->rng, d->n_allowed));
    while (other.k == g.k);
    return other;
}

// What the parents have at this slot; false when neither has it.
static bool inherit(struct breed *c, const struct decision *d, struct gene *out)
{
    const struct gene *x = point_find(c->a, d->index);
    const struct gene *y = c->b ? point_find(c->b, d->index) : NULL;

    if (!x && !y)
        return false;
    if (!x || !y) {
        *out = x ? *x : *y;
        return true;
    }
    if (is_ordered(d) && rng_f64(&c->rng) < 0.5) {
        double u = cross(c, slot_unit(d->slot, *x), slot_unit(d->slot, *y));
        *out = slot_gene(d->slot, d->index, u);
        return true;
    }
    *out = rng_f64(&c->rng) < 0.5 ? *x : *y;
    return true;
}

// In a permutation the place that the parent gave value `taken` gets `freed`.
static void plan_swap(struct breed *c, const struct decision *d, uint64_t freed, uint64_t taken)
{
    const struct slot *slots = c->ga->history->space->slots;

    for (uint32_t i = 0; i < c->a->n; i++) {
        struct gene there = c->a->genes[i];
        // Places of one permutation stand side by side.
        bool is_ours =
            there.slot > d->index
            && there.slot - d->index == slots[there.slot].index - slots[d->index].index
            && slots[there.slot].dimension == d->slot->dimension;
        if (!is_ours || there.k != taken)
            continue;
        c->has_swap = true;
        c->swap = there.slot;
        c->swapped = freed;
    }
}

static struct gene choose(void *ctx, const struct decision *d)
{
    struct breed *c = ctx;
    struct gene g;

    if (c->has_swap && c->swap == d->index)
        return decision_nearest(d, (struct gene){.slot = d->index, .k = c->swapped}, &c->rng);
    if (!inherit(c, d, &g))
        return decision_random(d, &c->rng);
    if (d->index != c->forced && rng_f64(&c->rng) >= c->rate)
        return decision_nearest(d, g, &c->rng);
    struct gene m = mutate(c, d, g);
    if (d->slot->role == ROLE_PERMUTATION)
        plan_swap(c, d, g.k, m.k);
    return m;
}

static struct gene choose_random(void *ctx, const struct decision *d)
{
    return decision_random(d, ctx);
}

static bool ask(void *state, const struct ask *q, struct point *out)
{
    const struct ga *g = state;
    const struct history *h = g->history;

    if (h->n_asked < g->n_startup || g->n == 0) {
        struct rng r = ask_rng(h, q, ENTITY_START);
        return walk_run(h->walk, out, choose_random, &r);
    }
    struct breed c = {.ga = g, .rng = ask_rng(h, q, ENTITY_BREED), .forced = UINT32_MAX};
    c.a = pick(g, &c.rng);
    if (rng_f64(&c.rng) < g->crossover)
        c.b = pick(g, &c.rng);
    if (c.a->n) {
        // A child of one parent differs from it; known children are mutated more.
        double more = g->mutations + 0.25 * q->attempt;
        c.rate = (c.b ? more : more - 1) / c.a->n;
        if (!c.b)
            c.forced = c.a->genes[rng_below(&c.rng, c.a->n)].slot;
    }
    return walk_run(h->walk, out, choose, &c);
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
    .destroy = destroy,
    .tell = tell,
    .ask = ask,
};
