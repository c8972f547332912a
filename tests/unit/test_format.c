// SPDX-License-Identifier: MIT
// test_format.c - what blocks mean, and products that no class and no batch changes.
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/rng.h"
#include "tests/unit/harness.h"
#include "worker/experts/gguf.h"
#include "worker/tensor/format.h"
#include "worker/tensor/kernels.h"

static const char *const classes[] = {"portable", "avx2", "avx512"};
enum { N_CLASSES = 3, N_MAX = 2048 + 256, ROWS_MAX = 19, X_MAX = 33, N_FORMATS = 16 };

static float w[ROWS_MAX * N_MAX], x[X_MAX * N_MAX], y[X_MAX * ROWS_MAX];
static uint8_t rows[ROWS_MAX * N_MAX * 4];

static uint32_t float_bits(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

// Bytes that are blocks of any format with sane scales: random, but no half is
// infinite or NaN because every odd byte of a scale could be one.
static void make_rows(const struct format *f, struct rng *r, size_t n)
{
    for (size_t i = 0; i < ROWS_MAX * N_MAX; i++)
        w[i] = (float)rng_normal(r);
    size_t bytes = ROWS_MAX * format_row_bytes(f, n);
    if (f->pack) {
        format_pack(f, w, rows, ROWS_MAX * n);
        return;
    }
    for (size_t i = 0; i < bytes; i++)
        rows[i] = (uint8_t)(rng_below(r, 256) & 0xbb); // no exponent of a half is full
    for (size_t i = 0; i < X_MAX * N_MAX; i++)
        x[i] = (float)rng_normal(r);
}

// All products of `n_x` vectors, under the class of kernels in force.
static void check_products(const struct format *f, size_t n, size_t n_x, const char *class)
{
    struct format_shape s = {n, ROWS_MAX, n_x, n, ROWS_MAX};
    format_matmul(f, rows, &s, x, y);
    for (size_t i = 0; i < n_x * ROWS_MAX; i++) {
        float want = kernels_dot(w + i % ROWS_MAX * n, x + i / ROWS_MAX * n, n);
        ck_assert_msg(float_bits(want) == float_bits(y[i]), "%s %s n=%zu: %a, expected %a",
                      f->name, class, n, (double)y[i], (double)want);
    }
}

START_TEST(a_product_is_the_dot_of_the_unpacked_row)
{
    const struct format *f = format_at((size_t)_i);
    struct rng r = rng_at(7, (uint32_t)_i, 0, 0);
    static const size_t vectors[] = {1, 2, 5, 6, 30, X_MAX};
    struct errtext t;

    for (size_t i = 0; i < X_MAX * N_MAX; i++)
        x[i] = (float)rng_normal(&r);
    for (size_t n = f->block == 1 ? 23 : f->block; n <= N_MAX;
         n += f->block * 7 + n / 3 / f->block * f->block) {
        make_rows(f, &r, n);
        ck_assert_int_eq(kernels_force("portable", &t), OK);
        for (int j = 0; j < ROWS_MAX; j++)
            format_unpack(f, rows + (size_t)j * format_row_bytes(f, n), w + (size_t)j * n, n);
        for (int k = 0; k < N_CLASSES * 6; k++) {
            if (kernels_force(classes[k / 6], &t) != ERR_UNSUPPORTED)
                check_products(f, n, vectors[k % 6], classes[k / 6]);
        }
    }
}
END_TEST

START_TEST(the_fixtures_blocks_mean_their_floats)
{
    const char *folder = harness_fixtures();
    const struct format *f = format_at((size_t)_i);
    char path[512];
    struct errtext t = {{0}};
    struct gguf *g = NULL;
    if (!folder)
        return;
    (void)snprintf(path, sizeof path, "%s/moe/quant-vectors.gguf", folder);
    ck_assert_msg(gguf_open(path, &g, &t) == OK, "%s", t.text);
    const struct gguf_tensor *blocks = gguf_tensor_find(g, f->name);
    (void)snprintf(path, sizeof path, "%s.f32", f->name);
    const struct gguf_tensor *floats = gguf_tensor_find(g, path);
    size_t n = blocks ? (size_t)(blocks->n_rows * blocks->dims[0]) : 0;
    float *got = calloc(n + 1, sizeof *got);
    ck_assert_ptr_nonnull(got);
    for (int k = 0; blocks && k < N_CLASSES; k++) {
        if (kernels_force(classes[k], &t) == ERR_UNSUPPORTED)
            continue;
        format_unpack(f, blocks->data, got, n);
        ck_assert_msg(memcmp(got, floats->data, n * sizeof *got) == 0, "%s %s", f->name,
                      classes[k]);
    }
    free(got);
    gguf_close(g);
}
END_TEST

START_TEST(packing_comes_near_and_floats_survive)
{
    struct rng r = rng_at(3, 0, 0, 0);
    for (size_t i = 0; i < 1024; i++)
        w[i] = (float)rng_normal(&r);
    for (size_t k = 0; k < N_FORMATS; k++) {
        const struct format *f = format_at(k);
        double error = 0, power = 0;
        if (!f->pack)
            continue;
        format_pack(f, w, rows, 1024);
        format_unpack(f, rows, x, 1024);
        for (size_t i = 0; i < 1024; i++) {
            error += (double)(x[i] - w[i]) * (double)(x[i] - w[i]);
            power += (double)w[i] * (double)w[i];
        }
        ck_assert_msg(error <= power * 0.01, "%s", f->name);
        if (f->block == 1) { // what is a value of the format stays it
            format_pack(f, x, rows, 1024);
            format_unpack(f, rows, w + 1024, 1024);
            ck_assert_mem_eq(x, w + 1024, 1024 * sizeof x[0]);
        }
    }
}
END_TEST

START_TEST(every_half_survives_being_unpacked_and_packed)
{
    const struct format *f = format_find(FORMAT_F16);
    for (uint32_t h = 0; h < 0x10000; h++) {
        uint8_t in[2] = {(uint8_t)h, (uint8_t)(h >> 8)}, out[2];
        float value;
        bool is_signalling = (h & 0x7e00) == 0x7c00 && (h & 0x3ff);
        format_unpack(f, in, &value, 1);
        format_pack(f, &value, out, 1);
        ck_assert_uint_eq(out[0] | (uint32_t)out[1] << 8, is_signalling ? h | 0x200 : h);
    }
}
END_TEST

// Rounding to halves, of all exponents, of ties and of NaNs.
START_TEST(every_class_packs_halves_alike)
{
    const struct format *f = format_find(FORMAT_F16);
    struct rng r = rng_at(5, 0, 0, 0);
    struct errtext t;
    for (uint32_t i = 0; i < N_MAX; i++) {
        uint32_t bits = (uint32_t)rng_below(&r, 0x100000000ULL);
        bits = i % 3 ? bits : (bits & 0xffffe000u) | 0x1000u;
        memcpy(&x[i], &bits, sizeof bits);
    }
    ck_assert_int_eq(kernels_force("portable", &t), OK);
    format_pack(f, x, rows, N_MAX);
    for (int k = 1; k < N_CLASSES; k++) {
        if (kernels_force(classes[k], &t) == ERR_UNSUPPORTED)
            continue;
        format_pack(f, x, rows + 2 * N_MAX, N_MAX);
        ck_assert_msg(memcmp(rows, rows + 2 * N_MAX, 2 * N_MAX) == 0, "%s", classes[k]);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("format");
    TCase *c = tcase_create("format");
    tcase_add_loop_test(c, a_product_is_the_dot_of_the_unpacked_row, 0, N_FORMATS);
    if (harness_fixtures())
        tcase_add_loop_test(c, the_fixtures_blocks_mean_their_floats, 0, N_FORMATS);
    else
        harness_skip("no fixtures: quant-vectors.gguf");
    tcase_add_test(c, packing_comes_near_and_floats_survive);
    tcase_add_test(c, every_class_packs_halves_alike);
    tcase_add_test(c, every_half_survives_being_unpacked_and_packed);
    suite_add_tcase(s, c);
    return harness_run(s);
}
