// SPDX-License-Identifier: MIT
// test_packed.c - integer products: the same bits of every class, batch and split,
// and close to the exact ones.
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/rng.h"
#include "tests/unit/harness.h"
#include "worker/tensor/kernels.h"
#include "worker/tensor/packed.h"

static const char *const classes[] = {"portable", "avx2", "avx512"};
enum { N_CLASSES = 3, N_MAX = 1024, ROWS_MAX = 39, X_MAX = 13, N_FORMATS = 16 };

static float x[X_MAX * N_MAX], w[N_MAX], want[X_MAX * ROWS_MAX], got[X_MAX * ROWS_MAX];
static uint8_t rows[ROWS_MAX * N_MAX * 4];
static struct packed_x q[X_MAX * (N_MAX / PACKED_BLOCK)];
static const struct packed_x *list[X_MAX];

static void make_rows(const struct format *f, struct rng *r, size_t n)
{
    for (size_t j = 0; j < ROWS_MAX; j++) {
        uint8_t *row = rows + j * format_row_bytes(f, n);
        for (size_t i = 0; i < n; i++)
            w[i] = (float)rng_normal(r);
        if (f->pack)
            format_pack(f, w, row, n);
        for (size_t i = 0; !f->pack && i < format_row_bytes(f, n); i++)
            row[i] = (uint8_t)(rng_below(r, 256) & 0xbb); // no exponent of a half is full
    }
}

static uint8_t *pack(const struct format *f, size_t n)
{
    size_t group = packed_group_bytes(packed_kind(f), n), n_groups = ROWS_MAX / PACKED_ROWS + 1;
    uint8_t *groups = aligned_alloc(PACKED_ALIGN, group * n_groups);
    ck_assert_ptr_nonnull(groups);
    for (size_t i = 0; i < n_groups; i++) {
        size_t from = i * PACKED_ROWS, left = ROWS_MAX - from;
        packed_fill(f, rows + from * format_row_bytes(f, n),
                    left < PACKED_ROWS ? left : PACKED_ROWS, n, groups + i * group);
    }
    return groups;
}

static void quantise(const struct format *f, size_t n)
{
    for (size_t t = 0; t < X_MAX; t++) {
        list[t] = q + t * (n / PACKED_BLOCK);
        (packed_kind(f) == PACKED_BF16 ? packed_round : packed_quantise)(
            x + t * n, n, q + t * (n / PACKED_BLOCK));
    }
}

static bool same_bits(void)
{
    const void *a = got, *b = want;
    return memcmp(a, b, sizeof got) == 0;
}

// y[t][j] of rows from * 16 on, vectors [t, t + n_x).
static void multiply(
    const struct format *f, const uint8_t *groups, size_t n, size_t from, size_t t, size_t n_x)
{
    struct packed_product p = {
        .kind = packed_kind(f),
        .groups = groups + from * packed_group_bytes(packed_kind(f), n),
        .n_in = n,
        .n_out = ROWS_MAX - from * PACKED_ROWS,
        .n_x = n_x,
        .x = list + t,
        .y = got + t * ROWS_MAX + from * PACKED_ROWS,
        .y_stride = ROWS_MAX,
    };
    packed_multiply(&p);
}

// Whether the codes are the nearest ones.
static bool codes_are_near(size_t n)
{
    bool near = true;
    for (size_t i = 0; i < X_MAX * n; i++) {
        const struct packed_x *b = &q[i / PACKED_BLOCK];
        double v = (double)b->q[i % PACKED_BLOCK] * (double)b->d;
        near = near && fabs(v - (double)x[i]) <= 0.5001 * (double)b->d;
    }
    return near;
}

static double rounded_at(const struct packed_x *b, size_t i)
{
    float v;
    format_unpack(format_find(FORMAT_BF16), &b->rounded[i], &v, 1);
    return (double)v;
}

static bool rounded_are_near(size_t n)
{
    bool near = true;
    for (size_t i = 0; i < X_MAX * n; i++) {
        double v = rounded_at(&q[i / PACKED_BLOCK], i % PACKED_BLOCK);
        near = near && fabs(v - (double)x[i]) <= fabs(v) * 0x1p-8;
    }
    return near;
}

// Of w with a vector's codes; *size is the sum of the products' magnitudes.
static double
dot_of_codes(const struct format *f, const struct packed_x *b, size_t n, double *size)
{
    bool rounds = packed_kind(f) == PACKED_BF16;
    double sum = 0;
    *size = 0;
    for (size_t i = 0; i < n; i++) {
        const struct packed_x *c = &b[i / PACKED_BLOCK];
        double v = (rounds ? rounded_at(c, i % PACKED_BLOCK)
                           : (double)c->q[i % PACKED_BLOCK] * (double)c->d)
                   * (double)w[i];
        sum += v;
        *size += fabs(v);
    }
    return sum;
}

// Against the product in double of what codes and scales mean.
static void check_meaning(const struct format *f, size_t n)
{
    ck_assert(packed_kind(f) == PACKED_BF16 ? rounded_are_near(n) : codes_are_near(n));
    for (size_t j = 0; j < ROWS_MAX; j++) {
        format_unpack(f, rows + j * format_row_bytes(f, n), w, n);
        for (size_t t = 0; t < X_MAX; t++) {
            double size, sum = dot_of_codes(f, list[t], n, &size);
            ck_assert_msg(fabs(sum - (double)want[t * ROWS_MAX + j]) <= size * 1e-5 + 1e-30,
                          "%s row %zu vector %zu: %g, expected %g", f->name, j, t,
                          (double)want[t * ROWS_MAX + j], sum);
        }
    }
}

static void
check_class(const struct format *f, const uint8_t *groups, size_t n, const char *class)
{
    static const size_t cuts[] = {X_MAX, 1, 2, 3, 4, 5};
    quantise(f, n);
    for (size_t k = 0; k < sizeof cuts / sizeof cuts[0]; k++) {
        memset(got, 0, sizeof got);
        for (size_t t = 0; t < X_MAX; t += cuts[k])
            multiply(f, groups, n, 0, t, cuts[k] < X_MAX - t ? cuts[k] : X_MAX - t);
        ck_assert_msg(same_bits(), "%s %s n=%zu by %zu", f->name, class, n, cuts[k]);
        multiply(f, groups, n, 1, 0, X_MAX);
        ck_assert_msg(same_bits(), "%s %s n=%zu from row 16", f->name, class, n);
    }
}

START_TEST(a_product_has_the_same_bits_everywhere)
{
    const struct format *f = format_at((size_t)_i);
    struct rng r = rng_at(11, (uint32_t)_i, 0, 0);
    struct errtext t;
    if (packed_kind(f) == PACKED_NONE)
        return;
    size_t step = f->block < PACKED_BLOCK ? PACKED_BLOCK : f->block;
    for (size_t n = step; n <= N_MAX; n += step + n / step * step) {
        for (size_t i = 0; i < X_MAX * N_MAX; i++)
            x[i] = (float)rng_normal(&r) * (i % 7 ? 1 : 20);
        memset(x, 0, PACKED_BLOCK * sizeof x[0]);
        make_rows(f, &r, n);
        uint8_t *groups = pack(f, n);
        ck_assert_int_eq(kernels_force("portable", &t), OK);
        quantise(f, n);
        multiply(f, groups, n, 0, 0, X_MAX);
        memcpy(want, got, sizeof want);
        check_meaning(f, n);
        for (int k = 0; k < N_CLASSES; k++)
            if (kernels_force(classes[k], &t) != ERR_UNSUPPORTED)
                check_class(f, groups, n, classes[k]);
        free(groups);
    }
}
END_TEST

// The largest sums there can be: nothing overflows on the way.
START_TEST(extreme_codes_add_up)
{
    const struct format *f = format_find(FORMAT_Q8_0);
    struct errtext t;
    for (size_t i = 0; i < sizeof rows; i++)
        rows[i] = i % 34 < 2 ? (i % 34 ? 0x3c : 0) : 0x80; // 1.0, then -128
    for (size_t i = 0; i < X_MAX * N_MAX; i++)
        x[i] = i / N_MAX % 2 ? -3.0F : 127.0F;
    uint8_t *groups = pack(f, N_MAX);
    for (int k = 0; k < N_CLASSES; k++) {
        if (kernels_force(classes[k], &t) == ERR_UNSUPPORTED)
            continue;
        quantise(f, N_MAX);
        multiply(f, groups, N_MAX, 0, 0, X_MAX);
        ck_assert_double_eq((double)got[0], -128.0 * 127 * N_MAX);
        ck_assert_double_eq_tol((double)got[ROWS_MAX], 128.0 * 3 * N_MAX, 0.1);
    }
    free(groups);
}
END_TEST

// Sums that come below 2^-126 and back, where a subnormal kept would show.
START_TEST(what_is_too_small_is_flushed_by_every_class)
{
    const struct format *f = format_find(FORMAT_BF16);
    struct rng r = rng_at(12, 0, 0, 0);
    struct errtext t;
    for (size_t i = 0; i < ROWS_MAX * N_MAX; i++) {
        uint16_t half = (uint16_t)(rng_below(&r, 0x1400) + 0x8000 * rng_below(&r, 2));
        memcpy(rows + 2 * i, &half, sizeof half);
    }
    for (size_t i = 0; i < X_MAX * N_MAX; i++)
        x[i] = ldexpf((float)rng_normal(&r), (int)rng_below(&r, 160) - 140);
    uint8_t *groups = pack(f, N_MAX);
    for (int k = 0; k < N_CLASSES; k++) {
        if (kernels_force(classes[k], &t) == ERR_UNSUPPORTED)
            continue;
        quantise(f, N_MAX);
        multiply(f, groups, N_MAX, 0, 0, X_MAX);
        if (k == 0)
            memcpy(want, got, sizeof want);
        ck_assert_msg(same_bits(), "%s", classes[k]);
    }
    free(groups);
}
END_TEST

START_TEST(odd_activations_give_no_nonsense)
{
    static const float odd[] = {0, 0x1p-149F, 0x1p-120F, 0x1p127F, -0x1p127F};
    struct errtext t;
    for (int k = 0; k < N_CLASSES; k++)
        for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
            struct packed_x b;
            if (kernels_force(classes[k], &t) == ERR_UNSUPPORTED)
                continue;
            memset(x, 0, PACKED_BLOCK * sizeof x[0]);
            x[5] = odd[i];
            packed_quantise(x, PACKED_BLOCK, &b);
            ck_assert_int_eq(b.sum, b.q[5]);
            ck_assert_int_eq(b.q[5], fabsf(odd[i]) < 1 ? 0 : odd[i] > 0 ? 127 : -127);
            ck_assert(isfinite(b.d));
        }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("packed");
    TCase *c = tcase_create("packed");
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, a_product_has_the_same_bits_everywhere, 0, N_FORMATS);
    tcase_add_test(c, extreme_codes_add_up);
    tcase_add_test(c, what_is_too_small_is_flushed_by_every_class);
    tcase_add_test(c, odd_activations_give_no_nonsense);
    suite_add_tcase(s, c);
    return harness_run(s);
}
