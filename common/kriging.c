// SPDX-License-Identifier: MIT
#include "common/kriging.h"

#include <assert.h>
#include <string.h>

#include "common/linalg.h"
#include "common/math.h"
#include "common/mem.h"

#define ROOT5     2.23606797749978969641
#define NOISE_MIN 1e-8

// The prior of a length: log-normal around 0.25 sqrt(columns), a factor e wide.
#define LENGTH_CENTRE 0.25
// and of the noise: around 1e-7, a factor e^3 wide.
#define LOG_NOISE    (-16.0)
#define NOISE_SPREAD 3.0

enum { LEARN_STEPS = 30 };

static double default_log_scale(const struct kriging *k)
{
    return -math_log(LENGTH_CENTRE * math_sqrt(k->n_cols ? k->n_cols : 1));
}

struct kriging *kriging_create(uint32_t n_cols, uint32_t n_numbers, uint32_t cap)
{
    struct kriging *k = mem_alloc(sizeof *k);

    assert(cap > 0 && cap <= KRIGING_ROWS_MAX && n_numbers <= n_cols);
    k->n_cols = n_cols;
    k->n_numbers = n_numbers;
    k->cap = cap;
    k->scales = mem_alloc((n_cols + 1) * sizeof(double));
    k->distance = mem_alloc((n_cols + 1) * sizeof(double));
    k->rows = mem_alloc(((size_t)cap * n_cols + 1) * sizeof(double));
    k->factor = mem_alloc((size_t)cap * cap * sizeof(double));
    k->noise = 1e-6;
    for (uint32_t j = 0; j < n_cols; j++)
        k->scales[j] = math_exp(default_log_scale(k));
    return k;
}

void kriging_destroy(struct kriging *k)
{
    if (!k)
        return;
    mem_free(k->scales);
    mem_free(k->distance);
    mem_free(k->rows);
    mem_free(k->factor);
    mem_free(k);
}

static double squared_distance(const struct kriging *k, const double *a, const double *b)
{
    double sum = 0;
    for (uint32_t j = 0; j < k->n_numbers; j++) {
        double x = (a[j] - b[j]) * k->scales[j];
        sum += x * x;
    }
    for (uint32_t j = k->n_numbers; j < k->n_cols; j++)
        sum += a[j] == b[j] ? 0 : k->scales[j] * k->scales[j];
    return sum;
}

static double matern(double squared)
{
    double r = ROOT5 * math_sqrt(squared);
    return (1 + r + r * r / 3) * math_exp(-r);
}

// --- rows ---------------------------------------------------------------------------
void kriging_keep(struct kriging *k, uint32_t n)
{
    k->n = n < k->n ? n : k->n;
}

void kriging_cross(const struct kriging *k, const double *point, double *out, size_t stride)
{
    for (uint32_t i = 0; i < k->n; i++)
        out[i * stride] = matern(squared_distance(k, point, k->rows + (size_t)i * k->n_cols));
}

// A row that says nothing new to rounding counts as a very noisy one.
void kriging_add(struct kriging *k, const double *row)
{
    assert(k->n < k->cap);
    double *out = k->factor + (size_t)k->n * k->cap;

    kriging_cross(k, row, out, 1);
    out[k->n] = 1 + k->noise + NOISE_MIN;
    memcpy(k->rows + (size_t)k->n * k->n_cols, row, k->n_cols * sizeof *row);
    if (linalg_cholesky(k->factor, k->n, k->n + 1, k->cap, NOISE_MIN / 4) == k->n)
        out[k->n] = 1;
    k->n++;
}

void kriging_weights(const struct kriging *k, const double *y, uint32_t n, double *alpha)
{
    memcpy(alpha, y, n * sizeof *alpha);
    linalg_solve_lower(k->factor, n, k->cap, alpha);
    linalg_backward(k->factor, n, k->cap, alpha);
}

void kriging_variances(const struct kriging *k, double *cross, size_t width, double *out)
{
    linalg_forward(k->factor, k->n, k->cap, cross, width);
    for (size_t j = 0; j < width; j++)
        out[j] = 1;
    for (uint32_t i = 0; i < k->n; i++)
        for (size_t j = 0; j < width; j++)
            out[j] -= cross[i * width + j] * cross[i * width + j];
    for (size_t j = 0; j < width; j++)
        out[j] = out[j] > 1e-12 ? out[j] : 1e-12;
}

// --- learning -----------------------------------------------------------------------
struct learn {
    struct kriging *k;
    const double *x, *y;
    uint32_t n;
    double *factor;  // [n][n]
    double *slope;   // [n][n]: -d covariance / d squared distance, twice
    double *inverse; // [n][n]: of the factor, then of the covariance
    double *alpha;   // [n]
    double *theta;   // [n_cols + 1]: log scales, log noise
    double *gradient;
};

static bool factorize(struct learn *l)
{
    const struct kriging *k = l->k;

    for (uint32_t i = 0; i < l->n; i++) {
        for (uint32_t j = 0; j < i; j++) {
            double d =
                squared_distance(k, l->x + (size_t)i * k->n_cols, l->x + (size_t)j * k->n_cols);
            double r = ROOT5 * math_sqrt(d), e = math_exp(-r);
            l->factor[(size_t)i * l->n + j] = (1 + r + r * r / 3) * e;
            l->slope[(size_t)i * l->n + j] = 5.0 / 3 * (1 + r) * e;
        }
        l->factor[(size_t)i * l->n + i] = 1 + k->noise + NOISE_MIN;
    }
    return linalg_cholesky(l->factor, 0, l->n, l->n, NOISE_MIN / 4) == l->n;
}

// Lower triangle of the covariance's inverse.
static void invert(struct learn *l)
{
    uint32_t n = l->n;
    double *t = l->inverse;

    memset(t, 0, (size_t)n * n * sizeof *t);
    for (uint32_t i = 0; i < n; i++)
        t[(size_t)i * n + i] = 1;
    linalg_forward(l->factor, n, n, t, n); // rows of L^-1
    // K^-1 = sum over rows r of L^-1: r^T r; row i of the result needs rows below only.
    for (uint32_t i = 0; i < n; i++) {
        double sums[KRIGING_LEARN_MAX];
        memset(sums, 0, (i + 1) * sizeof *sums);
        for (uint32_t r = i; r < n; r++) {
            double x = t[(size_t)r * n + i];
            for (uint32_t j = 0; j <= i; j++)
                sums[j] += x * t[(size_t)r * n + j];
        }
        memcpy(l->slope + (size_t)n * n + (size_t)i * n, sums, (i + 1) * sizeof *sums);
    }
}

// How much less likely y is when a log scale or the log noise grows, at l->theta.
static void add_data_gradient(struct learn *l, double variance)
{
    const struct kriging *k = l->k;
    const double *inverse = l->slope + (size_t)l->n * l->n;

    for (uint32_t i = 0; i < l->n; i++) {
        const double *a = l->x + (size_t)i * k->n_cols;
        size_t at = (size_t)i * l->n;
        l->gradient[k->n_cols] +=
            0.5 * k->noise * (inverse[at + i] - l->alpha[i] * l->alpha[i] / variance);
        for (uint32_t j = 0; j < i; j++) {
            const double *b = l->x + (size_t)j * k->n_cols;
            double g =
                (inverse[at + j] - l->alpha[i] * l->alpha[j] / variance) * -l->slope[at + j];
            for (uint32_t c = 0; c < k->n_numbers; c++)
                l->gradient[c] += g * (a[c] - b[c]) * (a[c] - b[c]);
            for (uint32_t c = k->n_numbers; c < k->n_cols; c++)
                l->gradient[c] += a[c] == b[c] ? 0 : g;
        }
    }
    for (uint32_t c = 0; c < k->n_cols; c++)
        l->gradient[c] *= k->scales[c] * k->scales[c];
}

static void set_theta(struct learn *l)
{
    for (uint32_t c = 0; c < l->k->n_cols; c++)
        l->k->scales[c] = math_exp(l->theta[c]);
    l->k->noise = math_exp(l->theta[l->k->n_cols]);
}

static bool find_gradient(struct learn *l)
{
    const struct kriging *k = l->k;
    double centre = default_log_scale(k);

    set_theta(l);
    if (!factorize(l))
        return false;
    invert(l);
    memcpy(l->alpha, l->y, l->n * sizeof(double));
    linalg_solve_lower(l->factor, l->n, l->n, l->alpha);
    double variance = linalg_dot(l->alpha, l->alpha, l->n) / l->n + 1e-300;
    linalg_backward(l->factor, l->n, l->n, l->alpha);
    memset(l->gradient, 0, (k->n_cols + 1) * sizeof(double));
    add_data_gradient(l, variance);
    for (uint32_t c = 0; c < k->n_cols; c++)
        l->gradient[c] += l->theta[c] - centre;
    l->gradient[k->n_cols] += (l->theta[k->n_cols] - LOG_NOISE) / (NOISE_SPREAD * NOISE_SPREAD);
    return true;
}

static double clamp(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

// One parameter's step of iRprop-: it grows while the gradient keeps its sign.
static void climb_one(struct learn *l, uint32_t c, double *step, double *before)
{
    bool is_noise = c == l->k->n_cols;
    double g = l->gradient[c], sign = g * *before;
    double factor = sign > 0 ? 1.2 : sign < 0 ? 0.5 : 1;
    *step = clamp(*step * factor, 0, 1);
    *before = sign < 0 ? 0 : g;
    double move = *before > 0 ? *step : *before < 0 ? -*step : 0;
    l->theta[c] = clamp(l->theta[c] - move, is_noise ? -18 : -7, is_noise ? 0 : 5);
}

static void climb(struct learn *l)
{
    uint32_t n = l->k->n_cols + 1;
    double *steps = mem_alloc(2 * n * sizeof *steps), *before = steps + n;

    for (uint32_t c = 0; c < n; c++)
        steps[c] = 0.3;
    for (int i = 0; i < LEARN_STEPS && find_gradient(l); i++)
        for (uint32_t c = 0; c < n; c++)
            climb_one(l, c, &steps[c], &before[c]);
    mem_free(steps);
}

void kriging_learn(struct kriging *k, const double *x, const double *y, uint32_t n)
{
    size_t cells = (size_t)n * n;
    struct learn l = {.k = k, .x = x, .y = y, .n = n};

    assert(n <= KRIGING_LEARN_MAX);
    k->n = 0;
    if (n < 2)
        return;
    double *room = mem_alloc((4 * cells + n + 2 * ((size_t)k->n_cols + 1)) * sizeof *room);
    l.factor = room;
    l.inverse = room + cells;
    l.slope = room + 2 * cells; // and behind it the inverse of the covariance
    l.alpha = room + 4 * cells;
    l.theta = l.alpha + n;
    l.gradient = l.theta + k->n_cols + 1;
    for (uint32_t c = 0; c < k->n_cols; c++)
        l.theta[c] = default_log_scale(k);
    l.theta[k->n_cols] = LOG_NOISE;
    climb(&l);
    set_theta(&l);
    mem_free(room);
}
