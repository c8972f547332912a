// SPDX-License-Identifier: MIT
// test_curves.c - close to the true values, and one sum for every class of kernels.
#include <math.h>
#include <string.h>

#include "common/rng.h"
#include "tests/unit/harness.h"
#include "worker/tensor/curves.h"
#include "worker/tensor/kernels.h"

static double ulps(float got, double want)
{
    int exponent;
    (void)frexp(want, &exponent);
    return fabs((double)got - want) / ldexp(1, exponent - 24);
}

START_TEST(exp_is_within_its_error_over_the_whole_range)
{
    double worst = 0;
    for (int i = -87 * 4096; i < 88 * 4096; i++) {
        float x = (float)i * 0x1p-12F + 0x1p-14F;
        worst = fmax(worst, ulps(curves_exp(x), exp((double)x)));
    }
    ck_assert_msg(worst < 1.5, "%g ulp", worst);
    ck_assert(worst > 0);
}
END_TEST

START_TEST(the_ends_are_what_they_should_be)
{
    ck_assert(curves_exp(0) == 1);
    ck_assert(curves_exp(-INFINITY) == 0);
    ck_assert(curves_exp(-100) == 0);
    ck_assert(isinf(curves_exp(100)));
    ck_assert(isnan(curves_exp(NAN)));
    ck_assert(curves_sigmoid(0) == 0.5F);
    ck_assert(curves_sigmoid(-200) == 0);
    ck_assert(curves_sigmoid(200) == 1);
}
END_TEST

START_TEST(swiglu_and_sums_have_the_same_bits_in_every_class)
{
    static const char *const classes[] = {"portable", "avx2", "avx512"};
    float first[102];
    for (int c = 0; c < 3; c++) {
        float gate[102], up[101], p[101];
        struct rng r = rng_at(3, 0, 0, 0);
        if (kernels_force(classes[c], NULL))
            continue;
        for (int i = 0; i < 101; i++) {
            gate[i] = (float)(rng_f64(&r) * 20 - 10);
            up[i] = (float)rng_f64(&r);
        }
        gate[101] = curves_exp_from(p, gate, 10, 101);
        curves_swiglu(gate, up, 101);
        if (c == 0)
            memcpy(first, gate, sizeof first);
        ck_assert_mem_eq(first, gate, sizeof first);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("curves");
    TCase *c = tcase_create("all");
    tcase_add_test(c, exp_is_within_its_error_over_the_whole_range);
    tcase_add_test(c, the_ends_are_what_they_should_be);
    tcase_add_test(c, swiglu_and_sums_have_the_same_bits_in_every_class);
    suite_add_tcase(s, c);
    return harness_run(s);
}
