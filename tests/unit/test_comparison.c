// SPDX-License-Identifier: MIT
// test_comparison.c - the figures are SciPy's (1.10.1: ttest_rel, wilcoxon, friedmanchisquare,
// kruskal, t.ppf), computed once by tests' authors from the same whole numbers.
#include <math.h>
#include <stdio.h>

#include "coordinator/comparison.h"
#include "tests/unit/harness.h"

static struct arena *a;

static void setup(void)
{
    a = arena_create();
}

static void teardown(void)
{
    arena_destroy(a);
}

static double number(const struct value *v, const char *key)
{
    const struct value *x = value_find(v, key);
    ck_assert_msg(x && value_is_number(x), "no %s", key);
    return value_number(x);
}

#define NEAR(v, key, want) ck_assert_double_eq_tol(number(v, key) / (want), 1, 1e-9)

static const char *const names[] = {"a", "b", "c"};

static struct value compare(double (*at)(int method, uint32_t i), uint32_t n, uint32_t k)
{
    double *x = arena_alloc(a, 3 * n * sizeof *x);
    const double *rows[] = {x, x + n, x + 2 * n};
    for (uint32_t m = 0; m < k; m++)
        for (uint32_t i = 0; i < n; i++)
            x[m * n + i] = at((int)m, i);
    struct comparison c = {names, rows, k, n};
    return comparison_value(&c, a);
}

static double squares(int m, uint32_t i)
{
    static const uint32_t by[] = {37, 53, 29}, modulo[] = {10007, 10009, 10037};
    return i * i * by[m] % modulo[m] / 64.0 + 16 * m;
}

static double tied(int m, uint32_t i)
{
    static const uint32_t by[] = {37, 53, 29}, modulo[] = {11, 13, 7};
    return i * by[m] % modulo[m] + (uint32_t)m;
}

// a, b, then difference's t, its p, w, its p, d_z; mean, sd, half of each method.
struct golden {
    double (*at)(int, uint32_t);
    uint32_t n;
    double method[3][3], pair[3][5], friedman[2], kruskal[2];
};

static const struct golden golden[] = {
    {squares,
     24,
     {{58.554036458333336, 49.31659959021866, 20.824573640871296},
      {73.97265625, 47.0209199009388, 19.855193125132278},
      {80.96549479166667, 43.98158499510173, 18.5717945515934}},
     {{1.44632396825418, 0.16157740947128438, 93, 0.10738253593444824, 0.2952296437483397},
      {2.4725366602345087, 0.02123996210213094, 57, 0.013754521768656157, 0.5047044323249837},
      {0.7285437539678684, 0.4736341046815672, 124, 0.47316575050354004, 0.14871337104275376}},
     {8.989473684210507, 0.011167619075586025},
     {3.4687106412626965, 0.17651395852094406}},
    {tied,
     60,
     {{4.883333333333334, 3.189451186341703, 0.8239226080639188},
      {6.666666666666667, 3.7128574891131056, 0.959132793409676},
      {4.9, 2.005923431629264, 0.5181849693897287}},
     {{2.7431007065004516, 0.008047523294810116, 492, 0.012398103948724534, 0.3541327784415349},
      {0.03495078514340439, 0.9722369647115555, 742, 0.9965537868332596, 0.0045121269599092935},
      {-3.153924866305661, 0.002533990271396516, 372, 0.0022813855764121675,
       -0.40716994941304263}},
     {8.297297297297249, 0.015785734150959293},
     {8.562676085820122, 0.013824152396759439}},
};

START_TEST(figures_are_scipy_s)
{
    const struct golden *g = &golden[_i];
    struct value v = compare(g->at, g->n, 3);
    const struct value *pairs = value_find(&v, "pairs"), *all = value_find(&v, "policies");
    for (int m = 0; m < 3; m++) {
        const struct value *x = value_find(all, names[m]);
        NEAR(x, "mean", g->method[m][0]);
        NEAR(x, "sd", g->method[m][1]);
        NEAR(x, "half_95", g->method[m][2]);
    }
    ck_assert_uint_eq(pairs->n, 3);
    for (int i = 0; i < 3; i++) {
        static const char *const keys[] = {"t", "t_p", "wilcoxon_w", "wilcoxon_p", "d_z"};
        for (int k = 0; k < 5; k++)
            NEAR(&pairs->items[i], keys[k], g->pair[i][k]);
    }
    ck_assert_str_eq(value_find(&pairs->items[0], "a")->s, "b");
    ck_assert_str_eq(value_find(&pairs->items[0], "b")->s, "a");
    NEAR(value_find(&v, "friedman"), "statistic", g->friedman[0]);
    NEAR(value_find(&v, "friedman"), "p", g->friedman[1]);
    NEAR(value_find(&v, "kruskal_wallis"), "statistic", g->kruskal[0]);
    NEAR(value_find(&v, "kruskal_wallis"), "p", g->kruskal[1]);
}
END_TEST

// Three tests: the least times 3, the next times 2, the last as it is.
START_TEST(holm_steps_down)
{
    struct value v = compare(squares, 24, 3);
    const struct value *pairs = value_find(&v, "pairs");
    NEAR(&pairs->items[0], "t_p_holm", 2 * golden[0].pair[0][1]);
    NEAR(&pairs->items[1], "t_p_holm", 3 * golden[0].pair[1][1]);
    NEAR(&pairs->items[2], "t_p_holm", golden[0].pair[2][1]);
    v = compare(tied, 60, 3);
    pairs = value_find(&v, "pairs");
    NEAR(&pairs->items[1], "wilcoxon_p_holm", golden[1].pair[1][3]);
}
END_TEST

// The smallest p there is: all signs alike, 2 of 2^n.
START_TEST(a_signed_rank_is_exact_when_few)
{
    double d[10];
    for (int i = 0; i < 10; i++)
        d[i] = i + 1;
    struct signed_rank r = comparison_wilcoxon(d, 10, a);
    ck_assert_double_eq(r.w, 0);
    ck_assert_double_eq(r.p, 2.0 / 1024);
}
END_TEST

static double same(int m, uint32_t i)
{
    (void)m;
    return i;
}

START_TEST(what_cannot_be_said_is_null)
{
    struct value v = compare(same, 5, 2);
    const struct value *pair = value_find(&v, "pairs")->items;
    ck_assert_double_eq(number(pair, "difference"), 0);
    ck_assert_int_eq(value_find(pair, "t_p")->type, VALUE_NULL);
    ck_assert_int_eq(value_find(pair, "wilcoxon_p_holm")->type, VALUE_NULL);
    ck_assert_int_eq(value_find(value_find(&v, "friedman"), "p")->type, VALUE_NULL);
    v = compare(squares, 1, 3);
    ck_assert_ptr_null(value_find(&v, "pairs"));
    v = compare(squares, 24, 1);
    ck_assert_ptr_null(value_find(&v, "pairs"));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("comparison");
    TCase *c = tcase_create("comparison");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_loop_test(c, figures_are_scipy_s, 0, sizeof golden / sizeof *golden);
    tcase_add_test(c, holm_steps_down);
    tcase_add_test(c, a_signed_rank_is_exact_when_few);
    tcase_add_test(c, what_cannot_be_said_is_null);
    suite_add_tcase(s, c);
    return harness_run(s);
}
