// SPDX-License-Identifier: MIT
// graph_exact.c - the sign of a largest eigenvalue against an irrational bound, in
// integers.  The theorem stands in graph.h.
#include "worker/evaluate/graph.h"

__extension__ typedef __int128 wide;
__extension__ typedef unsigned __int128 uwide;

// a + b sqrt(m)
struct surd {
    wide a, b;
};

// One that does not fit 128 bits stays behind as a flag that is looked at in the end.
struct calculator {
    wide m;
    bool lost;
};

static wide sum(struct calculator *c, wide x, wide y)
{
    wide z = 0;
    c->lost |= __builtin_add_overflow(x, y, &z);
    return z;
}

static wide product(struct calculator *c, wide x, wide y)
{
    wide z = 0;
    c->lost |= __builtin_mul_overflow(x, y, &z);
    return z;
}

static struct surd surd_sum(struct calculator *c, struct surd x, struct surd y)
{
    return (struct surd){sum(c, x.a, y.a), sum(c, x.b, y.b)};
}

static struct surd surd_product(struct calculator *c, struct surd x, struct surd y)
{
    return (struct surd){
        .a = sum(c, product(c, x.a, y.a), product(c, c->m, product(c, x.b, y.b))),
        .b = sum(c, product(c, x.a, y.b), product(c, x.b, y.a)),
    };
}

// The square of x as high * 2^128 + *low, by halves.
static uwide square_of(uwide x, uwide *low)
{
    uwide lo = (uint64_t)x, hi = x >> 64;
    uwide middle = lo * hi; // comes twice, 64 bits up
    uwide part = lo * lo, more = middle << 65;
    *low = part + more;
    return hi * hi + (middle >> 63) + (*low < part);
}

// The sign of x^2 - m y^2.  Both have 256 bits: m is below 2^5, x and y below 2^122.
static int compare_squares(uwide x, uwide y, uwide m)
{
    uwide x_low, y_low, x_high = square_of(x, &x_low), y_high = square_of(y, &y_low);
    uwide part = (uint64_t)y_low * m, more = (y_low >> 64) * m + (part >> 64);
    y_high = y_high * m + (more >> 64);
    y_low = more << 64 | (uint64_t)part;
    if (x_high != y_high)
        return x_high > y_high ? 1 : -1;
    return (x_low > y_low) - (x_low < y_low);
}

static bool is_positive(struct calculator *c, struct surd x)
{
    const wide limit = (wide)1 << 122;
    if (x.a >= 0 && x.b >= 0)
        return x.a > 0 || x.b > 0;
    if (x.a <= 0 && x.b <= 0)
        return false;
    if (x.a >= limit || x.a <= -limit || x.b >= limit || x.b <= -limit) {
        c->lost = true;
        return false;
    }
    return x.a > 0 ? compare_squares((uwide)x.a, (uwide)-x.b, (uwide)c->m) > 0
                   : compare_squares((uwide)-x.a, (uwide)x.b, (uwide)c->m) < 0;
}

typedef wide matrix[GRAPH_VERTICES_MAX][GRAPH_VERTICES_MAX];

// out = A m; returns its trace.
static wide times_graph(struct calculator *c, const struct graph *g, matrix m, matrix out)
{
    wide trace = 0;
    for (uint32_t i = 0; i < g->n; i++) {
        for (uint32_t j = 0; j < g->n; j++)
            out[i][j] = 0;
        for (uint32_t rest = g->near[i]; rest; rest &= rest - 1)
            for (uint32_t j = 0; j < g->n; j++)
                out[i][j] = sum(c, out[i][j], m[__builtin_ctz(rest)][j]);
        trace = sum(c, trace, out[i][i]);
    }
    return trace;
}

// Faddeev and LeVerrier: M = A M + c I, c = -trace(A M) / k, which divides exactly.
enum error graph_polynomial(const struct graph *g, int64_t *coefficients)
{
    matrix m = {{0}}, am;
    struct calculator c = {0};

    for (uint32_t i = 0; i < g->n; i++)
        m[i][i] = 1;
    coefficients[g->n] = 1;
    for (uint32_t k = 1; k <= g->n && !c.lost; k++) {
        wide next = -times_graph(&c, g, m, am) / (wide)k;
        c.lost |= next > INT64_MAX || next < -INT64_MAX;
        coefficients[g->n - k] = (int64_t)next;
        for (uint32_t i = 0; i < g->n; i++) {
            for (uint32_t j = 0; j < g->n; j++)
                m[i][j] = am[i][j];
            m[i][i] = sum(&c, m[i][i], next);
        }
    }
    return c.lost ? ERR_LIMIT : OK;
}

enum error graph_violates(const struct graph *g, uint32_t matching, bool *out)
{
    int64_t p[GRAPH_VERTICES_MAX + 1];
    struct surd shifted[GRAPH_VERTICES_MAX + 1];
    struct calculator c = {.m = (wide)g->n - 1};
    const struct surd bound = {1 - (wide)matching, 1};
    enum error e = graph_polynomial(g, p);

    if (e)
        return e;
    // Horner again and again: the coefficients of p(x + t), which are p's derivatives at
    // t over factorials.
    for (uint32_t k = 0; k <= g->n; k++)
        shifted[k] = (struct surd){p[k], 0};
    for (uint32_t k = 0; k < g->n; k++)
        for (uint32_t i = g->n; i-- > k;)
            shifted[i] = surd_sum(&c, shifted[i], surd_product(&c, bound, shifted[i + 1]));
    *out = true;
    for (uint32_t k = 0; k <= g->n; k++)
        *out = is_positive(&c, shifted[k]) && *out;
    return c.lost ? ERR_LIMIT : OK;
}
