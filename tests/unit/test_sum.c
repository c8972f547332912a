// SPDX-License-Identifier: MIT
// test_sum.c - a sum is a number, not a story of how it was added.
#include <float.h>
#include <math.h>
#include <string.h>

#include "common/rng.h"
#include "common/sum.h"
#include "tests/unit/harness.h"

enum { N = 3000, SEEDS = 30 };

static double values[N];

// Magnitudes from subnormal to huge, integers, cancelling pairs: by the seed.
static void make_values(uint64_t seed)
{
    struct rng r = rng_at(seed, 0, 0, 0);

    for (int i = 0; i < N; i++) {
        uint64_t b = rng_u64(&r);
        double x;
        memcpy(&x, &b, sizeof x);
        if (seed % 3 == 0 || !isfinite(x))
            x = ldexp(rng_f64(&r) - 0.5, (int)rng_below(&r, 40));
        if (seed % 3 == 1 && i & 1)
            x = -values[i - 1];
        values[i] = x;
    }
}

static void shuffle(uint64_t seed)
{
    struct rng r = rng_at(seed, 1, 0, 0);

    for (uint32_t i = N - 1; i > 0; i--) {
        uint64_t j = rng_below(&r, i + 1);
        double x = values[i];
        values[i] = values[j];
        values[j] = x;
    }
}

static void pack(const struct sum *s, struct buf *b)
{
    buf_init(b, 4096);
    sum_pack(s, b);
}

START_TEST(any_order_and_any_split_give_the_same_bytes)
{
    struct sum whole, squares;
    struct buf a, b;

    make_values((uint64_t)_i);
    sum_init(&whole);
    sum_init(&squares);
    sum_add_run(&whole, &squares, values, N, 1);
    pack(&whole, &a);
    for (uint64_t k = 0; k < 4; k++) {
        struct sum part[3], part_squares;
        struct rng r = rng_at((uint64_t)_i, 2, 0, (uint32_t)k);
        sum_init(&part_squares);
        for (int j = 0; j < 3; j++)
            sum_init(&part[j]);
        shuffle(k);
        for (int i = 0; i < N; i++) {
            sum_add(&part[rng_below(&r, 3)], values[i]);
            sum_add_square(&part_squares, values[i]);
        }
        sum_merge(&part[1], &part[k & 2]);
        sum_merge(&part[1], &part[2 - (k & 2)]);
        pack(&part[1], &b);
        ck_assert_uint_eq(a.n, b.n);
        ck_assert_mem_eq(a.bytes, b.bytes, a.n);
        double x = sum_value(&whole), y = sum_value(&part[1]);
        ck_assert_mem_eq(&x, &y, sizeof x);
        x = sum_value(&squares);
        y = sum_value(&part_squares);
        ck_assert_mem_eq(&x, &y, sizeof x);
        buf_fini(&b);
    }
    buf_fini(&a);
}
END_TEST

START_TEST(small_integers_agree_with_integer_arithmetic)
{
    struct rng r = rng_at((uint64_t)_i, 0, 0, 0);
    struct sum s, q;
    int64_t sum = 0, squares = 0;

    sum_init(&s);
    sum_init(&q);
    for (int i = 0; i < 5000; i++) {
        int64_t v = (int64_t)rng_below(&r, 1 << 25) - (1 << 24);
        sum += v;
        squares += v * v;
        sum_add(&s, ldexp((double)v, 40 * _i - 600));
        sum_add_square(&q, (double)v);
    }
    ck_assert(sum_value(&s) == ldexp((double)sum, 40 * _i - 600));
    ck_assert(sum_value(&q) == (double)squares);
}
END_TEST

static const struct {
    double x[4];
    double sum;
} edge[] = {
    {{0, 0, 0, 0}, 0},
    {{-0.0, 0, 0, -0.0}, 0},
    {{1e308, 1e308, -1e308, -1e308}, 0},
    {{1e308, 1e308, -1e308, 1}, 1e308},
    {{DBL_MAX, DBL_MAX, 0, 0}, INFINITY},
    {{DBL_MAX, 0x1p969, 0, 0}, DBL_MAX},
    {{DBL_MAX, 0x1p970, 0, 0}, INFINITY}, // half of the last place: to even, past the end
    {{-DBL_MAX, -DBL_MAX, DBL_MAX, 0}, -DBL_MAX},
    {{DBL_TRUE_MIN, DBL_TRUE_MIN, 0, 0}, 2 * DBL_TRUE_MIN},
    {{DBL_MIN, -DBL_TRUE_MIN, 0, 0}, DBL_MIN - DBL_TRUE_MIN},
    {{1, 0x1p-53, 0, 0}, 1},                      // a tie goes to even
    {{1, 0x1p-53, DBL_TRUE_MIN, 0}, 1 + 0x1p-52}, // a hair above does not
    {{1 + 0x1p-52, 0x1p-53, 0, 0}, 1 + 0x1p-51},
    {{-1, -0x1p-53, -DBL_TRUE_MIN, 0}, -1 - 0x1p-52},
    {{1e16, 1, -1e16, 0}, 1},
    {{INFINITY, 1, 0, 0}, INFINITY},
    {{-INFINITY, DBL_MAX, 0, 0}, -INFINITY},
    {{INFINITY, -INFINITY, 0, 0}, NAN},
    {{NAN, INFINITY, 0, 0}, NAN},
};

START_TEST(rounding_at_the_edges)
{
    struct sum s;
    sum_init(&s);
    for (int i = 0; i < 4; i++)
        sum_add(&s, edge[_i].x[i]);
    double y = sum_value(&s), z = edge[_i].sum;
    ck_assert_msg(isnan(z) ? isnan(y) : y == z, "row %d gave %a, not %a", _i, y, z);
}
END_TEST

START_TEST(many_adds_of_one_sign_do_not_overflow)
{
    struct sum s;
    sum_init(&s);
    for (int i = 0; i < 1000000; i++)
        sum_add(&s, 0x1.fffffffffffffp31);
    ck_assert(sum_value(&s) == 1000000 * 0x1.fffffffffffffp31);
}
END_TEST

START_TEST(variance_loses_nothing_to_a_large_mean)
{
    static const double offset[] = {0, 1e9, -1e15, 1e-200};
    for (size_t k = 0; k < 3; k++) {
        struct sum s, q;
        sum_init(&s);
        sum_init(&q);
        for (int i = 1; i <= 4; i++) {
            sum_add(&s, offset[k] + i);
            sum_add_square(&q, offset[k] + i);
        }
        ck_assert_double_eq_tol(sum_variance(&s, &q, 4), 5.0 / 3, 1e-15);
    }
    struct sum s, q;
    sum_init(&s);
    sum_init(&q);
    double tiny[] = {1e-170, 3e-170};
    sum_add_run(&s, &q, tiny, 2, 1);
    ck_assert(isnan(sum_variance(&s, &q, 1)));
    ck_assert(sum_variance(&s, &q, 2) < 1e-300);
}
END_TEST

START_TEST(packed_sums_come_back)
{
    struct sum s, t;
    struct buf a, b;
    size_t used;

    make_values((uint64_t)_i);
    sum_init(&s);
    for (int i = 0; i < N - _i; i++)
        sum_add(&s, values[i]);
    pack(&s, &a);
    for (size_t n = 0; n < a.n; n++)
        ck_assert_int_eq(sum_unpack(&t, a.bytes, n, &used), ERR_PROTO);
    ck_assert_int_eq(sum_unpack(&t, a.bytes, a.n, &used), OK);
    ck_assert_uint_eq(used, a.n);
    pack(&t, &b);
    ck_assert_mem_eq(a.bytes, b.bytes, a.n);
    double x = sum_value(&s), y = sum_value(&t);
    ck_assert_mem_eq(&x, &y, sizeof x);
    buf_fini(&a);
    buf_fini(&b);
}
END_TEST

static const struct {
    uint8_t bytes[16];
    size_t n;
} hostile[] = {
    {{16, 0, 0}, 3},                         // unknown flag
    {{8, 0, 0}, 3},                          // minus zero
    {{0, 1, 0}, 3},                          // zero somewhere
    {{0, 135, 1, 1, 0, 0, 0}, 7},            // the last limb is the carries'
    {{0, 255, 255, 1, 0, 0, 0}, 7},          // longer than it is
    {{0, 9, 2, 1, 0, 0, 0, 0, 0, 0, 0}, 11}, // leading zero
    {{0, 9, 2, 0, 0, 0, 0, 1, 0, 0, 0}, 11}, // trailing zero
};

START_TEST(hostile_sums_are_refused)
{
    struct sum s;
    size_t used;
    ck_assert_int_eq(sum_unpack(&s, hostile[_i].bytes, hostile[_i].n, &used), ERR_PROTO);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("sum");
    TCase *c = tcase_create("sum");
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, any_order_and_any_split_give_the_same_bytes, 0, SEEDS);
    tcase_add_loop_test(c, small_integers_agree_with_integer_arithmetic, 0, 30);
    tcase_add_loop_test(c, rounding_at_the_edges, 0, sizeof edge / sizeof *edge);
    tcase_add_test(c, many_adds_of_one_sign_do_not_overflow);
    tcase_add_test(c, variance_loses_nothing_to_a_large_mean);
    tcase_add_loop_test(c, packed_sums_come_back, 0, 6);
    tcase_add_loop_test(c, hostile_sums_are_refused, 0, sizeof hostile / sizeof *hostile);
    suite_add_tcase(s, c);
    return harness_run(s);
}
