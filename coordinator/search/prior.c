// SPDX-License-Identifier: MIT
#include "coordinator/search/prior.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/math.h"

// Trials of an earlier job that its policy is counted on: the best tenth, but not fewer.
enum { BEST_SHARE = 10, BEST_MIN = 8 };

// Weight of the coarser estimate in the finer one, in trials.
static const double SHRINKAGE = 1;

enum { LIST_MAX = 100000 };

struct prior {
    const struct space *space;
    double delta;
    uint32_t earlier;
    uint32_t n_best;
    struct point *best; // [n_best]
};

struct features {
    uint32_t n;
    double *x;
};

struct scored {
    struct score score;
    struct point point;
    uint32_t order;
    uint32_t n_objectives;
};

// --- reading ------------------------------------------------------------------------
static enum error parse_features(const struct spec *s, struct arena *a, struct features *out)
{
    const struct value *list = NULL;
    bool is_zero = true;
    enum error e = spec_require(s, "features", "a list of numbers, or an AIGER file");

    if (!e)
        e = spec_list(s, "features", 1, PRIOR_FEATURES_MAX, &list);
    if (e)
        return e;
    out->n = list->n;
    out->x = arena_alloc(a, list->n * sizeof *out->x);
    for (uint32_t i = 0; i < list->n; i++) {
        const struct value *v = &list->items[i];
        out->x[i] = value_number(v);
        // Squares of larger ones would not fit a double.
        if (!value_is_number(v) || !(out->x[i] >= -1e100 && out->x[i] <= 1e100))
            return spec_fail(s, v, "features[%" PRIu32 "] is no number, expected one", i);
        is_zero = is_zero && out->x[i] == 0;
    }
    if (is_zero)
        return spec_fail(s, list, "features are all 0, expected one that is not");
    return OK;
}

static double dot(const struct features *a, const struct features *b)
{
    double sum = 0;
    for (uint32_t i = 0; i < a->n; i++)
        sum += a->x[i] * b->x[i];
    return sum;
}

static double cosine_distance(const struct features *a, const struct features *b)
{
    double d = 1 - dot(a, b) / math_sqrt(dot(a, a)) / math_sqrt(dot(b, b));
    return d < 0 ? 0 : d; // of equal ones, rounding may leave a little less
}

static int compare_scored(const void *a, const void *b)
{
    const struct scored *x = a, *y = b;
    int order = score_compare(&x->score, &y->score, x->n_objectives);
    if (order)
        return order;
    return x->order < y->order ? -1 : x->order > y->order;
}

static enum error
parse_trial(const struct spec *at, const struct prior_reader *r, struct scored *out)
{
    static const char *const keys[] = {"params", "metrics", NULL};
    const struct value *params = NULL, *metrics = NULL;
    enum error e;

    if ((e = spec_keys(at, keys, NULL)) || (e = spec_require(at, "params", "a point"))
        || (e = spec_require(at, "metrics", "its metrics"))
        || (e = spec_map(at, "params", &params)) || (e = spec_map(at, "metrics", &metrics)))
        return e;
    struct spec inner = spec_at(at, params, "params");
    size_t n = r->space->n_genes_max + 1;
    out->point.genes = arena_alloc(r->arena, n * sizeof(struct gene));
    if ((e = space_encode(r->space, &inner, r->walk, &out->point)))
        return e;
    struct value own = value_copy(r->arena, metrics);
    out->score = objective_score(r->objectives, &own, params, r->arena);
    out->n_objectives = r->objectives->n;
    return OK;
}

static void keep_best(struct prior *p, struct scored *all, uint32_t n, struct arena *a)
{
    uint32_t want = n / BEST_SHARE;

    qsort(all, n, sizeof *all, compare_scored);
    want = want < BEST_MIN ? BEST_MIN : want > PRIOR_BEST_MAX ? PRIOR_BEST_MAX : want;
    p->n_best = 0;
    p->best = arena_alloc(a, want * sizeof *p->best);
    // First one of each score: neighbours that end in the same circuit say one thing many
    // times; then others, up to the least number.
    for (int again = 0; again <= 1; again++)
        for (uint32_t i = 0; i < n && all[i].score.verdict == SCORE_FEASIBLE; i++) {
            bool is_same =
                i && score_compare(&all[i].score, &all[i - 1].score, all[i].n_objectives) == 0;
            if (is_same == (again == 1) && p->n_best < (again ? BEST_MIN : want))
                p->best[p->n_best++] = all[i].point;
        }
}

// Of the one earlier job that is kept; the others are only checked.
static enum error
parse_trials(const struct spec *s, const struct prior_reader *r, struct prior *p, bool is_kept)
{
    const struct value *list = NULL;
    enum error e = spec_require(s, "trials", "a list of {params, metrics}, or a table (CSV)");

    if (!e)
        e = spec_list(s, "trials", 1, LIST_MAX, &list);
    if (e)
        return e;
    struct scored *all = arena_alloc(r->arena, list->n * sizeof *all);
    for (uint32_t i = 0; !e && i < list->n; i++) {
        struct spec at = spec_at(s, &list->items[i], "trials[%" PRIu32 "]", i);
        all[i].order = i;
        e = parse_trial(&at, r, &all[i]);
    }
    if (e || !is_kept)
        return e;
    keep_best(p, all, list->n, r->arena);
    return p->n_best ? OK : spec_fail(s, list, "no trial is feasible, expected one");
}

static enum error parse_earlier(const struct spec *s,
                                const struct features *own,
                                const struct prior_reader *r,
                                struct prior *p)
{
    static const char *const keys[] = {"features", "trials", NULL};
    const struct value *list = NULL;
    enum error e = spec_require(s, "earlier", "a list of {features, trials}");

    p->delta = 3; // beyond any distance
    if (!e)
        e = spec_list(s, "earlier", 1, PRIOR_EARLIER_MAX, &list);
    for (uint32_t i = 0; !e && i < list->n; i++) {
        struct spec at = spec_at(s, &list->items[i], "earlier[%" PRIu32 "]", i);
        struct features f;
        if ((e = spec_keys(&at, keys, NULL)) || (e = parse_features(&at, r->arena, &f)))
            return e;
        if (f.n != own->n)
            return spec_fail(&at, spec_find(&at, "features"),
                             "%" PRIu32 " features, expected %" PRIu32 " as the job's own", f.n,
                             own->n);
        double delta = cosine_distance(own, &f);
        bool is_nearest = delta < p->delta;
        if (is_nearest) {
            p->delta = delta;
            p->earlier = i;
        }
        e = parse_trials(&at, r, p, is_nearest);
    }
    return e;
}

enum error
prior_parse(const struct spec *job, const struct prior_reader *r, const struct prior **out)
{
    static const char *const keys[] = {"features", "earlier", NULL};
    const struct value *v = NULL;
    struct features own;
    enum error e = spec_map(job, "prior", &v);

    *out = NULL;
    if (e || !v)
        return e;
    struct prior *p = arena_alloc(r->arena, sizeof *p);
    p->space = r->space;
    struct spec s = spec_at(job, v, "prior");
    if ((e = spec_keys(&s, keys, NULL)) || (e = parse_features(&s, r->arena, &own))
        || (e = parse_earlier(&s, &own, r, p)))
        return e;
    *out = p;
    return OK;
}

// --- asking -------------------------------------------------------------------------
double prior_distance(const struct prior *p)
{
    return p->delta;
}

uint32_t prior_earlier(const struct prior *p)
{
    return p->earlier;
}

uint32_t prior_n_best(const struct prior *p)
{
    return p->n_best;
}

const struct point *prior_best(const struct prior *p, uint32_t i)
{
    return &p->best[i];
}

double prior_trust(double delta, double temperature, double threshold)
{
    return 1 / (1 + math_exp(temperature * (delta - threshold)));
}

static bool same_gene(const struct slot *s, struct gene a, struct gene b)
{
    return a.slot == b.slot && (s->kind == SLOT_FLOAT ? a.x == b.x : a.k == b.k);
}

// How far back from its n-th gene the other point came the same way: 0, 1: its last
// decision alone, 2: all of them.
static int
likeness(const struct slot *slots, const struct point *path, const struct point *other)
{
    uint32_t n = path->n;

    if (n == 0)
        return 2;
    if (n > other->n
        || !same_gene(&slots[path->genes[n - 1].slot], path->genes[n - 1], other->genes[n - 1]))
        return 0;
    for (uint32_t i = 0; i + 1 < n; i++)
        if (!same_gene(&slots[path->genes[i].slot], path->genes[i], other->genes[i]))
            return 1;
    return 2;
}

void prior_policy(const struct prior *p,
                  const struct point *path,
                  const struct decision *d,
                  double *share)
{
    uint32_t n = (uint32_t)d->slot->n;
    uint8_t like[PRIOR_BEST_MAX];
    const struct gene *taken[PRIOR_BEST_MAX];

    for (uint32_t i = 0; i < p->n_best; i++) {
        taken[i] = point_find(&p->best[i], d->index);
        like[i] = (uint8_t)likeness(p->space->slots, path, &p->best[i]);
    }
    for (uint32_t k = 0; k < n; k++)
        share[k] = 1.0 / n;
    for (int level = 0; level <= 2; level++) {
        uint32_t all = 0;
        for (uint32_t i = 0; i < p->n_best; i++)
            all += taken[i] && like[i] >= level;
        for (uint32_t k = 0; k < n; k++)
            share[k] *= SHRINKAGE / (SHRINKAGE + all);
        for (uint32_t i = 0; i < p->n_best; i++)
            if (taken[i] && like[i] >= level)
                share[taken[i]->k] += 1 / (SHRINKAGE + all);
    }
}

void prior_temper(const struct decision *d, double alpha, double *share)
{
    uint32_t n = (uint32_t)d->slot->n;
    double sum = 0;

    for (uint32_t k = 0; k < n; k++) {
        bool is_left = !d->allowed || d->allowed[k];
        share[k] = is_left ? math_pow(share[k], alpha) : 0;
        sum += share[k];
    }
    for (uint32_t k = 0; k < n; k++)
        share[k] /= sum;
}
