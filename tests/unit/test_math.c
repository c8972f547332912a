// SPDX-License-Identifier: MIT
// test_math.c - close to libm, and the same bits as everywhere else.
#include <float.h>
#include <math.h>
#include <string.h>

#include "common/hash.h"
#include "common/math.h"
#include "common/rng.h"
#include "tests/unit/harness.h"

typedef double (*unary_fn)(double);
typedef long double (*reference_fn)(long double);

enum spread { LINEAR, LOGARITHMIC, ANY_BITS };

// `ulp` bounds the error against long double's libm (64 bits of mantissa).
static const struct row {
    const char *name;
    unary_fn f;
    reference_fn reference;
    double low, high;
    enum spread spread;
    double ulp;
} rows[] = {
    {"exp", math_exp, expl, -745, 709.7, LINEAR, 1.01},
    {"exp small", math_exp, expl, 1e-20, 1, LOGARITHMIC, 0.6},
    {"exp2", math_exp2, exp2l, -1074, 1023.9, LINEAR, 1.01},
    {"expm1", math_expm1, expm1l, -50, 709, LINEAR, 1},
    {"expm1 near 0", math_expm1, expm1l, -1, 1, LINEAR, 1},
    {"expm1 small", math_expm1, expm1l, 1e-300, 1, LOGARITHMIC, 1},
    {"log", math_log, logl, 5e-324, DBL_MAX, LOGARITHMIC, 0.6},
    {"log near 1", math_log, logl, 0.9, 1.1, LINEAR, 0.6},
    {"log2", math_log2, log2l, 5e-324, DBL_MAX, LOGARITHMIC, 0.6},
    {"log2 near 1", math_log2, log2l, 0.9, 1.1, LINEAR, 0.6},
    {"log10", math_log10, log10l, 5e-324, DBL_MAX, LOGARITHMIC, 0.6},
    {"log1p", math_log1p, log1pl, 1e-300, 1e300, LOGARITHMIC, 0.8},
    {"log1p near 0", math_log1p, log1pl, -0.999, 1, LINEAR, 0.8},
    {"sin", math_sin, sinl, -100, 100, LINEAR, 0.85},
    {"sin far", math_sin, sinl, -1e6, 1e6, LINEAR, 0.85},
    {"sin of anything", math_sin, sinl, 0, 0, ANY_BITS, 0.85},
    {"cos", math_cos, cosl, -100, 100, LINEAR, 0.85},
    {"cos of anything", math_cos, cosl, 0, 0, ANY_BITS, 0.85},
    {"tan", math_tan, tanl, -100, 100, LINEAR, 1.1},
    {"tan of anything", math_tan, tanl, 0, 0, ANY_BITS, 1.1},
    {"tanh", math_tanh, tanhl, -25, 25, LINEAR, 2.3},
    {"tanh small", math_tanh, tanhl, 1e-20, 1, LOGARITHMIC, 2.3},
    {"atan", math_atan, atanl, -5, 5, LINEAR, 0.7},
    {"atan wide", math_atan, atanl, 1e-20, 1e20, LOGARITHMIC, 0.7},
    {"erf", math_erf, erfl, -6.5, 6.5, LINEAR, 2},
    {"erfc", math_erfc, erfcl, -6, 27.3, LINEAR, 10},
    {"lgamma", math_lgamma, lgammal, 1e-10, 1e300, LOGARITHMIC, 8},
    {"lgamma near 1", math_lgamma, lgammal, 0.5, 4, LINEAR, 8},
};

enum { N_ROWS = sizeof rows / sizeof *rows };

static double argument(struct rng *r, const struct row *w)
{
    double u = rng_f64(r), x;

    if (w->spread == LINEAR)
        return w->low + (w->high - w->low) * u;
    if (w->spread == LOGARITHMIC)
        return exp(log(w->low) + (log(w->high) - log(w->low)) * u);
    do {
        uint64_t b = rng_u64(r);
        memcpy(&x, &b, sizeof x);
    } while (!isfinite(x));
    return x;
}

static double ulp_of(double y)
{
    double a = fabs(y);
    return a < DBL_MIN ? DBL_TRUE_MIN : nextafter(a, INFINITY) - a;
}

START_TEST(every_function_is_near_the_reference)
{
    const struct row *w = &rows[_i];
    struct rng r = rng_at(1, (uint32_t)_i, 0, 0);

    for (int i = 0; i < 20000; i++) {
        double x = argument(&r, w), y = w->f(x);
        long double z = w->reference(x);
        double error = (double)fabsl((long double)y - z) / ulp_of((double)z);
        // The reference itself is off by a little of a 2^-11 ulp.
        ck_assert_msg(error <= w->ulp + 0.01, "%s(%a) = %a, off by %g ulp", w->name, x, y,
                      error);
    }
}
END_TEST

static const double special[] = {0,
                                 -0.0,
                                 1,
                                 -1,
                                 2,
                                 -2,
                                 3,
                                 -3,
                                 0.5,
                                 -0.5,
                                 INFINITY,
                                 -INFINITY,
                                 NAN,
                                 1e300,
                                 -1e300,
                                 0x1p53,
                                 0x1p53 + 2,
                                 -0x1p53,
                                 DBL_MIN,
                                 DBL_TRUE_MIN,
                                 DBL_MAX,
                                 -DBL_MAX,
                                 1023,
                                 -1074,
                                 709.782712893384,
                                 -DBL_MIN,
                                 -745.13321910194122,
                                 -DBL_TRUE_MIN,
                                 0x1p64,
                                 1e-17};

enum { N_SPECIAL = sizeof special / sizeof *special };

static bool agrees(double y, double z)
{
    if (isnan(z))
        return isnan(y);
    if (z == 0 || isinf(z))
        return y == z && signbit(y) == signbit(z);
    return fabs(y - z) <= 8 * ulp_of(z) && signbit(y) == signbit(z);
}

START_TEST(special_values_are_as_in_annex_f)
{
    static const struct {
        const char *name;
        unary_fn f, reference;
    } pair[] = {
        {"exp", math_exp, exp},       {"exp2", math_exp2, exp2}, {"expm1", math_expm1, expm1},
        {"log", math_log, log},       {"log2", math_log2, log2}, {"log10", math_log10, log10},
        {"log1p", math_log1p, log1p}, {"sin", math_sin, sin},    {"cos", math_cos, cos},
        {"tan", math_tan, tan},       {"tanh", math_tanh, tanh}, {"atan", math_atan, atan},
        {"erf", math_erf, erf},       {"erfc", math_erfc, erfc}, {"sqrt", math_sqrt, sqrt},
    };
    for (size_t f = 0; f < sizeof pair / sizeof *pair; f++) {
        double y = pair[f].f(special[_i]), z = pair[f].reference(special[_i]);
        ck_assert_msg(agrees(y, z), "%s(%a) = %a, not %a", pair[f].name, special[_i], y, z);
    }
    for (int j = 0; j < N_SPECIAL; j++) {
        double y = math_pow(special[_i], special[j]), z = pow(special[_i], special[j]);
        ck_assert_msg(agrees(y, z), "pow(%a, %a) = %a, not %a", special[_i], special[j], y, z);
    }
}
END_TEST

START_TEST(pow_is_within_one_ulp)
{
    struct rng r = rng_at(2, 0, 0, 0);

    for (int i = 0; i < 100000; i++) {
        double wide = i & 1 ? 600 : 1;
        double x = exp((2 * rng_f64(&r) - 1) * wide);
        double most = 745 / fabs(log(x));
        double y = (2 * rng_f64(&r) - 1) * most;
        long double z = powl(x, y);
        double got = math_pow(x, y);
        if (fabsl(z) > DBL_MAX)
            continue;
        double error = (double)fabsl((long double)got - z) / ulp_of((double)z);
        ck_assert_msg(error <= 1.1, "pow(%a, %a) = %a, off by %g ulp", x, y, got, error);
    }
}
END_TEST

START_TEST(powers_of_two_and_ten_are_exact)
{
    for (int i = -1074; i < 1024; i++) {
        ck_assert(math_exp2(i) == ldexp(1, i));
        ck_assert(math_log2(ldexp(1, i)) == i);
    }
    double ten = 1;
    for (int i = 0; i <= 22; i++) {
        ck_assert(math_log10(ten) == i);
        ck_assert(math_pow(10, i) == ten);
        ten *= 10;
    }
    for (int i = 1; i < 1000; i++)
        ck_assert(math_pow(i, 2) == (double)i * i);
}
END_TEST

START_TEST(fma_rounds_once)
{
    double x = 1 + 0x1p-30, y = 1 - 0x1p-30;
    ck_assert(math_fma(x, y, -1) == -0x1p-60);
    ck_assert(x * y - 1 == 0);
}
END_TEST

START_TEST(probit_inverts_the_normal_distribution)
{
    struct rng r = rng_at(3, 0, 0, 0);

    for (int i = 0; i < 20000; i++) {
        double p = i & 1 ? exp(-690 * rng_f64(&r)) / 2 : rng_f64(&r);
        double x = math_probit(p);
        // One Newton step in long double is the error; its residual cancels
        // no more than the density allows.
        long double back = erfcl(-(long double)x / sqrtl(2)) / 2;
        long double density = expl(-(long double)x * x / 2) / sqrtl(2 * acosl(-1));
        long double step = (back - p) / density;
        ck_assert_msg(fabsl(step) <= 2e-15L * fabsl(x) + 1e-17L, "probit(%a) = %a", p, x);
    }
    ck_assert(math_probit(0.5) == 0);
    ck_assert(math_probit(0) == -INFINITY && math_probit(1) == INFINITY);
    ck_assert(isnan(math_probit(-0.1)) && isnan(math_probit(1.5)) && isnan(math_probit(NAN)));
    ck_assert(math_probit(0.25) == -math_probit(0.75));
}
END_TEST

// Golden: SHA-256 over the results' bits at 4096 Philox arguments a row.  A
// compiler, a CPU or a change that moves one bit shows here.
static const char golden[] = "6ad266026703ccaca5da67161495f3ec127dd4ab4380af15e5b2ebef44b0eef9";

START_TEST(the_bits_are_those_of_every_other_machine)
{
    struct sha256_stream s;
    char hex[65];

    sha256_start(&s);
    for (uint32_t i = 0; i < N_ROWS; i++) {
        struct rng r = rng_at(4, i, 0, 0);
        for (int j = 0; j < 4096; j++) {
            // No libm in the arguments: bits between the row's bounds' scale.
            double scale = rows[i].spread == LINEAR ? rows[i].high : 4;
            double x = scale * rng_f64(&r);
            double y[2] = {rows[i].f(x), math_pow(x, 8 * rng_f64(&r) - 4)};
            sha256_add(&s, y, sizeof y);
        }
    }
    struct sha256 h = sha256_end(&s);
    sha256_hex(&h, hex);
    ck_assert_str_eq(hex, golden);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("math");
    TCase *c = tcase_create("math");
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, every_function_is_near_the_reference, 0, N_ROWS);
    tcase_add_loop_test(c, special_values_are_as_in_annex_f, 0, N_SPECIAL);
    tcase_add_test(c, pow_is_within_one_ulp);
    tcase_add_test(c, powers_of_two_and_ten_are_exact);
    tcase_add_test(c, fma_rounds_once);
    tcase_add_test(c, probit_inverts_the_normal_distribution);
    tcase_add_test(c, the_bits_are_those_of_every_other_machine);
    suite_add_tcase(s, c);
    return harness_run(s);
}
