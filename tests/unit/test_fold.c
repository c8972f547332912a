// SPDX-License-Identifier: MIT
// test_fold.c - however a sweep was cut and whoever came first, one summary.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/fold.h"
#include "common/rng.h"
#include "tests/unit/harness.h"

enum { N = 5000 };

static double values[N];
static struct arena *arena;

static void setup(void)
{
    arena = arena_create();
}

static void teardown(void)
{
    arena_destroy(arena);
}

static void make_values(uint32_t seed)
{
    struct rng r = rng_at(seed, 0, 0, 0);
    for (int i = 0; i < N; i++) {
        double x = rng_normal(&r) * exp(3 * rng_normal(&r));
        uint64_t odd = rng_below(&r, 100);
        values[i] = odd == 0 ? 0 : odd == 1 ? -0.0 : odd == 2 && seed % 2 ? NAN : x;
        if (odd == 3 && seed % 3 == 2)
            values[i] = x > 0 ? INFINITY : -INFINITY;
    }
}

static void pack(const struct fold *f, struct buf *b)
{
    buf_init(b, 1 << 24);
    fold_pack(f, b);
}

static void merge_by_wire(struct fold *to, const struct fold *from)
{
    struct buf b;
    size_t used;

    pack(from, &b);
    ck_assert_int_eq(fold_merge_packed(to, b.bytes, b.n, &used), OK);
    ck_assert_uint_eq(used, b.n);
    buf_fini(&b);
}

// One fold of values[] in pieces of random sizes, merged in random order, half
// of them over the wire.
static struct fold *in_pieces(uint32_t seed, bool exact)
{
    enum { PIECES = 16 };
    struct rng r = rng_at(seed, 1, 0, 0);
    struct fold *piece[PIECES], *all = fold_create(exact);

    for (int i = 0; i < PIECES; i++)
        piece[i] = fold_create(exact);
    for (size_t i = 0; i < N;) {
        size_t n = 1 + (size_t)rng_below(&r, 700);
        n = n < N - i ? n : N - i;
        fold_add(piece[rng_below(&r, PIECES)], values + i, n, 1);
        i += n;
    }
    for (uint32_t left = PIECES; left > 0; left--) {
        uint64_t j = rng_below(&r, left);
        if (left % 2)
            ck_assert_int_eq(fold_merge(all, piece[j]), OK);
        else
            merge_by_wire(all, piece[j]);
        fold_destroy(piece[j]);
        piece[j] = piece[left - 1];
    }
    return all;
}

START_TEST(any_split_and_any_order_give_the_same_bytes)
{
    bool exact = _i % 2;
    struct fold *whole = fold_create(exact);
    struct buf a, b;

    make_values((uint32_t)_i);
    fold_add(whole, values, N, 1);
    pack(whole, &a);
    for (uint32_t k = 0; k < 3; k++) {
        struct fold *f = in_pieces(10 * (uint32_t)_i + k, exact);
        pack(f, &b);
        ck_assert_uint_eq(a.n, b.n);
        ck_assert_mem_eq(a.bytes, b.bytes, a.n);
        struct value x = fold_result(whole, arena), y = fold_result(f, arena);
        ck_assert(value_equal(&x, &y));
        buf_fini(&b);
        fold_destroy(f);
    }
    buf_fini(&a);
    fold_destroy(whole);
}
END_TEST

static double result(const struct fold *f, const char *name)
{
    struct value r = fold_result(f, arena);
    const struct value *v = value_find(&r, name);
    ck_assert_msg(v && value_is_number(v), "no number %s", name);
    return value_number(v);
}

START_TEST(five_numbers_have_the_summary_of_the_textbook)
{
    static const double x[] = {4, -9, 1, -9, 5, -9, 2, -9, 3, -9};
    struct fold *f = fold_create(true);

    fold_add(f, x, 5, 2);
    ck_assert_uint_eq(fold_count(f), 5);
    ck_assert_double_eq(result(f, "mean"), 3);
    ck_assert_double_eq_tol(result(f, "sd"), sqrt(2.5), 1e-15);
    ck_assert_double_eq(result(f, "min"), 1);
    ck_assert_double_eq(result(f, "max"), 5);
    ck_assert_double_eq_tol(result(f, "p05"), 1.2, 1e-15);
    ck_assert_double_eq(result(f, "p50"), 3);
    ck_assert_double_eq_tol(result(f, "p95"), 4.8, 1e-15);
    ck_assert_double_eq(fold_quantile(f, 0.25), 2);
    fold_reset(f);
    ck_assert_uint_eq(fold_count(f), 0);
    ck_assert(isnan(fold_quantile(f, 0.5)));
    fold_destroy(f);
}
END_TEST

static int compare(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

START_TEST(histogram_quantiles_are_within_one_percent)
{
    struct fold *f = fold_create(false);

    make_values(2 * (uint32_t)_i + 100);
    for (int i = 0; i < N; i++)
        values[i] = isfinite(values[i]) ? values[i] : 1;
    fold_add(f, values, N, 1);
    qsort(values, N, sizeof *values, compare);
    for (int i = 0; i <= 1000; i++) {
        double q = i / 1000.0, got = fold_quantile(f, q);
        double want = values[(size_t)(q * (N - 1) + 0.5)];
        ck_assert_msg(fabs(got - want) <= 0.01 * fabs(want), "q=%g: %g, not %g", q, got, want);
    }
    ck_assert(fold_quantile(f, 0) == values[0] && fold_quantile(f, 1) == values[N - 1]);
    struct value r = fold_result(f, arena);
    ck_assert_str_eq(value_find(&r, "quantiles")->s, "approximate (1 %)");
    fold_destroy(f);
}
END_TEST

START_TEST(exact_quantiles_interpolate)
{
    struct fold *f = fold_create(true);

    make_values(4);
    fold_add(f, values, N, 1);
    qsort(values, N, sizeof *values, compare);
    for (int i = 0; i <= 100; i++) {
        double place = i / 100.0 * (N - 1);
        size_t k = (size_t)place;
        double want = k + 1 < N ? values[k] + (values[k + 1] - values[k]) * (place - (double)k)
                                : values[k];
        ck_assert(fold_quantile(f, i / 100.0) == want);
    }
    fold_destroy(f);
}
END_TEST

START_TEST(nan_is_counted_apart)
{
    double x[] = {1, NAN, 3};
    struct fold *f = fold_create(_i);

    fold_add(f, x, 3, 1);
    ck_assert_uint_eq(fold_count(f), 2);
    ck_assert_double_eq(result(f, "nan"), 1);
    ck_assert_double_eq(result(f, "mean"), 2);
    fold_destroy(f);
}
END_TEST

START_TEST(kinds_do_not_mix_and_exact_ones_are_bounded)
{
    struct fold *exact = fold_create(true), *rough = fold_create(false);
    struct fold *full = fold_create(true);
    struct buf b;
    size_t used;
    double one = 1;

    ck_assert_int_eq(fold_merge(exact, rough), ERR_INVALID);
    pack(exact, &b);
    ck_assert_int_eq(fold_merge_packed(rough, b.bytes, b.n, &used), ERR_INVALID);
    buf_fini(&b);
    for (int i = 0; i < FOLD_EXACT_MAX; i++)
        fold_add(full, &one, 1, 1);
    fold_add(exact, &one, 1, 1);
    ck_assert_int_eq(fold_merge(full, exact), ERR_LIMIT);
    pack(exact, &b);
    ck_assert_int_eq(fold_merge_packed(full, b.bytes, b.n, &used), ERR_LIMIT);
    buf_fini(&b);
    fold_destroy(exact);
    fold_destroy(rough);
    fold_destroy(full);
}
END_TEST

// Cut short it is refused; with one bit turned it is refused or a fold that
// packs to the same bytes again.  Either way a refusal changes nothing.
START_TEST(damaged_bytes_are_refused_or_consistent)
{
    bool exact = _i % 2;
    struct fold *f = fold_create(exact);
    struct buf good, again;
    size_t used;

    make_values((uint32_t)_i);
    fold_add(f, values, 40, 1);
    pack(f, &good);
    for (size_t n = 0; n < good.n; n++) {
        fold_reset(f);
        ck_assert_int_ne(fold_merge_packed(f, good.bytes, n, &used), OK);
    }
    for (size_t bit = 0; bit < 8 * good.n; bit++) {
        fold_reset(f);
        good.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        enum error e = fold_merge_packed(f, good.bytes, good.n, &used);
        pack(f, &again);
        if (e) {
            ck_assert_uint_eq(fold_count(f), 0);
            ck_assert_uint_eq(again.n, 3);
        } else {
            ck_assert_uint_eq(used, again.n);
            ck_assert_mem_eq(again.bytes, good.bytes, used);
        }
        good.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        buf_fini(&again);
    }
    buf_fini(&good);
    fold_destroy(f);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("fold");
    TCase *c = tcase_create("fold");
    tcase_set_timeout(c, 60);
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_loop_test(c, any_split_and_any_order_give_the_same_bytes, 0, 12);
    tcase_add_test(c, five_numbers_have_the_summary_of_the_textbook);
    tcase_add_loop_test(c, histogram_quantiles_are_within_one_percent, 0, 4);
    tcase_add_test(c, exact_quantiles_interpolate);
    tcase_add_loop_test(c, nan_is_counted_apart, 0, 2);
    tcase_add_test(c, kinds_do_not_mix_and_exact_ones_are_bounded);
    tcase_add_loop_test(c, damaged_bytes_are_refused_or_consistent, 0, 4);
    suite_add_tcase(s, c);
    return harness_run(s);
}
