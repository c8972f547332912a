// SPDX-License-Identifier: MIT
// test_kernels.c - three classes of kernels, one set of bits.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/rng.h"
#include "tests/unit/harness.h"
#include "worker/tensor/curves.h"
#include "worker/tensor/kernels.h"

enum { N_MAX = 1100 };

enum { N_ROWS = 37 };

static float x[N_MAX], y[N_MAX], z[N_MAX], rows[N_ROWS * N_MAX];

struct results {
    float add[N_MAX], scale[N_MAX], axpy[N_MAX], mix[N_MAX], exp[N_MAX], swiglu[N_MAX];
    float dots[N_ROWS];
    float dot, sum;
};

// Values whose sums round, with -0, subnormals and a huge one among them.
static void make_vectors(uint32_t seed)
{
    struct rng r = rng_at(seed, 0, 0, 0);
    for (int i = 0; i < N_MAX; i++) {
        x[i] = (float)rng_normal(&r);
        y[i] = (float)(rng_normal(&r) * exp(4 * rng_normal(&r)));
        if (rng_below(&r, 50) == 0)
            x[i] = -0.0f;
        if (rng_below(&r, 200) == 0)
            y[i] = 0x1p-140f * (float)rng_below(&r, 100);
    }
    for (int i = 0; i < N_ROWS * N_MAX; i++)
        rows[i] = (float)rng_normal(&r);
    static const float ends[] = {-87.5F, -87.3F, 88.71F, 88.72F, 89, INFINITY, -INFINITY, NAN};
    for (int i = 0; i < N_MAX; i++)
        z[i] = i % 9 ? (float)rng_normal(&r) * 30 : ends[i / 9 % 8];
}

static void compute(size_t n, struct results *out)
{
    memset(out, 0, sizeof *out);
    memcpy(out->add, y, sizeof y);
    memcpy(out->scale, y, sizeof y);
    memcpy(out->axpy, y, sizeof y);
    kernels_add(out->add, x, n);
    kernels_scale(out->scale, 1.1f, n);
    kernels_axpy(out->axpy, -0.7f, x, n);
    out->dot = kernels_dot(x, y, n);
    out->sum = kernels_sum(y, n);
    kernels_dots(x, rows, n + 1, n < 500 ? N_ROWS : 16, n, out->dots);
    memcpy(out->mix, y, sizeof y);
    kernels_mix(&(struct kernels_mix){.y = out->mix,
                                      .shrink = 0.3F,
                                      .w = x,
                                      .rows = rows,
                                      .stride = n,
                                      .n = n < N_ROWS ? n : N_ROWS,
                                      .width = n});
    kernels_exp(out->exp, z, 0.25F, n);
    memcpy(out->swiglu, z, sizeof z);
    kernels_swiglu(out->swiglu, x, n);
    for (int i = 0; i < N_MAX; i++) { // which NaN it is nobody promises
        out->exp[i] = isnan(out->exp[i]) ? NAN : out->exp[i];
        out->swiglu[i] = isnan(out->swiglu[i]) ? NAN : out->swiglu[i];
    }
}

static const char *const names[] = {"portable", "avx2", "avx512"};

START_TEST(every_class_gives_the_bits_of_the_portable_one)
{
    static struct results want, got;
    struct errtext t;

    make_vectors((uint32_t)_i);
    for (size_t n = 0; n <= N_MAX; n += n < 70 ? 1 : 103) {
        ck_assert_int_eq(kernels_force("portable", &t), OK);
        compute(n, &want);
        for (int k = 1; k < 3; k++) {
            if (kernels_force(names[k], &t) == ERR_UNSUPPORTED)
                continue;
            ck_assert_str_eq(kernels_class(), names[k]);
            compute(n, &got);
            ck_assert_mem_eq(&want, &got, sizeof want);
        }
    }
}
END_TEST

START_TEST(kernels_of_many_are_those_of_one)
{
    struct errtext t;
    float out[N_ROWS];
    make_vectors(3);
    ck_assert_int_eq(kernels_force(NULL, &t), OK);
    kernels_dots(x, rows, 100, N_ROWS, 99, out);
    for (int i = 0; i < N_ROWS; i++)
        ck_assert(out[i] == kernels_dot(x, rows + (size_t)i * 100, 99));
    memcpy(out, x, sizeof out);
    kernels_exp(out, x, 0.5F, N_ROWS);
    for (int i = 0; i < N_ROWS; i++)
        ck_assert(out[i] == curves_exp(x[i] - 0.5F));
    memcpy(out, x, sizeof out);
    kernels_swiglu(out, y, N_ROWS);
    for (int i = 0; i < N_ROWS; i++)
        ck_assert(out[i] == x[i] * curves_sigmoid(x[i]) * y[i]);
}
END_TEST

START_TEST(a_sum_runs_in_sixteen_lanes_and_one_tree)
{
    struct errtext t;
    float lane[16] = {0};

    make_vectors(9);
    ck_assert_int_eq(kernels_force(NULL, &t), OK);
    for (int i = 0; i < 1000; i++)
        lane[i % 16] += y[i];
    for (int half = 8; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            lane[i] += lane[i + half];
    ck_assert(kernels_sum(y, 1000) == lane[0]);
    for (int i = 0; i < 1000; i++)
        z[i] = 1;
    ck_assert(kernels_dot(y, z, 1000) == lane[0]);
}
END_TEST

START_TEST(the_environment_forces_a_class_or_is_refused_by_name)
{
    struct errtext t;

    setenv("SHOAL_KERNELS", "portable", 1);
    ck_assert_int_eq(kernels_choose(&t), OK);
    ck_assert_str_eq(kernels_class(), "portable");
    setenv("SHOAL_KERNELS", "sse9", 1);
    ck_assert_int_eq(kernels_choose(&t), ERR_INVALID);
    ck_assert_ptr_nonnull(strstr(t.text, "sse9"));
    ck_assert_str_eq(kernels_class(), "portable");
    unsetenv("SHOAL_KERNELS");
    ck_assert_int_eq(kernels_choose(&t), OK);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("kernels");
    TCase *c = tcase_create("kernels");
    tcase_add_loop_test(c, every_class_gives_the_bits_of_the_portable_one, 0, 5);
    tcase_add_test(c, kernels_of_many_are_those_of_one);
    tcase_add_test(c, a_sum_runs_in_sixteen_lanes_and_one_tree);
    tcase_add_test(c, the_environment_forces_a_class_or_is_refused_by_name);
    suite_add_tcase(s, c);
    return harness_run(s);
}
