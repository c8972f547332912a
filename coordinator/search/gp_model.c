// SPDX-License-Identifier: MIT
// gp_model.c - the model behind an ask: which records, which targets, what it promises.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/linalg.h"
#include "common/math.h"
#include "common/mem.h"
#include "coordinator/search/gp_state.h"

// Points whose variances are solved for side by side.
enum { STRIP = 32, ENTITY_WEIGHTS = 7 };

// Losses are compressed towards the best: log(this + (loss - least) / (median - least)).
#define FLOOR 12.0

void gp_model_features(const struct gp *g, const struct point *p, double *row)
{
    for (uint32_t j = 0; j < g->n_cols; j++) {
        const struct slot *s = &g->history->space->slots[g->slot_of[j]];
        const struct gene *x = point_find(p, g->slot_of[j]);
        if (j < g->n_numbers)
            row[j] = x ? slot_unit(s, *x) : 0.5;
        else // not decided is a category of its own
            row[j] = x ? (double)x->k : -1;
    }
}

static void fill_features(struct gp *g)
{
    const struct history *h = g->history;

    if (h->n_asked > g->cap_features) {
        g->cap_features = h->n_asked + h->n_asked / 2 + 64;
        size_t n = (size_t)g->cap_features * g->n_cols + 1;
        g->features = mem_realloc(g->features, n * sizeof(double));
    }
    for (; g->n_features < h->n_asked; g->n_features++)
        gp_model_features(g, &h->records[g->n_features].point,
                          g->features + (size_t)g->n_features * g->n_cols);
}

static const double *features_of(const struct gp *g, uint32_t record)
{
    return g->features + (size_t)record * g->n_cols;
}

// --- targets ------------------------------------------------------------------------
static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// One number for several losses: the augmented Chebyshev norm of losses on [0, 1], with
// weights that differ from trial to trial (ParEGO, Knowles 2006).
static void scalarize(const struct gp *g, const uint32_t *records, uint32_t n, uint64_t trial)
{
    const struct history *h = g->history;
    uint32_t m = h->objectives->n;
    double low[OBJECTIVES_MAX], high[OBJECTIVES_MAX], weights[OBJECTIVES_MAX], sum = 0;
    struct rng r = rng_at(h->seed, ENTITY_WEIGHTS, 0, (uint32_t)trial);

    for (uint32_t o = 0; o < m; o++) {
        low[o] = INFINITY;
        high[o] = -INFINITY;
        for (uint32_t i = 0; i < n; i++) {
            const struct score *s = &h->records[records[i]].score;
            if (s->verdict != SCORE_FEASIBLE)
                continue;
            low[o] = fmin(low[o], s->losses[o]);
            high[o] = fmax(high[o], s->losses[o]);
        }
        sum += weights[o] = -math_log(1 - rng_f64(&r));
    }
    for (uint32_t i = 0; i < n; i++) {
        const struct score *s = &h->records[records[i]].score;
        double most = 0, all = 0;
        for (uint32_t o = 0; o < m; o++) {
            double range = high[o] - low[o];
            double x = range > 0 ? (s->losses[o] - low[o]) / range * weights[o] / sum : 0;
            most = fmax(most, x);
            all += x;
        }
        g->y[i] = most + 0.05 * all;
    }
}

// Mean 0 and deviation 1; the target of `best` into *best.
static void standardise(const struct gp *g, uint32_t n, double *best)
{
    double mean = 0, var = 0;
    for (uint32_t i = 0; i < n; i++)
        mean += g->y[i];
    mean /= n;
    for (uint32_t i = 0; i < n; i++)
        var += (g->y[i] - mean) * (g->y[i] - mean);
    double sd = var > 0 ? math_sqrt(var / n) : 1;
    for (uint32_t i = 0; i < n; i++)
        g->y[i] = (g->y[i] - mean) / sd;
    *best = (math_log(FLOOR) - mean) / sd;
}

// Losses of the records, the worst feasible one for those that have none; then
// compressed and standardised.  The best feasible target into *best.
static void find_targets(
    const struct gp *g, const uint32_t *records, uint32_t n, uint64_t trial, double *best)
{
    double *sorted = mem_alloc((n + 1) * sizeof *sorted), worst = -INFINITY;
    uint32_t n_good = 0;

    if (g->history->objectives->n > 1)
        scalarize(g, records, n, trial);
    for (uint32_t i = 0; i < n; i++) {
        const struct score *s = &g->history->records[records[i]].score;
        if (g->history->objectives->n == 1)
            g->y[i] = s->losses[0];
        if (s->verdict == SCORE_FEASIBLE)
            sorted[n_good++] = g->y[i];
    }
    qsort(sorted, n_good, sizeof *sorted, ascending);
    double least = n_good ? sorted[0] : 0;
    double median = n_good ? sorted[n_good / 2] : 1;
    worst = n_good ? sorted[n_good - 1] : 1;
    double width = median > least ? median - least : worst > least ? worst - least : 1;
    for (uint32_t i = 0; i < n; i++) {
        const struct score *s = &g->history->records[records[i]].score;
        double y = isfinite(g->y[i]) && n_good ? g->y[i] : worst;
        if (s->verdict != SCORE_FEASIBLE) // never a reason to go there
            y = y > median ? y : median;
        y = y > least ? y : least;
        double ratio = (y - least) / width;
        g->y[i] = math_log(FLOOR + (ratio < 1e300 ? ratio : 1e300));
    }
    standardise(g, n, best);
    mem_free(sorted);
}

// --- which records ------------------------------------------------------------------
static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

// All of the first n_told when they are few; else the best half and, of the others, as
// many as there is room for, evenly over the history.  Ascending into out.
static uint32_t
choose_records(const struct gp *g, uint32_t n_told, uint32_t most, uint32_t *out)
{
    uint32_t n = 0, seen = 0, n_best = most / 2;

    if (n_told <= most) {
        for (; n < n_told; n++)
            out[n] = n;
        return n;
    }
    uint32_t n_rest = n_told - n_best, room = most - n_best;
    for (uint32_t i = 0; i < g->history->n_told; i++) {
        if (g->order[i] >= n_told)
            continue;
        bool is_best = seen < n_best;
        uint32_t at = seen++ - n_best; // among the others, by rank
        uint64_t a = (uint64_t)at * room / n_rest, b = (uint64_t)(at + 1) * room / n_rest;
        if (is_best || a != b)
            out[n++] = g->order[i];
    }
    qsort(out, n, sizeof *out, by_number);
    return n;
}

// --- learning -----------------------------------------------------------------------
// Lengths are learned anew whenever the history has grown by an eighth: a fixed sequence
// of sizes, so that they are the same for whoever comes to a history.
static uint32_t learning_size(const struct gp *g, uint32_t n_told)
{
    uint32_t n = g->n_startup;
    while (n + n / 8 + 1 <= n_told)
        n += n / 8 + 1;
    return n < n_told ? n : n_told;
}

static void learn(struct gp *g, uint32_t n_told)
{
    double best, *x;
    uint32_t n = choose_records(g, n_told, g->n_learn_max, g->wanted);

    find_targets(g, g->wanted, n, 0, &best);
    x = mem_alloc(((size_t)n * g->n_cols + 1) * sizeof *x);
    for (uint32_t i = 0; i < n; i++)
        memcpy(x + (size_t)i * g->n_cols, features_of(g, g->wanted[i]), g->n_cols * sizeof *x);
    kriging_learn(g->model, x, g->y, n);
    mem_free(x);
    g->n_learned = n_told;
}

// What holds: the rows that were there already, as far as they are the same ones.
static void set_rows(struct gp *g)
{
    const struct history *h = g->history;
    uint32_t n_pending = h->n_asked - h->n_told, most = g->n_rows_max;

    n_pending = n_pending < most / 4 ? n_pending : most / 4;
    uint32_t n_told = choose_records(g, h->n_told, most - n_pending, g->wanted), n = n_told;
    for (uint32_t i = 0; i < n_pending; i++)
        g->wanted[n++] = h->n_asked - n_pending + i;
    uint32_t same = 0;
    while (same < n && same < g->model->n && g->rows[same] == g->wanted[same])
        same++;
    kriging_keep(g->model, same);
    for (uint32_t i = same; i < n; i++) {
        g->rows[i] = g->wanted[i];
        kriging_add(g->model, features_of(g, g->rows[i]));
    }
    g->n_told = n_told;
}

static double scale_of(const double *y, const double *alpha, uint32_t n)
{
    double variance = linalg_dot(y, alpha, n) / n;
    return math_sqrt(variance > 1e-12 ? variance : 1e-12);
}

void gp_model_refresh(struct gp *g, uint64_t trial)
{
    const struct history *h = g->history;
    uint32_t size = learning_size(g, h->n_told), n_bad = 0;

    fill_features(g);
    if (g->n_learned != size)
        learn(g, size);
    set_rows(g);
    find_targets(g, g->rows, g->n_told, trial, &g->best);
    kriging_weights(g->model, g->y, g->n_told, g->alpha);
    g->scale = scale_of(g->y, g->alpha, g->n_told);
    for (uint32_t i = 0; i < g->n_told; i++)
        n_bad += h->records[g->rows[i]].score.verdict != SCORE_FEASIBLE;
    g->has_bad = n_bad > 0;
    g->has_feasible = n_bad < g->n_told;
    g->mean_bad = (2.0 * n_bad - g->n_told) / g->n_told;
    for (uint32_t i = 0; i < g->n_told; i++)
        g->y[i] =
            (h->records[g->rows[i]].score.verdict != SCORE_FEASIBLE ? 1 : -1) - g->mean_bad;
    if (!g->has_bad)
        return;
    kriging_weights(g->model, g->y, g->n_told, g->alpha_bad);
    g->scale_bad = scale_of(g->y, g->alpha_bad, g->n_told);
}

// --- what a point promises --------------------------------------------------------------
static double density(double z)
{
    return 0.39894228040143267794 * math_exp(-0.5 * z * z);
}

static double below(double z)
{
    return 0.5 * math_erfc(-z * 0.70710678118654752440);
}

// log(density(z) + z below(z)), also far to the left where it is below(z)'s difference.
static double log_improvement(double z)
{
    if (z > -6)
        return math_log(density(z) + z * below(z));
    return -0.5 * z * z - 0.91893853320467274178 - 2 * math_log(-z)
           + math_log1p(-3 / (z * z) + 15 / (z * z * z * z));
}

static double log_below(double z)
{
    if (z > -6)
        return math_log(below(z));
    return -0.5 * z * z - 0.91893853320467274178 - math_log(-z);
}

static double promise(const struct gp *g, double mean, double mean_bad, double deviation)
{
    double score = 0;

    if (g->has_feasible) {
        double spread = g->scale * deviation;
        score += math_log(spread) + log_improvement((g->best - mean) / spread);
    }
    if (g->has_bad)
        score += log_below(-(g->mean_bad + mean_bad) / (g->scale_bad * deviation + 0.1));
    return score;
}

void gp_model_score(const struct gp *g, const double *rows, uint32_t n, double *out)
{
    uint32_t n_rows = g->model->n;
    double *cross = mem_alloc(((size_t)n_rows * STRIP + 1) * sizeof *cross);
    double *one = mem_alloc((n_rows + 1) * sizeof *one);

    for (uint32_t first = 0; first < n; first += STRIP) {
        double means[STRIP], bad[STRIP] = {0}, variances[STRIP];
        uint32_t width = n - first < STRIP ? n - first : STRIP;
        for (uint32_t j = 0; j < width; j++) {
            kriging_cross(g->model, rows + (size_t)(first + j) * g->n_cols, one, 1);
            means[j] = linalg_dot(one, g->alpha, g->n_told);
            if (g->has_bad)
                bad[j] = linalg_dot(one, g->alpha_bad, g->n_told);
            for (uint32_t i = 0; i < n_rows; i++)
                cross[(size_t)i * width + j] = one[i];
        }
        kriging_variances(g->model, cross, width, variances);
        for (uint32_t j = 0; j < width; j++)
            out[first + j] = promise(g, means[j], bad[j], math_sqrt(variances[j]));
    }
    mem_free(one);
    mem_free(cross);
}
