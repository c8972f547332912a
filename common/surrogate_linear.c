// SPDX-License-Identifier: MIT
// surrogate_linear.c - ridge and Gaussian process: columns one-hot, numbers on [0, 1].
#include <string.h>

#include "common/kriging.h"
#include "common/linalg.h"
#include "common/mem.h"
#include "common/surrogate_parts.h"

// Of a column that spans [0, 1]; the data's own scale decides the rest.
#define RIDGE 1e-2

uint32_t surrogate_width(const struct surrogate_data *d)
{
    uint32_t n = 0;
    for (uint32_t c = 0; c < d->n_columns; c++)
        n += d->columns[c].n_levels ? d->columns[c].n_levels : 1;
    return n;
}

void surrogate_expand(const struct surrogate_data *d, const double *x, double *out)
{
    for (uint32_t c = 0; c < d->n_columns; c++) {
        const struct surrogate_column *column = &d->columns[c];
        double range = column->high - column->low;
        if (column->n_levels == 0)
            *out++ = range > 0 ? (x[c] - column->low) / range : 0;
        for (uint32_t k = 0; k < column->n_levels; k++)
            *out++ = x[c] == k;
    }
}

static double mean_of(const double *y, uint32_t n)
{
    double sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += y[i];
    return sum / n;
}

static struct value doubles(struct arena *a, const double *x, size_t n)
{
    return value_bin(a, x, n * sizeof *x);
}

// The doubles of a key, exactly n of them; NULL otherwise.
static const double *
read_doubles(const struct value *v, const char *key, size_t n, struct arena *a)
{
    const struct value *bytes = value_find(v, key);
    if (!bytes || bytes->type != VALUE_BIN || bytes->n != n * sizeof(double))
        return NULL;
    return arena_copy(a, bytes->s, bytes->n);
}

// --- ridge ------------------------------------------------------------------------------
static enum error fit_ridge(const struct surrogate_data *d,
                            const struct surrogate_options *o,
                            struct arena *a,
                            struct value *out,
                            struct errtext *t)
{
    uint32_t n = surrogate_width(d);
    double *gram = mem_alloc((size_t)n * n * sizeof *gram), mean = mean_of(d->y, d->n_rows);
    double *row = mem_alloc(n * sizeof *row), *w = mem_alloc((n + 1) * sizeof *w);
    double *means = mem_alloc(n * sizeof *means);

    (void)o;
    for (uint32_t i = 0; i < d->n_rows; i++) {
        surrogate_expand(d, d->x + (size_t)i * d->n_columns, row);
        for (uint32_t j = 0; j < n; j++)
            means[j] += row[j] / d->n_rows;
    }
    for (uint32_t i = 0; i < d->n_rows; i++) {
        surrogate_expand(d, d->x + (size_t)i * d->n_columns, row);
        for (uint32_t j = 0; j < n; j++) {
            row[j] -= means[j];
            w[j] += row[j] * (d->y[i] - mean);
            for (uint32_t k = 0; k <= j; k++)
                gram[(size_t)j * n + k] += row[j] * row[k];
        }
    }
    for (uint32_t j = 0; j < n; j++)
        gram[(size_t)j * n + j] += RIDGE * d->n_rows / 100 + 1e-9;
    bool done = linalg_cholesky(gram, 0, n, n, 0) == n;
    if (done) {
        linalg_solve_lower(gram, n, n, w);
        linalg_backward(gram, n, n, w);
        w[n] = mean - linalg_dot(w, means, n);
        value_set(a, out, "weights", doubles(a, w, n + 1));
    }
    mem_free(gram);
    mem_free(row);
    mem_free(w);
    mem_free(means);
    return done ? OK : errtext_set(t, ERR_INVALID, "the columns determine no ridge regression");
}

struct ridge {
    uint32_t n;
    const double *weights;
    double *row;
};

static void *open_ridge(const struct surrogate_data *d, const struct value *v, struct arena *a)
{
    struct ridge *r = arena_alloc(a, sizeof *r);
    r->n = surrogate_width(d);
    r->weights = read_doubles(v, "weights", r->n + 1, a);
    r->row = arena_alloc(a, (r->n + 1) * sizeof *r->row);
    return r->weights ? r : NULL;
}

static double predict_ridge(const void *model, const struct surrogate_data *d, const double *x)
{
    const struct ridge *r = model;
    surrogate_expand(d, x, r->row);
    return r->weights[r->n] + linalg_dot(r->weights, r->row, r->n);
}

const struct surrogate_kind surrogate_ridge = {"ridge", fit_ridge, open_ridge, predict_ridge};

// --- Gaussian process -------------------------------------------------------------------
// Rows evenly over the data, as many as a factorisation may have.
static uint32_t chosen(uint32_t n_rows, uint32_t most, uint32_t i)
{
    return n_rows <= most ? i : (uint32_t)((uint64_t)i * n_rows / most);
}

static enum error fit_gp(const struct surrogate_data *d,
                         const struct surrogate_options *o,
                         struct arena *a,
                         struct value *out,
                         struct errtext *t)
{
    uint32_t width = surrogate_width(d);
    uint32_t n = d->n_rows < SURROGATE_GP_ROWS ? d->n_rows : SURROGATE_GP_ROWS;
    uint32_t n_learn = n < 200 ? n : 200;
    struct kriging *k = kriging_create(width, width, n);
    double *x = mem_alloc((size_t)n * width * sizeof *x), *y = mem_alloc(n * sizeof *y);
    double *some = mem_alloc(n_learn * ((size_t)width + 1) * sizeof *some), *alpha;
    double mean = mean_of(d->y, d->n_rows);

    (void)o;
    (void)t;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t row = chosen(d->n_rows, n, i);
        surrogate_expand(d, d->x + (size_t)row * d->n_columns, x + (size_t)i * width);
        y[i] = d->y[row] - mean;
    }
    for (uint32_t i = 0; i < n_learn; i++) {
        uint32_t row = chosen(n, n_learn, i);
        memcpy(some + (size_t)i * width, x + (size_t)row * width, width * sizeof *x);
        some[(size_t)n_learn * width + i] = y[row];
    }
    kriging_learn(k, some, some + (size_t)n_learn * width, n_learn);
    for (uint32_t i = 0; i < n; i++)
        kriging_add(k, x + (size_t)i * width);
    alpha = mem_alloc(n * sizeof *alpha);
    kriging_weights(k, y, n, alpha);
    value_set(a, out, "n", value_uint(n));
    value_set(a, out, "mean", value_float(mean));
    value_set(a, out, "scales", doubles(a, k->scales, width));
    value_set(a, out, "rows", doubles(a, x, (size_t)n * width));
    value_set(a, out, "weights", doubles(a, alpha, n));
    kriging_destroy(k);
    mem_free(x);
    mem_free(y);
    mem_free(some);
    mem_free(alpha);
    return OK;
}

struct gp {
    struct kriging k; // rows and scales; there is no factor
    const double *weights;
    double mean, *row, *cross;
};

static void *open_gp(const struct surrogate_data *d, const struct value *v, struct arena *a)
{
    struct gp *g = arena_alloc(a, sizeof *g);
    const struct value *n = value_find(v, "n"), *mean = value_find(v, "mean");
    uint32_t width = surrogate_width(d);

    if (!n || !mean || !value_is_number(n) || !value_is_number(mean)
        || !(value_number(n) >= 1 && value_number(n) <= SURROGATE_GP_ROWS))
        return NULL;
    *g = (struct gp){.mean = value_number(mean)};
    g->k.n_cols = g->k.n_numbers = width;
    g->k.n = g->k.cap = (uint32_t)value_number(n);
    g->k.scales = (double *)read_doubles(v, "scales", width, a);
    g->k.rows = (double *)read_doubles(v, "rows", (size_t)g->k.n * width, a);
    g->weights = read_doubles(v, "weights", g->k.n, a);
    g->row = arena_alloc(a, (width + 1) * sizeof *g->row);
    g->cross = arena_alloc(a, g->k.n * sizeof *g->cross);
    return g->k.scales && g->k.rows && g->weights ? g : NULL;
}

static double predict_gp(const void *model, const struct surrogate_data *d, const double *x)
{
    const struct gp *g = model;
    surrogate_expand(d, x, g->row);
    kriging_cross(&g->k, g->row, g->cross, 1);
    return g->mean + linalg_dot(g->cross, g->weights, g->k.n);
}

const struct surrogate_kind surrogate_gp = {"gp", fit_gp, open_gp, predict_gp};
