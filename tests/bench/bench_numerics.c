// SPDX-License-Identifier: MIT
// bench_numerics.c - nanoseconds an operation of the canonical numerics.
//
// One line an operation: name, median of 9 rounds, fastest.  Independent
// arguments from a small table, so this is throughput, not latency.
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/fold.h"
#include "common/hash.h"
#include "common/math.h"
#include "common/number.h"
#include "common/rng.h"
#include "common/sum.h"
#include "worker/tensor/kernels.h"

enum { N = 4096, ROUNDS = 9 };

static double x[N], y[N];
static float f[N], g[N];
static volatile double sink;

static int compare(const void *a, const void *b)
{
    const double *p = a, *q = b;
    return (*p > *q) - (*p < *q);
}

// `work` does n operations.
static void report(const char *name, double n, void (*work)(void))
{
    double ns[ROUNDS];

    for (int i = 0; i < ROUNDS; i++) {
        int64_t start = clock_now();
        work();
        ns[i] = (double)(clock_now() - start) / n;
    }
    qsort(ns, ROUNDS, sizeof *ns, compare);
    printf("%-24s %8.2f ns  (fastest %.2f)\n", name, ns[ROUNDS / 2], ns[0]);
}

#define UNARY(name, scale)                                                                     \
    static void do_##name(void)                                                                \
    {                                                                                          \
        double s = 0;                                                                          \
        for (int i = 0; i < N; i++)                                                            \
            s += math_##name(x[i] * (scale));                                                  \
        sink = s;                                                                              \
    }

UNARY(exp, 20)
UNARY(expm1, 4)
UNARY(log, 20)
UNARY(log10, 20)
UNARY(sin, 30)
UNARY(cos, 30)
UNARY(tanh, 3)
UNARY(atan, 3)
UNARY(erf, 3)
UNARY(probit, 1)
UNARY(lgamma, 10)

static void do_pow(void)
{
    double s = 0;
    for (int i = 0; i < N; i++)
        s += math_pow(x[i], 3 * y[i]);
    sink = s;
}

static void do_philox(void)
{
    struct rng r = rng_at(1, 2, 3, 4);
    uint64_t s = 0;
    for (int i = 0; i < N; i++)
        s += rng_u64(&r);
    sink = (double)s;
}

static void do_normal(void)
{
    struct rng r = rng_at(1, 2, 3, 4);
    double s = 0;
    for (int i = 0; i < N; i++)
        s += rng_normal(&r);
    sink = s;
}

static void do_sum(void)
{
    struct sum s;
    sum_init(&s);
    for (int i = 0; i < N; i++)
        sum_add(&s, y[i]);
    sink = sum_value(&s);
}

static void do_square(void)
{
    struct sum s;
    sum_init(&s);
    for (int i = 0; i < N; i++)
        sum_add_square(&s, y[i]);
    sink = sum_value(&s);
}

static struct fold *rough, *exact;

static void do_fold_rough(void)
{
    fold_add(rough, x, N, 1);
    sink = (double)fold_count(rough);
}

static void do_fold_exact(void)
{
    fold_reset(exact);
    fold_add(exact, x, N, 1);
    sink = (double)fold_count(exact);
}

static void do_format(void)
{
    char text[NUMBER_TEXT_MAX];
    for (int i = 0; i < N; i++) {
        number_format(x[i], text);
        sink = text[2];
    }
}

static void do_hash(void)
{
    sink = (double)hash_bytes(x, sizeof x, 1);
}

static void do_dot(void)
{
    for (int i = 0; i < 100; i++)
        sink = (double)kernels_dot(f, g, N);
}

int main(void)
{
    struct rng r = rng_at(1, 0, 0, 0);
    struct errtext t;

    for (int i = 0; i < N; i++) {
        x[i] = rng_f64(&r);
        y[i] = rng_normal(&r);
        f[i] = (float)x[i];
        g[i] = (float)y[i];
    }
    if (kernels_choose(&t)) {
        fprintf(stderr, "bench_numerics: %s\n", t.text);
        return 2;
    }
    rough = fold_create(false);
    exact = fold_create(true);
    report("math_exp", N, do_exp);
    report("math_expm1", N, do_expm1);
    report("math_log", N, do_log);
    report("math_log10", N, do_log10);
    report("math_pow", N, do_pow);
    report("math_sin", N, do_sin);
    report("math_cos", N, do_cos);
    report("math_tanh", N, do_tanh);
    report("math_atan", N, do_atan);
    report("math_erf", N, do_erf);
    report("math_probit", N, do_probit);
    report("math_lgamma", N, do_lgamma);
    report("rng_u64", N, do_philox);
    report("rng_normal", N, do_normal);
    report("sum_add", N, do_sum);
    report("sum_add_square", N, do_square);
    report("fold_add, histogram", N, do_fold_rough);
    report("fold_add, exact", N, do_fold_exact);
    report("number_format", N, do_format);
    report("hash_bytes, a byte", sizeof x, do_hash);
    printf("kernels: %s\n", kernels_class());
    report("kernels_dot, an element", 100.0 * N, do_dot);
    fold_destroy(rough);
    fold_destroy(exact);
    return 0;
}
