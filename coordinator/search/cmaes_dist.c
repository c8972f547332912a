// SPDX-License-Identifier: MIT
#include "coordinator/search/cmaes_dist.h"

#include <string.h>

#include "common/linalg.h"
#include "common/math.h"
#include "common/mem.h"

#define CONDITION_MAX 1e14

void cmaes_dist_init(struct cmaes_dist *c, uint32_t d)
{
    size_t n = d ? d : 1;

    *c = (struct cmaes_dist){.d = d, .is_dense = d <= CMAES_DENSE};
    size_t cells = c->is_dense ? n * n : n;
    c->mean = mem_alloc(n * sizeof(double));
    c->cov = mem_alloc(cells * sizeof(double));
    c->factor = mem_alloc(cells * sizeof(double));
    c->path_sigma = mem_alloc(n * sizeof(double));
    c->path_c = mem_alloc(n * sizeof(double));
    c->scratch = mem_alloc(2 * n * sizeof(double));
}

void cmaes_dist_fini(struct cmaes_dist *c)
{
    mem_free(c->weights);
    mem_free(c->mean);
    mem_free(c->cov);
    mem_free(c->factor);
    mem_free(c->path_sigma);
    mem_free(c->path_c);
    mem_free(c->scratch);
}

static double *diagonal(const struct cmaes_dist *c, double *matrix, uint32_t j)
{
    return &matrix[c->is_dense ? (size_t)j * c->d + j : j];
}

static double least(double a, double b)
{
    return a < b ? a : b;
}

// Equations 49 to 53: what the rates and the positive weights are.
static void set_rates(struct cmaes_dist *c)
{
    double d = c->d ? c->d : 1, sum = 0, squares = 0;

    for (uint32_t i = 0; i < c->mu; i++) {
        sum += c->weights[i];
        squares += c->weights[i] * c->weights[i];
    }
    c->mu_eff = sum * sum / squares;
    double mu_eff = c->mu_eff;
    c->c_sigma = (mu_eff + 2) / (d + mu_eff + 5);
    double over = math_sqrt((mu_eff - 1) / (d + 1)) - 1;
    c->d_sigma = 1 + 2 * (over > 0 ? over : 0) + c->c_sigma;
    c->c_c = (4 + mu_eff / d) / (d + 4 + 2 * mu_eff / d);
    c->c_1 = 2 / ((d + 1.3) * (d + 1.3) + mu_eff);
    c->c_mu = least(1 - c->c_1, 2 * (mu_eff - 2 + 1 / mu_eff) / ((d + 2) * (d + 2) + mu_eff));
    if (!c->is_dense) { // fewer numbers to learn: faster
        c->c_1 = least(1, c->c_1 * (d + 2) / 3);
        c->c_mu = least(1 - c->c_1, c->c_mu * (d + 2) / 3);
    }
    c->chi = math_sqrt(d) * (1 - 1 / (4 * d) + 1 / (21 * d * d));
    for (uint32_t i = 0; i < c->mu; i++)
        c->weights[i] /= sum;
}

static void set_weights(struct cmaes_dist *c)
{
    double sum = 0, squares = 0, d = c->d ? c->d : 1;

    for (uint32_t i = 0; i < c->lambda; i++)
        c->weights[i] = math_log((c->lambda + 1) / 2.0) - math_log(i + 1);
    set_rates(c);
    for (uint32_t i = c->mu; i < c->lambda; i++) {
        sum -= c->weights[i];
        squares += c->weights[i] * c->weights[i];
    }
    if (!(sum > 0))
        return;
    double mu_eff = sum * sum / squares;
    double scale = least(1 + c->c_1 / c->c_mu, 1 + 2 * mu_eff / (c->mu_eff + 2));
    scale = least(scale, (1 - c->c_1 - c->c_mu) / (d * c->c_mu));
    for (uint32_t i = c->mu; i < c->lambda; i++)
        c->weights[i] *= c->c_mu > 0 ? scale / sum : 0;
}

void cmaes_dist_begin(struct cmaes_dist *c, uint32_t lambda, const double *mean, double sigma)
{
    size_t n = c->d, cells = c->is_dense ? n * n : n;

    c->lambda = lambda;
    c->mu = lambda / 2;
    c->weights = mem_realloc(c->weights, lambda * sizeof *c->weights);
    set_weights(c);
    c->sigma = sigma;
    c->generation = 0;
    memset(c->path_sigma, 0, n * sizeof(double));
    memset(c->path_c, 0, n * sizeof(double));
    memset(c->cov, 0, cells * sizeof(double));
    memset(c->factor, 0, cells * sizeof(double));
    for (uint32_t j = 0; j < c->d; j++) {
        c->mean[j] = mean[j];
        *diagonal(c, c->cov, j) = *diagonal(c, c->factor, j) = 1;
    }
}

void cmaes_dist_step(const struct cmaes_dist *c, const double *z, double *y)
{
    for (uint32_t i = 0; i < c->d; i++)
        y[i] = c->is_dense ? linalg_dot(c->factor + (size_t)i * c->d, z, i + 1)
                           : c->factor[i] * z[i];
}

static double root_of_squares(const double *x, uint32_t n)
{
    return math_sqrt(linalg_dot(x, x, n));
}

// out = factor^-1 y
static void whiten(const struct cmaes_dist *c, const double *y, double *out)
{
    memcpy(out, y, c->d * sizeof *out);
    if (c->is_dense)
        linalg_solve_lower(c->factor, c->d, c->d, out);
    for (uint32_t j = 0; j < c->d && !c->is_dense; j++)
        out[j] /= c->factor[j];
}

double cmaes_dist_length(const struct cmaes_dist *c, const double *y)
{
    whiten(c, y, c->scratch);
    return root_of_squares(c->scratch, c->d);
}

double cmaes_dist_spread(const struct cmaes_dist *c, uint32_t j)
{
    return c->sigma * math_sqrt(*diagonal(c, c->cov, j));
}

// cov += weight y y^T
static void add_outer(struct cmaes_dist *c, double weight, const double *y)
{
    for (uint32_t i = 0; i < c->d; i++) {
        double x = weight * y[i];
        if (!c->is_dense) {
            c->cov[i] += x * y[i];
            continue;
        }
        double *row = c->cov + (size_t)i * c->d;
        for (uint32_t j = 0; j <= i; j++)
            row[j] += x * y[j];
    }
}

static void update_covariance(struct cmaes_dist *c, const double *steps, bool is_slow)
{
    double sum = 0, d = c->d;
    size_t cells = c->is_dense ? (size_t)c->d * c->d : c->d;

    for (uint32_t i = 0; i < c->lambda; i++)
        sum += c->weights[i];
    double lost =
        is_slow ? 0 : c->c_1 * c->c_c * (2 - c->c_c); // a stalled path would shrink it
    double keep = 1 + lost - c->c_1 - c->c_mu * sum;
    for (size_t i = 0; i < cells; i++)
        c->cov[i] *= keep;
    add_outer(c, c->c_1, c->path_c);
    for (uint32_t i = 0; i < c->lambda; i++) {
        const double *y = steps + (size_t)i * c->d;
        double weight = c->c_mu * c->weights[i];
        if (weight < 0) { // equation 46: bad steps count by their direction
            double length = cmaes_dist_length(c, y);
            weight *= d / (length * length + 1e-300);
        }
        add_outer(c, weight, y);
    }
}

static bool factorize(struct cmaes_dist *c)
{
    double low = 1e300, high = 0;

    if (c->is_dense) {
        memcpy(c->factor, c->cov, (size_t)c->d * c->d * sizeof(double));
        if (linalg_cholesky(c->factor, 0, c->d, c->d, 0) < c->d)
            return false;
    }
    for (uint32_t j = 0; j < c->d; j++) {
        if (!c->is_dense)
            c->factor[j] = math_sqrt(c->cov[j] > 0 ? c->cov[j] : 0);
        double x = *diagonal(c, c->factor, j);
        low = least(low, x * x);
        high = x * x > high ? x * x : high;
    }
    return low > 0 && high <= CONDITION_MAX * low;
}

bool cmaes_dist_update(struct cmaes_dist *c, const double *steps)
{
    double *mean_step = c->scratch + c->d, d = c->d;

    if (c->d == 0)
        return true;
    c->generation++;
    for (uint32_t j = 0; j < c->d; j++) {
        double sum = 0;
        for (uint32_t i = 0; i < c->mu; i++)
            sum += c->weights[i] * steps[(size_t)i * c->d + j];
        mean_step[j] = sum;
        c->mean[j] += c->sigma * sum;
    }
    whiten(c, mean_step, c->scratch);
    double rate = math_sqrt(c->c_sigma * (2 - c->c_sigma) * c->mu_eff);
    for (uint32_t j = 0; j < c->d; j++)
        c->path_sigma[j] = (1 - c->c_sigma) * c->path_sigma[j] + rate * c->scratch[j];
    double length = root_of_squares(c->path_sigma, c->d);
    double gone = 1 - math_pow(1 - c->c_sigma, 2.0 * c->generation);
    bool is_slow = length / math_sqrt(gone) < (1.4 + 2 / (d + 1)) * c->chi;
    rate = is_slow ? math_sqrt(c->c_c * (2 - c->c_c) * c->mu_eff) : 0;
    for (uint32_t j = 0; j < c->d; j++)
        c->path_c[j] = (1 - c->c_c) * c->path_c[j] + rate * mean_step[j];
    update_covariance(c, steps, is_slow);
    c->sigma *= math_exp(least(1, c->c_sigma / c->d_sigma * (length / c->chi - 1)));
    return factorize(c);
}
