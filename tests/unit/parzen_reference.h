// SPDX-License-Identifier: MIT
// parzen_reference.h - the mixtures of coordinator/search/parzen.h made anew each
// time, by definition: quadratic, with the library's functions, no shortcuts.
//
// Ownership  The caller's.
// Threads    Single.

#ifndef TESTS_UNIT_PARZEN_REFERENCE_H
#define TESTS_UNIT_PARZEN_REFERENCE_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "tests/unit/harness.h"

enum { N_MAX = 500 };

struct component {
    double mu, sigma, weight;
    bool is_prior;
    uint32_t age; // equals stand by it
};

struct mix {
    uint32_t n;
    struct component c[N_MAX + 1];
};

static inline double phi(double z)
{
    return 0.5 * erfc(-z / sqrt(2));
}

// Weight by age, oldest first: a ramp from 1/n to 1, then 25 ones.
static inline double age_weight(uint32_t i, uint32_t n)
{
    uint32_t ramp = n < 25 ? 0 : n - 25;
    if (i >= ramp)
        return 1;
    return ramp == 1 ? 1.0 / n : 1.0 / n + (1 - 1.0 / n) * i / (ramp - 1.0);
}

static inline int by_mu(const void *a, const void *b)
{
    const struct component *x = a, *y = b;
    return x->mu != y->mu ? (x->mu > y->mu) - (x->mu < y->mu)
                          : (x->age > y->age) - (x->age < y->age);
}

// Observations oldest first; weights NULL: by age.
static inline void mix_init(struct mix *m, const double *mus, const double *weights, uint32_t n)
{
    m->n = n + 1;
    for (uint32_t i = 0; i < n; i++)
        m->c[i] =
            (struct component){mus[i], 0, weights ? weights[i] : age_weight(i, n), false, i};
    m->c[n] = (struct component){0.5, 1, 1, true, n};
    qsort(m->c, m->n, sizeof m->c[0], by_mu);
    double least = 1 / fmin(100, 1.0 + m->n);
    for (uint32_t i = 0; i < m->n; i++) {
        double left = i > 0 ? m->c[i].mu - m->c[i - 1].mu : 0;
        double right = i + 1 < m->n ? m->c[i + 1].mu - m->c[i].mu : 0;
        m->c[i].sigma = m->c[i].is_prior ? 1 : fmin(1, fmax(least, fmax(left, right)));
    }
}

static inline double component_inside(const struct component *c)
{
    return phi((1 - c->mu) / c->sigma) - phi(-c->mu / c->sigma);
}

static inline double mix_density(const struct mix *m, double x)
{
    double sum = 0;
    for (uint32_t i = 0; i < m->n; i++) {
        const struct component *c = &m->c[i];
        double z = (x - c->mu) / c->sigma;
        sum +=
            c->weight * exp(-z * z / 2) / sqrt(2 * acos(-1)) / c->sigma / component_inside(c);
    }
    return sum;
}

static inline double mix_mass(const struct mix *m, double a, double b)
{
    double sum = 0;
    for (uint32_t i = 0; i < m->n; i++) {
        const struct component *c = &m->c[i];
        double in = phi((b - c->mu) / c->sigma) - phi((a - c->mu) / c->sigma);
        sum += c->weight * in / component_inside(c);
    }
    return sum;
}

static inline void near(double x, double want, double relative)
{
    ck_assert_msg(fabs(x - want) <= relative * fabs(want), "%.17g, expected %.17g", x, want);
}

#endif
