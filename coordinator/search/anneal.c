// SPDX-License-Identifier: MIT
#include <math.h>

#include "common/math.h"
#include "common/mem.h"
#include "coordinator/search/algorithm.h"
#include "coordinator/search/variation.h"

enum knob_index { KNOB_CYCLE, KNOB_GROWTH, KNOB_HOT, KNOB_COLD, KNOB_REACH, KNOB_STARTUP };

enum { ENTITY_START = 1, ENTITY_STEP = 2, ENTITY_ACCEPT = 3 };

static const struct knob knobs_table[] = {
    {"cycle", KNOB_INT, 1, 1000000, 100, "trials until the first cooling ends"},
    {"growth", KNOB_FLOAT, 1, 10, 1.5, "each further cooling is so many times longer"},
    {"hot", KNOB_FLOAT, 0, 100, 0.3,
     "temperature at the start of a cooling, in units of the usual change of a step"},
    {"cold", KNOB_FLOAT, 0, 100, 0.01, "temperature at its end"},
    {"reach", KNOB_FLOAT, 0.0001, 1, 0.3,
     "longest step along a number, as a part of its range"},
    {"startup", KNOB_INT, 1, 100000, 10, "random trials, the best of which is the start"},
    {0},
};

struct anneal {
    const struct history *history;
    double growth, hot, cold, reach;
    uint32_t n_startup;
    // Made by tell alone.
    uint32_t current, best; // records; UINT32_MAX: none yet
    double length;          // of this cooling
    uint32_t at;            // trials into it
    double change;          // the usual difference of a step, running
    uint32_t n_changes;
};

static void *create(const struct history *h, const double *knobs)
{
    struct anneal *a = mem_alloc(sizeof *a);

    a->history = h;
    a->length = knobs[KNOB_CYCLE];
    a->growth = knobs[KNOB_GROWTH];
    a->hot = knobs[KNOB_HOT];
    a->cold = knobs[KNOB_COLD];
    a->reach = knobs[KNOB_REACH];
    a->n_startup = (uint32_t)knobs[KNOB_STARTUP];
    a->current = a->best = UINT32_MAX;
    return a;
}

// How much worse b is than a, summed over the objectives; infinite: in kind.
static double rise(const struct anneal *a, uint32_t from, uint32_t to)
{
    const struct score *x = &a->history->records[from].score,
                       *y = &a->history->records[to].score;
    double sum = 0;

    if (x->verdict != y->verdict)
        return x->verdict < y->verdict ? INFINITY : -INFINITY;
    if (x->verdict == SCORE_FAILED)
        return 0;
    if (x->verdict == SCORE_INFEASIBLE)
        return y->violation - x->violation;
    for (uint32_t i = 0; i < a->history->objectives->n; i++)
        sum += y->losses[i] - x->losses[i];
    return sum;
}

static double temperature(const struct anneal *a)
{
    double part = (double)a->at / a->length;
    if (a->cold <= 0 || a->hot <= 0)
        return a->hot * (1 - part);
    return a->hot * math_pow(a->cold / a->hot, part);
}

// Metropolis et al.: better always, worse with the probability of its rise.
static bool accepts(struct anneal *a, uint32_t record)
{
    double d = rise(a, a->current, record);
    struct rng r = rng_at(a->history->seed, ENTITY_ACCEPT, 0, record);

    if (isfinite(d) && d != 0) {
        a->n_changes++;
        double weight = a->n_changes < 50 ? 1.0 / a->n_changes : 0.02;
        a->change += weight * (fabs(d) - a->change);
    }
    if (d <= 0)
        return true;
    return isfinite(d) && rng_f64(&r) < math_exp(-d / (a->change * temperature(a)));
}

static void tell(void *state, uint32_t record)
{
    struct anneal *a = state;
    const struct record *r = a->history->records;

    if (a->best == UINT32_MAX
        || score_compare(&r[record].score, &r[a->best].score, a->history->objectives->n) < 0)
        a->best = record;
    if (record < a->history->n_warm + a->n_startup || a->current == UINT32_MAX) {
        a->current = a->best;
        return;
    }
    if (accepts(a, record))
        a->current = record;
    if (++a->at < a->length)
        return;
    a->at = 0;
    a->length *= a->growth;
    a->current = a->best; // the next cooling begins at the best of all
}

static bool ask(void *state, const struct ask *q, struct point *out)
{
    const struct anneal *a = state;
    const struct history *h = a->history;

    if (q->trial < a->n_startup || a->current == UINT32_MAX) {
        struct rng r = ask_rng(h, q, ENTITY_START);
        return walk_run(h->walk, out, variation_random, &r);
    }
    struct rng r = ask_rng(h, q, ENTITY_STEP);
    // Where every neighbour is known, some of them steps further.
    struct step step = {.reach = a->reach, .more = q->attempt / 6.0};
    return variation_step(h, &h->records[a->current].point, &step, r, out);
}

const struct algorithm anneal_algorithm = {
    .name = "anneal",
    .version = "anneal-1",
    .help = "Simulated annealing: one decision changes, worse is accepted the less the colder; "
            "coolings follow one another, each longer, from the best so far.",
    .source = "Kirkpatrick, Gelatt and Vecchi, Science 220 (1983)",
    .knobs = knobs_table,
    .create = create,
    .destroy = mem_free,
    .tell = tell,
    .ask = ask,
};
