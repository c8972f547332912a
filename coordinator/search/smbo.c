// SPDX-License-Identifier: MIT
#include <math.h>

#include "common/math.h"
#include "common/mem.h"
#include "coordinator/search/algorithm.h"
#include "coordinator/search/ngram.h"
#include "coordinator/search/ranking.h"
#include "coordinator/search/standing.h"
#include "coordinator/search/variation.h"

enum knob_index {
    KNOB_STARTUP,
    KNOB_CANDIDATES,
    KNOB_EXPLORE,
    KNOB_RIDGE,
    KNOB_OPTIMISM,
    KNOB_REACH
};

enum { ENTITY_START = 1, ENTITY_STEP = 2, CANDIDATES_MAX = 100000, CHAINS = 4, N_BEST = 10 };

static const struct knob knobs_table[] = {
    {"startup", KNOB_INT, 1, 100000, 10, "random trials before the model is used"},
    {"candidates", KNOB_INT, 1, CANDIDATES_MAX, 100,
     "points that the model judges for a trial"},
    {"explore", KNOB_FLOAT, 0, 1, 0.05, "chance of a random trial"},
    {"ridge", KNOB_FLOAT, 1e-6, 1e9, 1, "how strongly coefficients are held at zero"},
    {"optimism", KNOB_FLOAT, 0, 100, 0.5,
     "credit for what the model does not know, in its standard deviations, on average"},
    {"reach", KNOB_FLOAT, 0.0001, 1, 0.3,
     "longest step along a number, as a part of its range"},
    {0},
};

struct smbo {
    const struct history *history;
    uint32_t n_startup, n_candidates;
    double explore, optimism, reach;
    struct ngram *model;
    struct standing *standing;
    struct ranking *ranking;
    double error; // mean square of what it was wrong by, first objective of the weights
    uint32_t n_errors;
    struct point best, chain, next; // scratch
};

static struct point room(const struct history *h)
{
    return (struct point){.genes =
                              mem_alloc((h->space->n_genes_max + 1) * sizeof(struct gene))};
}

static void *create(const struct history *h, const double *knobs)
{
    struct smbo *s = mem_alloc(sizeof *s);

    s->history = h;
    s->n_startup = (uint32_t)knobs[KNOB_STARTUP];
    s->n_candidates = (uint32_t)knobs[KNOB_CANDIDATES];
    s->explore = knobs[KNOB_EXPLORE];
    s->optimism = knobs[KNOB_OPTIMISM];
    s->reach = knobs[KNOB_REACH];
    s->model = ngram_create(h, knobs[KNOB_RIDGE]);
    s->standing = standing_create(h);
    s->ranking = ranking_create(h, N_BEST);
    s->best = room(h);
    s->chain = room(h);
    s->next = room(h);
    return s;
}

static void destroy(void *state)
{
    struct smbo *s = state;
    if (!s)
        return;
    ngram_destroy(s->model);
    standing_destroy(s->standing);
    ranking_destroy(s->ranking);
    mem_free(s->best.genes);
    mem_free(s->chain.genes);
    mem_free(s->next.genes);
    mem_free(s);
}

// --- telling --------------------------------------------------------------------------
// Outliers are brought in, or they alone would shape the model: beyond the upper
// quartile by as much as the quartiles are apart.
static double ceiling(const struct smbo *s, uint32_t axis)
{
    double low = standing_quantile(s->standing, axis, 0.25);
    double high = standing_quantile(s->standing, axis, 0.75);
    return high + (high - low);
}

static void tell(void *state, uint32_t record)
{
    struct smbo *s = state;
    const struct record *r = &s->history->records[record];
    double y[OBJECTIVES_MAX] = {0};

    (void)standing_add(s->standing, record);
    ranking_add(s->ranking, record);
    if (standing_count(s->standing) == 0)
        return; // nothing to compare a failure with
    for (uint32_t i = 0; i < s->history->objectives->n; i++) {
        double most = ceiling(s, i);
        y[i] = r->score.verdict == SCORE_FEASIBLE && r->score.losses[i] < most
                   ? r->score.losses[i]
                   : most;
    }
    struct ngram_guess g = ngram_guess(s->model, &r->point);
    double miss = (y[0] - g.mean[0]) * (y[0] - g.mean[0]) / (1 + g.variance);
    s->n_errors++;
    s->error += (miss - s->error) / (s->n_errors < 50 ? s->n_errors : 50);
    ngram_add(s->model, &r->point, y);
}

// --- asking ---------------------------------------------------------------------------
struct taste {
    double weights[OBJECTIVES_MAX];
    double optimism;
};

// Several objectives: a random weighting each trial (Knowles's ParEGO, without its
// Chebyshev term).
static struct taste taste_of(const struct smbo *s, struct rng *r)
{
    struct taste t;
    uint32_t m = s->history->objectives->n;

    t.optimism = -s->optimism * math_log(1 - rng_f64(r)) * sqrt(s->error);
    for (uint32_t i = 0; i < m; i++) {
        double range =
            standing_quantile(s->standing, i, 0.75) - standing_quantile(s->standing, i, 0);
        double weight = m == 1 ? 1 : -math_log(1 - rng_f64(r));
        t.weights[i] = m == 1 || range <= 0 ? weight : weight / range;
    }
    return t;
}

static double promise(const struct smbo *s, const struct taste *t, const struct point *p)
{
    struct ngram_guess g = ngram_guess(s->model, p);
    double sum = 0;

    for (uint32_t i = 0; i < s->history->objectives->n; i++)
        sum += t->weights[i] * g.mean[i];
    return sum - t->weights[0] * t->optimism * sqrt(g.variance > 0 ? g.variance : 0);
}

// A chain starts at a good point or anywhere and climbs the model.
static bool start(struct smbo *s, uint32_t chain, struct rng *r)
{
    const struct history *h = s->history;
    uint32_t records[N_BEST], n = h->n_told < N_BEST ? h->n_told : N_BEST;
    double weights[N_BEST];

    if (chain == CHAINS - 1)
        return walk_run(h->walk, &s->chain, variation_random, r);
    ranking_best(s->ranking, n, records, weights);
    uint32_t i = chain == 0 ? 0 : (uint32_t)rng_below(r, n);
    point_copy(&s->chain, &h->records[records[i]].point);
    return true;
}

struct found {
    bool is_any;
    double value;
};

static void consider(struct smbo *s, const struct point *p, double value, struct found *f)
{
    if ((f->is_any && value >= f->value) || history_find(s->history, p, NULL))
        return;
    f->is_any = true;
    f->value = value;
    point_copy(&s->best, p);
}

struct chain {
    uint32_t number, length, trial;
};

static void climb(struct smbo *s, const struct taste *t, const struct chain *c, struct found *f)
{
    double at = promise(s, t, &s->chain);

    consider(s, &s->chain, at, f);
    for (uint32_t i = 1; i < c->length; i++) {
        struct step step = {.reach = s->reach, .more = i % 3 * 0.5};
        struct rng own = rng_at(s->history->seed, ENTITY_STEP + c->number, i, c->trial);
        if (!variation_step(s->history, &s->chain, &step, own, &s->next))
            continue;
        double value = promise(s, t, &s->next);
        consider(s, &s->next, value, f);
        if (value < at) {
            at = value;
            point_copy(&s->chain, &s->next);
        }
    }
}

static bool ask(void *state, const struct ask *q, struct point *out)
{
    struct smbo *s = state;
    const struct history *h = s->history;
    struct rng r = ask_rng(h, q, ENTITY_START);

    if (h->n_told < s->n_startup || s->n_errors == 0 || q->attempt > 0
        || rng_f64(&r) < s->explore)
        return walk_run(h->walk, out, variation_random, &r);
    struct taste t = taste_of(s, &r);
    struct found f = {false, 0};
    for (uint32_t chain = 0; chain < CHAINS; chain++) {
        struct chain c = {chain, s->n_candidates / CHAINS + 1, (uint32_t)q->trial};
        if (start(s, chain, &r))
            climb(s, &t, &c, &f);
    }
    if (f.is_any)
        point_copy(out, &s->best);
    return f.is_any;
}

const struct algorithm smbo_algorithm = {
    .name = "smbo",
    .version = "smbo-1",
    .help =
        "Model-based: ridge regression on options and n-grams; each trial is the point that "
        "the model, with some credit for what it does not know, likes best among many.",
    .source = "Negrinho and Gordon, arXiv:1704.08792, section 5",
    .knobs = knobs_table,
    .create = create,
    .destroy = destroy,
    .tell = tell,
    .ask = ask,
};
