// SPDX-License-Identifier: MIT
// gp.c - Bayesian optimisation: the point that promises most by a Gaussian process.
//
// Points that are still on their way count with the model's own mean as their outcome
// (fantasies): they take away variance, so that a batch spreads.  The same model says
// where trials are infeasible or fail.
#include <math.h>
#include <string.h>

#include "common/hash.h"
#include "common/math.h"
#include "common/mem.h"
#include "coordinator/search/gp_state.h"
#include "coordinator/search/sobol_net.h"

enum knob_index { KNOB_STARTUP, KNOB_GLOBAL, KNOB_LOCAL, KNOB_ROWS, KNOB_LEARN };

enum { ENTITY_START = 1, ENTITY_POOL = 2, ENTITY_SCRAMBLE = 3 };

// Columns of the model: of a longer space the first ones.  Rounds of closing in on the best
// candidate, each with so many points around it; parents of local candidates.
enum { COLUMNS_MAX = 256, ROUNDS = 6, AROUND = 32, PARENTS = 5 };

static const struct knob knobs_table[] = {
    {"startup", KNOB_INT, 2, 1000, 10, "points of a Sobol sequence before the model"},
    {"global", KNOB_INT, 1, 10000, 192, "candidates from everywhere"},
    {"local", KNOB_INT, 1, 10000, 96, "candidates around the best trials"},
    {"rows", KNOB_INT, 32, 1000, 300, "trials in the model: the best and a sample of the rest"},
    {"learn", KNOB_INT, 8, KRIGING_LEARN_MAX, 100, "of these, for learning its lengths"},
    {0},
};

// --- life ---------------------------------------------------------------------------
static void lay_out(struct gp *g, const struct space *s)
{
    g->slot_of = mem_alloc((s->n_slots + 1) * sizeof *g->slot_of);
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < s->n_slots && g->n_cols < COLUMNS_MAX; i++)
            if ((s->slots[i].kind == SLOT_CHOICE) == (pass == 1))
                g->slot_of[g->n_cols++] = i;
        if (pass == 0)
            g->n_numbers = g->n_cols;
    }
}

static void *create(const struct history *h, const double *knobs)
{
    struct gp *g = mem_alloc(sizeof *g);
    struct rng r = rng_at(h->seed, ENTITY_SCRAMBLE, 0, 0);

    g->history = h;
    g->scramble = rng_u64(&r);
    g->n_startup = (uint32_t)knobs[KNOB_STARTUP];
    g->n_global = (uint32_t)knobs[KNOB_GLOBAL];
    g->n_local = (uint32_t)knobs[KNOB_LOCAL];
    g->n_rows_max = (uint32_t)knobs[KNOB_ROWS];
    g->n_learn_max = (uint32_t)knobs[KNOB_LEARN];
    lay_out(g, h->space);
    g->model = kriging_create(g->n_cols, g->n_numbers, g->n_rows_max);
    uint32_t n = g->n_rows_max > g->n_learn_max ? g->n_rows_max : g->n_learn_max;
    g->rows = mem_alloc(n * sizeof *g->rows);
    g->wanted = mem_alloc(n * sizeof *g->wanted);
    g->alpha = mem_alloc(n * sizeof *g->alpha);
    g->alpha_bad = mem_alloc(n * sizeof *g->alpha_bad);
    g->y = mem_alloc(n * sizeof *g->y);
    return g;
}

static void destroy(void *state)
{
    struct gp *g = state;
    if (!g)
        return;
    kriging_destroy(g->model);
    mem_free(g->slot_of);
    mem_free(g->features);
    mem_free(g->order);
    mem_free(g->rows);
    mem_free(g->wanted);
    mem_free(g->alpha);
    mem_free(g->alpha_bad);
    mem_free(g->y);
    mem_free(g);
}

static void tell(void *state, uint32_t record)
{
    struct gp *g = state;
    const struct record *records = g->history->records;
    uint32_t low = 0, high = record, m = g->history->objectives->n;

    if (record >= g->cap_order) {
        g->cap_order = record + record / 2 + 64;
        g->order = mem_realloc(g->order, g->cap_order * sizeof *g->order);
    }
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        const struct score *there = &records[g->order[middle]].score;
        if (score_compare(there, &records[record].score, m) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    memmove(g->order + low + 1, g->order + low, (record - low) * sizeof *g->order);
    g->order[low] = record;
}

// --- candidates -------------------------------------------------------------------------
struct pool {
    const struct gp *gp;
    struct rng rng;
    uint32_t n, cap;
    struct point *points;
    double *rows, *scores;
    // of the candidate being made
    const struct point *parent;
    double spread, rate;
};

static struct pool *pool_create(const struct gp *g, uint32_t cap)
{
    struct pool *p = mem_alloc(sizeof *p);
    uint32_t n_genes = g->history->space->n_genes_max + 1;

    p->gp = g;
    p->cap = cap;
    p->points = mem_alloc(cap * sizeof *p->points);
    p->rows = mem_alloc(((size_t)cap * g->n_cols + 1) * sizeof *p->rows);
    p->scores = mem_alloc(cap * sizeof *p->scores);
    struct gene *genes = mem_alloc((size_t)cap * n_genes * sizeof *genes);
    for (uint32_t i = 0; i < cap; i++)
        p->points[i].genes = genes + (size_t)i * n_genes;
    return p;
}

static void pool_destroy(struct pool *p)
{
    mem_free(p->points[0].genes);
    mem_free(p->points);
    mem_free(p->rows);
    mem_free(p->scores);
    mem_free(p);
}

static struct gene choose_random(void *ctx, const struct decision *d)
{
    struct pool *p = ctx;
    return decision_random(d, &p->rng);
}

static struct gene choose_near(void *ctx, const struct decision *d)
{
    struct pool *p = ctx;
    const struct gene *has = point_find(p->parent, d->index);

    if (!has)
        return decision_random(d, &p->rng);
    if (rng_f64(&p->rng) >= p->rate)
        return decision_nearest(d, *has, &p->rng);
    if (d->slot->kind == SLOT_CHOICE)
        return decision_random(d, &p->rng);
    double u = slot_unit(d->slot, *has) + p->spread * rng_normal(&p->rng);
    struct gene g = slot_gene(d->slot, d->index, u < 0 ? 0 : u > 1 ? 1 : u);
    if (d->slot->kind == SLOT_GRID && g.k == has->k && d->slot->n > 1) // a step at least
        g.k = g.k == 0 || (g.k + 1 < d->slot->n && rng_f64(&p->rng) < 0.5) ? g.k + 1 : g.k - 1;
    return decision_nearest(d, g, &p->rng);
}

// Takes the candidate in unless it is no point of the space, or was asked before.
static void pool_take(struct pool *p, walk_choose_fn choose)
{
    const struct gp *g = p->gp;
    struct point *out = &p->points[p->n];

    if (!walk_run(g->history->walk, out, choose, p) || history_find(g->history, out, NULL))
        return;
    gp_model_features(g, out, p->rows + (size_t)p->n * g->n_cols);
    p->n++;
}

static void pool_take_near(struct pool *p, const struct point *parent, double spread)
{
    p->parent = parent;
    p->spread = spread;
    p->rate = parent->n > 3 ? 3.0 / parent->n : 1;
    // Along one axis or two as often as along many.
    p->rate *= rng_f64(&p->rng) < 0.5 ? 1 : 0.4;
    pool_take(p, choose_near);
}

static uint32_t pool_best(const struct pool *p)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < p->n; i++)
        if (p->scores[i] > p->scores[best])
            best = i;
    return best;
}

static void fill_pool(struct pool *p)
{
    const struct gp *g = p->gp;
    const struct history *h = g->history;
    uint32_t n_parents = h->n_told < PARENTS ? h->n_told : PARENTS;

    for (uint32_t i = 0; i < g->n_global; i++)
        pool_take(p, choose_random);
    for (uint32_t i = 0; i < g->n_local; i++) {
        uint32_t parent = g->order[rng_below(&p->rng, n_parents)];
        double spread = math_pow(10, -2.5 * rng_f64(&p->rng));
        pool_take_near(p, &h->records[parent].point, spread);
    }
}

// Closes in on the best of the pool; false: nothing new was found at all.
static bool search_pool(struct pool *p, struct point *out)
{
    const struct gp *g = p->gp;
    double spread = 0.1;

    fill_pool(p);
    if (p->n == 0)
        return false;
    gp_model_score(g, p->rows, p->n, p->scores);
    uint32_t best = pool_best(p);
    double score = p->scores[best];
    point_copy(out, &p->points[best]);
    for (int round = 0; round < ROUNDS; round++) {
        p->n = 0;
        spread *= 0.5;
        for (uint32_t i = 0; i < AROUND; i++)
            pool_take_near(p, out, 2 * spread * (0.2 + rng_f64(&p->rng)));
        if (p->n == 0)
            continue;
        gp_model_score(g, p->rows, p->n, p->scores);
        best = pool_best(p);
        if (p->scores[best] <= score)
            continue;
        score = p->scores[best];
        point_copy(out, &p->points[best]);
    }
    return true;
}

// --- asking ---------------------------------------------------------------------------
struct start {
    const struct gp *gp;
    uint64_t index;
    struct rng rng;
    bool is_chance;
};

static struct gene choose_start(void *ctx, const struct decision *d)
{
    struct start *s = ctx;
    uint32_t axis = d->slot->axis;

    if (s->is_chance || axis >= SOBOL_AXES)
        return decision_random(d, &s->rng);
    uint32_t x = sobol_scrambled(axis, s->index, hash_mix64(s->gp->scramble + axis));
    return decision_at(d, ((double)x + 0.5) * 0x1p-32);
}

static bool ask(void *state, const struct ask *q, struct point *out)
{
    struct gp *g = state;
    const struct history *h = g->history;

    if (h->n_told < g->n_startup) {
        struct start s = {g, q->trial, ask_rng(h, q, ENTITY_START), q->attempt > 0};
        return walk_run(h->walk, out, choose_start, &s);
    }
    gp_model_refresh(g, q->trial);
    uint32_t cap = g->n_global + g->n_local > AROUND ? g->n_global + g->n_local : AROUND;
    struct pool *p = pool_create(g, cap);
    p->rng = ask_rng(h, q, ENTITY_POOL);
    bool found = search_pool(p, out);
    pool_destroy(p);
    return found;
}

const struct algorithm gp_algorithm = {
    .name = "gp",
    .version = "gp-1",
    .help = "Bayesian optimisation with a Gaussian process (Matern 5/2, a length for each "
            "parameter): for expensive trials, up to some hundred. Learns where trials fail or "
            "violate constraints; several objectives by changing weights.",
    .source =
        "Snoek et al., NIPS 2012; Ament et al., NeurIPS 2023 (log EI); Gardner et al., ICML "
        "2014 (constraints); Ginsbourger et al. 2010 (believer); Knowles 2006 (ParEGO)",
    .knobs = knobs_table,
    .create = create,
    .destroy = destroy,
    .tell = tell,
    .ask = ask,
};
