// SPDX-License-Identifier: MIT
// test_linalg.c - small matrices: right to rounding, and in the one order.
#include <math.h>
#include <string.h>

#include "common/linalg.h"
#include "common/mem.h"
#include "common/rng.h"
#include "tests/unit/harness.h"

enum { N = 70, STRIDE = 73 };

static double a[N * STRIDE], l[N * STRIDE], x[N * 8];

// A random symmetric positive definite matrix B B^T + I.
static void make_spd(uint64_t seed)
{
    static double b[N * N];
    struct rng r = rng_at(seed, 0, 0, 0);

    for (int i = 0; i < N * N; i++)
        b[i] = rng_normal(&r);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            a[i * STRIDE + j] = linalg_dot(b + i * N, b + j * N, N) + (i == j);
    memcpy(l, a, sizeof l);
}

START_TEST(a_factor_multiplied_is_the_matrix)
{
    make_spd(1);
    ck_assert_uint_eq(linalg_cholesky(l, 0, N, STRIDE, 0), N);
    for (int i = 0; i < N; i++)
        for (int j = 0; j <= i; j++) {
            double sum = 0;
            for (int k = 0; k <= j; k++)
                sum += l[i * STRIDE + k] * l[j * STRIDE + k];
            ck_assert_double_eq_tol(sum, a[i * STRIDE + j], 1e-10);
        }
}
END_TEST

START_TEST(rows_appended_have_the_bits_of_a_whole_factorisation)
{
    static double whole[N * STRIDE];

    make_spd(2);
    ck_assert_uint_eq(linalg_cholesky(l, 0, N, STRIDE, 0), N);
    memcpy(whole, l, sizeof l);
    memcpy(l, a, sizeof l);
    for (int i = 0; i < N; i++)
        ck_assert_uint_eq(linalg_cholesky(l, (size_t)i, (size_t)i + 1, STRIDE, 0),
                          (size_t)i + 1);
    for (int i = 0; i < N; i++)
        ck_assert_int_eq(memcmp(whole + i * STRIDE, l + i * STRIDE, (size_t)(i + 1) * 8), 0);
}
END_TEST

START_TEST(what_is_not_positive_definite_stops_at_its_row)
{
    make_spd(3);
    for (int j = 0; j <= 40; j++)
        l[40 * STRIDE + j] = j < 40 ? a[39 * STRIDE + j] : a[39 * STRIDE + 39];
    l[40 * STRIDE + 39] = a[39 * STRIDE + 39];
    ck_assert_uint_eq(linalg_cholesky(l, 0, N, STRIDE, 1e-9), 40);
}
END_TEST

START_TEST(solves_undo_products_whatever_the_width)
{
    static const size_t widths[] = {1, 3, 4, 7, 8};
    double one[N];

    make_spd(4);
    ck_assert_uint_eq(linalg_cholesky(l, 0, N, STRIDE, 0), N);
    size_t width = widths[_i];
    struct rng r = rng_at(9, 0, 0, 0);
    for (size_t i = 0; i < N * width; i++)
        x[i] = rng_normal(&r);
    for (int i = 0; i < N; i++)
        one[i] = x[(size_t)i * width];
    linalg_forward(l, N, STRIDE, x, width);
    for (int i = 0; i < N; i++) {
        double sum = 0;
        for (int k = 0; k <= i; k++)
            sum += l[i * STRIDE + k] * x[(size_t)k * width];
        ck_assert_double_eq_tol(sum, one[i], 1e-10);
    }
    linalg_solve_lower(l, N, STRIDE, one);
    for (int i = 0; i < N; i++) // side by side or alone: the same bits
        ck_assert(equal_bytes(&one[i], &x[(size_t)i * width], 8));
    linalg_backward(l, N, STRIDE, one);
    double first = 0; // A x = b in its first row
    for (int j = 0; j < N; j++)
        first += a[j] * one[j];
    struct rng again = rng_at(9, 0, 0, 0);
    ck_assert_double_eq_tol(first, rng_normal(&again), 1e-8);
}
END_TEST

// Fixed bits: what a compiler, a flag or a vector width must not change.
START_TEST(dots_and_products_are_in_canonical_order)
{
    double u[100], v[100], c[6] = {0};
    double lane[16] = {0};

    for (int i = 0; i < 100; i++) {
        u[i] = 1.0 / (i + 1);
        v[i] = 1.0 / (3 * i + 1);
        lane[i % 16] += u[i] * v[i];
    }
    for (int half = 8; half; half /= 2)
        for (int j = 0; j < half; j++)
            lane[j] += lane[j + half];
    double dot = linalg_dot(u, v, 100);
    ck_assert(equal_bytes(&dot, &lane[0], 8));
    linalg_gemm(c, u, v, 2, 50, 2);
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 2; j++) {
            double sum = 0;
            for (int k = 0; k < 50; k++)
                sum += u[i * 50 + k] * v[k * 2 + j];
            ck_assert(equal_bytes(&sum, &c[i * 2 + j], 8));
        }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("linalg");
    TCase *tc = tcase_create("all");

    tcase_add_test(tc, a_factor_multiplied_is_the_matrix);
    tcase_add_test(tc, rows_appended_have_the_bits_of_a_whole_factorisation);
    tcase_add_test(tc, what_is_not_positive_definite_stops_at_its_row);
    tcase_add_loop_test(tc, solves_undo_products_whatever_the_width, 0, 5);
    tcase_add_test(tc, dots_and_products_are_in_canonical_order);
    suite_add_tcase(s, tc);
    return harness_run(s);
}
