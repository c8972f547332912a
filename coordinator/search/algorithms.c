// SPDX-License-Identifier: MIT
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/options.h"
#include "coordinator/search/algorithm.h"

// How often an algorithm may answer with a known point before chance answers,
// how often chance may, and how many steps along the order of all points the
// last resort takes.  An ask stays within some milliseconds.
enum { OWN_TRIES = 24, RANDOM_TRIES = 2000, SCAN_STEPS = 2000000 };

// Streams of an ask's last resorts, away from those of the algorithms.
enum { ENTITY_FALLBACK = 0xF0 };

const struct algorithm *const algorithms[] = {
    // clang-format off
    &portfolio_algorithm,
    &random_algorithm,
    &sobol_algorithm,
    &grid_algorithm,
    &hillclimb_algorithm,
    &anneal_algorithm,
    &evolution_algorithm,
    &evolve_algorithm,
    &ga_algorithm,
    &generational_algorithm,
    &nsga2_algorithm,
    &tpe_algorithm,
    &cmaes_algorithm,
    &gp_algorithm,
    &linesearch_algorithm,
    &aco_algorithm,
    &mcts_algorithm,
    &smbo_algorithm,
    &reinforce_algorithm,
    &asha_algorithm,
    &hyperband_algorithm,
    NULL,
    // clang-format on
};

const struct algorithm *algorithm_find(const char *name)
{
    for (int i = 0; algorithms[i]; i++)
        if (strcmp(algorithms[i]->name, name) == 0)
            return algorithms[i];
    return NULL;
}

const struct algorithm *algorithm_default(const struct space *s)
{
    (void)s;
    return &portfolio_algorithm;
}

// --- options --------------------------------------------------------------------
static enum error parse_knob(const struct spec *s, const struct knob *k, double *out)
{
    int64_t i = (int64_t)k->fallback;
    bool b = k->fallback != 0;
    enum error e = OK;

    *out = k->fallback;
    switch (k->type) {
    case KNOB_BOOL:
        e = spec_bool(s, k->name, &b);
        *out = b;
        break;
    case KNOB_INT:
        e = spec_int(s, k->name, (int64_t)k->min, (int64_t)k->max, &i);
        *out = (double)i;
        break;
    case KNOB_FLOAT:
        e = spec_float(s, k->name, k->min, k->max, out);
        break;
    }
    return e;
}

static enum error parse_knobs(const struct spec *s, const struct algorithm *a, double *knobs)
{
    const char *names[KNOBS_MAX + 3] = {"name"};
    uint32_t n = 0;

    for (; a->knobs[n].name; n++)
        names[n + 1] = a->knobs[n].name;
    if (a->parents)
        names[n + 1] = "endpoint"; // endpoint.h reads it
    enum error e = s->map->type == VALUE_MAP ? spec_keys(s, names, NULL) : OK;
    for (uint32_t i = 0; !e && i < n; i++)
        e = parse_knob(s, &a->knobs[i], &knobs[i]);
    return e;
}

enum error algorithm_parse(const struct spec *job,
                           const struct space *space,
                           const struct algorithm **out,
                           double *knobs)
{
    const struct value *v = spec_find(job, "algorithm");
    const char *names[KNOBS_MAX], *name = NULL;
    struct value none = value_map();
    uint32_t n = 0;
    enum error e = OK;

    for (; algorithms[n]; n++)
        names[n] = algorithms[n]->name;
    names[n] = NULL;
    struct spec s = spec_at(job, v ? v : &none, "algorithm");
    *out = algorithm_default(space);
    if (v && v->type == VALUE_STR) // algorithm: tpe
        e = spec_str(job, "algorithm", names, &name);
    else if (v && v->type != VALUE_MAP)
        e = spec_expected(job, "algorithm", "a name, or a map like {name: tpe}");
    else if (v && !(e = spec_require(&s, "name", "the algorithm's name")))
        e = spec_str(&s, "name", names, &name);
    if (e)
        return e;
    if (name)
        *out = algorithm_find(name);
    assert(*out); // one of the names
    return parse_knobs(&s, *out, knobs);
}

// --- asking ---------------------------------------------------------------------
struct rng ask_rng(const struct history *h, const struct ask *q, uint32_t entity)
{
    return rng_at(h->seed, entity, q->attempt, (uint32_t)q->trial);
}

static struct gene choose_random(void *ctx, const struct decision *d)
{
    return decision_random(d, ctx);
}

// Along the order of all points from where *out stands, round once.
static enum error scan(struct history *h, struct point *out)
{
    uint64_t budget = SCAN_STEPS;

    for (int round = 0; round < 2; round++) {
        while (space_successor(h->walk, out, &budget))
            if (!history_find(h, out, NULL))
                return OK;
        out->n = 0;
    }
    return ERR_NOT_FOUND;
}

static enum error ask_anything(struct history *h, struct ask *q, struct point *out)
{
    bool is_finite = isfinite(h->space->n_points);
    bool is_known = false;

    for (uint32_t i = 0; i < RANDOM_TRIES; i++) {
        q->attempt++;
        struct rng r = ask_rng(h, q, ENTITY_FALLBACK);
        if (!walk_run(h->walk, out, choose_random, &r))
            continue;
        is_known = history_find(h, out, NULL);
        if (!is_known || !is_finite)
            return OK; // a branch without numbers cannot but repeat
    }
    if (!is_finite)
        return ERR_NOT_FOUND;
    if (!is_known)
        out->n = 0; // the last one was no valid point
    return scan(h, out);
}

enum error algorithm_ask(const struct algorithm *a,
                         void *state,
                         struct history *h,
                         uint64_t trial,
                         struct point *out)
{
    struct ask q = {.trial = trial};

    if (h->space->is_exact && h->by_key.n >= h->space->n_points)
        return ERR_NOT_FOUND;
    for (; q.attempt < OWN_TRIES; q.attempt++) {
        if (a->ask(state, &q, out) && !history_find(h, out, NULL))
            return OK;
    }
    return ask_anything(h, &q, out);
}
