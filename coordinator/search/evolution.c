// SPDX-License-Identifier: MIT
#include "common/mem.h"
#include "coordinator/search/algorithm.h"
#include "coordinator/search/variation.h"

enum knob_index { KNOB_POPULATION, KNOB_SAMPLE, KNOB_STARTUP, KNOB_REACH };

enum { ENTITY_START = 1, ENTITY_BREED = 2, POPULATION_MAX = 10000 };

static const struct knob knobs_table[] = {
    {"population", KNOB_INT, 2, POPULATION_MAX, 50, "the youngest so many may breed"},
    {"sample", KNOB_INT, 1, POPULATION_MAX, 10, "drawn of them; the best becomes the parent"},
    {"startup", KNOB_INT, 1, 100000, 20, "random trials before breeding"},
    {"reach", KNOB_FLOAT, 0.0001, 1, 0.3,
     "longest step along a number, as a part of its range"},
    {0},
};

struct evolution {
    const struct history *history;
    uint32_t size, sample, n_startup;
    double reach;
};

static void *create(const struct history *h, const double *knobs)
{
    struct evolution *e = mem_alloc(sizeof *e);

    e->history = h;
    e->size = (uint32_t)knobs[KNOB_POPULATION];
    e->sample = (uint32_t)knobs[KNOB_SAMPLE];
    e->n_startup = (uint32_t)knobs[KNOB_STARTUP];
    e->reach = knobs[KNOB_REACH];
    return e;
}

static bool is_better(const struct evolution *e, uint32_t a, uint32_t b)
{
    const struct record *r = e->history->records;
    uint32_t n = e->history->objectives->n;

    return n == 1 ? score_compare(&r[a].score, &r[b].score, 1) < 0
                  : score_dominates(&r[a].score, &r[b].score, n);
}

// Age, not merit, removes: the population is the last that were told.
static uint32_t pick(const struct evolution *e, struct rng *r)
{
    uint32_t n = e->history->n_told < e->size ? e->history->n_told : e->size;
    uint32_t first = e->history->n_told - n;
    uint32_t best = first + (uint32_t)rng_below(r, n);

    for (uint32_t i = 1; i < e->sample; i++) {
        uint32_t other = first + (uint32_t)rng_below(r, n);
        if (is_better(e, other, best))
            best = other;
    }
    return best;
}

static bool ask(void *state, const struct ask *q, struct point *out)
{
    const struct evolution *e = state;
    const struct history *h = e->history;

    if (h->n_asked < e->n_startup || h->n_told == 0) {
        struct rng r = ask_rng(h, q, ENTITY_START);
        return walk_run(h->walk, out, variation_random, &r);
    }
    struct rng r = ask_rng(h, q, ENTITY_BREED);
    uint32_t parent = pick(e, &r);
    struct step step = {.reach = e->reach, .more = q->attempt / 6.0};
    return variation_step(h, &h->records[parent].point, &step, r, out);
}

const struct algorithm evolution_algorithm = {
    .name = "evolution",
    .version = "evolution-1",
    .help =
        "Regularised (aging) evolution: a tournament among the youngest, one decision of the "
        "winner changes; a change of branch keeps what stays in play and draws the rest.",
    .source =
        "Real et al., AAAI 2019, algorithm 1; genotypes as in Negrinho et al., NeurIPS 2019",
    .knobs = knobs_table,
    .create = create,
    .destroy = mem_free,
    .tell = NULL,
    .ask = ask,
};
