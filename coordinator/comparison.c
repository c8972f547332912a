// SPDX-License-Identifier: MIT
#include "coordinator/comparison.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { EXACT_MAX = 50 };

// ---- ranks -----------------------------------------------------------------------

struct place {
    double x;
    uint32_t at;
};

static int by_value(const void *a, const void *b)
{
    double x = ((const struct place *)a)->x, y = ((const struct place *)b)->x;
    return x < y ? -1 : x > y;
}

// Mean ranks, from 1; returns the sum of t^3 - t over ties.
static double rank(const double *x, uint32_t n, double *ranks, struct arena *a)
{
    struct place *p = arena_alloc(a, (n + 1) * sizeof *p);
    double ties = 0;
    for (uint32_t i = 0; i < n; i++)
        p[i] = (struct place){x[i], i};
    qsort(p, n, sizeof *p, by_value);
    for (uint32_t i = 0, k; i < n; i = k) {
        for (k = i + 1; k < n && p[k].x == p[i].x;)
            k++;
        double t = k - i;
        ties += t * t * t - t;
        for (uint32_t m = i; m < k; m++)
            ranks[p[m].at] = (i + 1 + k) / 2.0;
    }
    return ties;
}

// ---- pairs -----------------------------------------------------------------------

// Of all 2^n signs, the share with a sum of ranks of at most w.
static double exact_tail(double w, uint32_t n)
{
    double ways[EXACT_MAX * (EXACT_MAX + 1) / 2 + 1] = {1};
    uint32_t most = n * (n + 1) / 2;
    double sum = 0;
    for (uint32_t r = 1; r <= n; r++)
        for (uint32_t s = most; s >= r; s--)
            ways[s] += ways[s - r];
    for (uint32_t s = 0; s <= most && s <= (uint32_t)w; s++)
        sum += ways[s];
    return ldexp(sum, -(int)n);
}

struct signed_rank comparison_wilcoxon(const double *difference, uint32_t n, struct arena *a)
{
    double *size = arena_alloc(a, (n + 1) * sizeof *size);
    double *ranks = arena_alloc(a, (n + 1) * sizeof *ranks);
    bool *up = arena_alloc(a, n + 1);
    uint32_t m = 0;
    double plus = 0;
    for (uint32_t i = 0; i < n; i++)
        if (difference[i] != 0) {
            size[m] = fabs(difference[i]);
            up[m++] = difference[i] > 0;
        }
    if (!m)
        return (struct signed_rank){0, (double)NAN};
    double ties = rank(size, m, ranks, a), k = m, all = k * (k + 1) / 2;
    for (uint32_t i = 0; i < m; i++)
        plus += up[i] ? ranks[i] : 0;
    double w = fmin(plus, all - plus);
    if (m <= EXACT_MAX && m == n && ties == 0)
        return (struct signed_rank){w, fmin(1, 2 * exact_tail(w, m))};
    double variance = k * (k + 1) * (2 * k + 1) / 24 - ties / 48;
    double z = variance > 0 ? (w - all / 2) / sqrt(variance) : 0;
    return (struct signed_rank){w, fmin(1, 2 * gsl_cdf_ugaussian_P(z))};
}

struct moments {
    double mean, sd, half;
};

static struct moments moments_of(const double *x, uint32_t n)
{
    struct moments m = {0, (double)NAN, (double)NAN};
    double squares = 0;
    for (uint32_t i = 0; i < n; i++)
        m.mean += x[i] / n;
    for (uint32_t i = 0; i < n; i++)
        squares += (x[i] - m.mean) * (x[i] - m.mean);
    if (n > 1) {
        m.sd = sqrt(squares / (n - 1));
        m.half = gsl_cdf_tdist_Pinv(0.975, n - 1) * m.sd / sqrt(n);
    }
    return m;
}

struct pair {
    uint32_t a, b;
    struct moments d;
    double t, t_p;
    struct signed_rank w;
    double t_holm, w_holm;
};

static struct pair pair_of(const struct comparison *c, uint32_t i, uint32_t k, struct arena *a)
{
    struct pair p = {.a = i, .b = k, .t = (double)NAN, .t_p = (double)NAN};
    double *d = arena_alloc(a, (c->n + 1) * sizeof *d);
    for (uint32_t x = 0; x < c->n; x++)
        d[x] = c->rows[i][x] - c->rows[k][x];
    p.d = moments_of(d, c->n);
    if (p.d.sd > 0) {
        p.t = p.d.mean / (p.d.sd / sqrt(c->n));
        p.t_p = 2 * gsl_cdf_tdist_Q(fabs(p.t), c->n - 1);
    }
    p.w = comparison_wilcoxon(d, c->n, a);
    return p;
}

// Step down: the i-th least of m times m - i, never less than one before it.
static void holm(const double *p, uint32_t m, double *out, struct arena *a)
{
    struct place *order = arena_alloc(a, (m + 1) * sizeof *order);
    uint32_t n = 0;
    double least = 0;
    for (uint32_t i = 0; i < m; i++) {
        out[i] = (double)NAN;
        if (!isnan(p[i]))
            order[n++] = (struct place){p[i], i};
    }
    qsort(order, n, sizeof *order, by_value);
    for (uint32_t i = 0; i < n; i++) {
        least = fmax(least, fmin(1, (n - i) * order[i].x));
        out[order[i].at] = least;
    }
}

static void correct(struct pair *pairs, uint32_t m, struct arena *a)
{
    double *p = arena_alloc(a, (m + 1) * sizeof *p), *q = arena_alloc(a, (m + 1) * sizeof *q);
    for (uint32_t i = 0; i < m; i++)
        p[i] = pairs[i].t_p;
    holm(p, m, q, a);
    for (uint32_t i = 0; i < m; i++)
        pairs[i].t_holm = q[i];
    for (uint32_t i = 0; i < m; i++)
        p[i] = pairs[i].w.p;
    holm(p, m, q, a);
    for (uint32_t i = 0; i < m; i++)
        pairs[i].w_holm = q[i];
}

// ---- all together ----------------------------------------------------------------

struct test {
    double statistic, p;
};

static struct test friedman(const struct comparison *c, struct arena *a)
{
    uint32_t k = c->n_methods;
    double *x = arena_alloc(a, k * sizeof *x), *r = arena_alloc(a, k * sizeof *r);
    double *sum = arena_alloc(a, k * sizeof *sum), ties = 0, squares = 0, n = c->n;
    for (uint32_t i = 0; i < c->n; i++) {
        for (uint32_t m = 0; m < k; m++)
            x[m] = c->rows[m][i];
        ties += rank(x, k, r, a);
        for (uint32_t m = 0; m < k; m++)
            sum[m] += r[m];
    }
    for (uint32_t m = 0; m < k; m++)
        squares += sum[m] * sum[m];
    double plain = 12 / (n * k * (k + 1)) * squares - 3 * n * (k + 1);
    double statistic = plain / (1 - ties / (n * ((double)k * k * k - k)));
    return (struct test){statistic, gsl_cdf_chisq_Q(statistic, k - 1)};
}

static struct test kruskal_wallis(const struct comparison *c, struct arena *a)
{
    uint32_t all = c->n_methods * c->n;
    double *x = arena_alloc(a, all * sizeof *x), *r = arena_alloc(a, all * sizeof *r);
    double squares = 0, n = all;
    for (uint32_t m = 0; m < c->n_methods; m++)
        memcpy(x + (size_t)m * c->n, c->rows[m], c->n * sizeof *x);
    double ties = rank(x, all, r, a);
    for (uint32_t m = 0; m < c->n_methods; m++) {
        double sum = 0;
        for (uint32_t i = 0; i < c->n; i++)
            sum += r[(size_t)m * c->n + i];
        squares += sum * sum / c->n;
    }
    double plain = 12 / (n * (n + 1)) * squares - 3 * (n + 1);
    double statistic = plain / (1 - ties / (n * n * n - n));
    return (struct test){statistic, gsl_cdf_chisq_Q(statistic, c->n_methods - 1)};
}

// ---- the document ----------------------------------------------------------------

static void put(struct arena *a, struct value *map, const char *key, double x)
{
    value_set(a, map, key, isfinite(x) ? value_float(x) : value_null());
}

static struct value test_value(struct test t, struct arena *a)
{
    struct value v = value_map();
    put(a, &v, "statistic", t.statistic);
    put(a, &v, "p", t.p);
    return v;
}

static struct value methods_value(const struct comparison *c, struct arena *a)
{
    struct value all = value_map();
    for (uint32_t i = 0; i < c->n_methods; i++) {
        struct moments m = moments_of(c->rows[i], c->n);
        struct value v = value_map();
        put(a, &v, "mean", m.mean);
        put(a, &v, "sd", m.sd);
        put(a, &v, "half_95", m.half);
        value_set(a, &all, c->names[i], v);
    }
    return all;
}

static struct value
pair_value(const struct comparison *c, const struct pair *p, struct arena *a)
{
    struct value v = value_map();
    value_set(a, &v, "a", value_str(a, c->names[p->a]));
    value_set(a, &v, "b", value_str(a, c->names[p->b]));
    put(a, &v, "difference", p->d.mean);
    put(a, &v, "half_95", p->d.half);
    put(a, &v, "d_z", p->d.sd > 0 ? p->d.mean / p->d.sd : (double)NAN);
    put(a, &v, "t", p->t);
    put(a, &v, "t_p", p->t_p);
    put(a, &v, "t_p_holm", p->t_holm);
    put(a, &v, "wilcoxon_w", p->w.w);
    put(a, &v, "wilcoxon_p", p->w.p);
    put(a, &v, "wilcoxon_p_holm", p->w_holm);
    return v;
}

struct value comparison_value(const struct comparison *c, struct arena *a)
{
    struct value v = value_map(), list = value_list();
    uint32_t n = 0, k = c->n_methods;
    struct pair *pairs = arena_alloc(a, ((size_t)k * k + 1) * sizeof *pairs);
    value_set(a, &v, "n", value_uint(c->n));
    value_set(a, &v, "policies", methods_value(c, a));
    if (c->n < 2 || k < 2)
        return v;
    // The later against the earlier: what is new against its baselines.
    for (uint32_t i = 1; i < k; i++)
        for (uint32_t m = 0; m < i; m++)
            pairs[n++] = pair_of(c, i, m, a);
    correct(pairs, n, a);
    for (uint32_t i = 0; i < n; i++)
        value_push(a, &list, pair_value(c, &pairs[i], a));
    value_set(a, &v, "pairs", list);
    value_set(a, &v, "friedman", test_value(friedman(c, a), a));
    value_set(a, &v, "kruskal_wallis", test_value(kruskal_wallis(c, a), a));
    return v;
}
