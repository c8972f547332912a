// SPDX-License-Identifier: MIT
// test_tape.c - every operator beside finite differences; the same bits of every class.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/hash.h"
#include "common/mem.h"
#include "common/rng.h"
#include "tests/unit/harness.h"
#include "worker/tensor/dense.h"
#include "worker/tensor/kernels.h"
#include "worker/tensor/kernels_table.h"
#include "worker/tensor/tape.h"

enum { SIZE_MAX_ = 8192, ARGS = 3 };

static float x[ARGS][SIZE_MAX_], g[ARGS][SIZE_MAX_], weight[SIZE_MAX_], points[SIZE_MAX_];
static float l[SIZE_MAX_];
static uint8_t mask[SIZE_MAX_];

// An operator on parameters of these shapes.
struct op {
    const char *name;
    struct tape_var *(*make)(struct tape *t, struct tape_var **v);
    size_t rows[ARGS], cols[ARGS];
};

static struct tape_var *affine(struct tape *t, struct tape_var **v)
{
    return tape_affine(t, v[0], v[1], v[2]);
}
static struct tape_var *add(struct tape *t, struct tape_var **v)
{
    return tape_add(t, v[0], v[1]);
}
static struct tape_var *mul(struct tape *t, struct tape_var **v)
{
    return tape_mul(t, v[0], v[1]);
}
static struct tape_var *tanh_(struct tape *t, struct tape_var **v)
{
    return tape_tanh(t, v[0]);
}
static struct tape_var *gelu(struct tape *t, struct tape_var **v)
{
    return tape_gelu(t, v[0]);
}
static struct tape_var *relu(struct tape *t, struct tape_var **v)
{
    return tape_relu(t, v[0]);
}
static struct tape_var *norm(struct tape *t, struct tape_var **v)
{
    return tape_norm(t, v[0], v[1], v[2]);
}
static struct tape_var *mean(struct tape *t, struct tape_var **v)
{
    return tape_mean(t, v[0], 5);
}
static struct tape_var *gather(struct tape *t, struct tape_var **v)
{
    static const uint32_t rows[] = {3, 0, 3, 9};
    return tape_gather(t, v[0], rows, 4);
}
static struct tape_var *concat(struct tape *t, struct tape_var **v)
{
    return tape_concat(t, v[0], v[1]);
}
static struct tape_var *powers(struct tape *t, struct tape_var **v)
{
    dense_laplacian(l, points, 7, 3);
    dense_laplacian(l + 49, points + 21, 7, 3);
    return tape_powers(t, v[0], l, 7, 2);
}
static struct tape_var *attention(struct tape *t, struct tape_var **v)
{
    return tape_attention(t, v, 2, 2, NULL);
}
static struct tape_var *attention_masked(struct tape *t, struct tape_var **v)
{
    return tape_attention(t, v, 2, 4, mask);
}
static struct tape_var *log_softmax(struct tape *t, struct tape_var **v)
{
    return tape_log_softmax(t, v[0], mask);
}
// One variable used twice: gradients add up.
static struct tape_var *block(struct tape *t, struct tape_var **v)
{
    struct tape_var *h = tape_tanh(t, tape_affine(t, v[0], v[1], v[2]));
    return tape_add(t, tape_mul(t, h, h), tape_affine(t, h, v[1], NULL));
}

static const struct op ops[] = {
    {"affine", affine, {7, 33, 1}, {33, 50, 50}},
    {"affine, long", affine, {300, 5, 1}, {5, 16, 16}},
    {"add", add, {6, 3}, {17, 17}},
    {"mul", mul, {6, 6}, {17, 17}},
    {"tanh", tanh_, {9}, {19}},
    {"gelu", gelu, {9}, {19}},
    {"relu", relu, {9}, {19}},
    {"norm", norm, {5, 1, 1}, {35, 35, 35}},
    {"mean", mean, {10}, {18}},
    {"gather", gather, {10}, {18}},
    {"concat", concat, {6, 6}, {5, 18}},
    {"powers", powers, {14}, {18}},
    {"attention", attention, {34, 10, 10}, {16, 16, 16}},
    {"attention, one query, hidden keys", attention_masked, {2, 16, 16}, {32, 32, 32}},
    {"log softmax", log_softmax, {5}, {8}},
    {"block", block, {6, 20, 1}, {20, 20, 20}},
};
enum { N_OPS = sizeof ops / sizeof ops[0] };

static void fill(float *to, size_t n, uint32_t entity)
{
    struct rng r = rng_at(7, entity, 1, 0);
    for (size_t i = 0; i < n; i++)
        to[i] = (float)rng_normal(&r);
}

static void fill_all(void)
{
    for (uint32_t k = 0; k < ARGS; k++)
        fill(x[k], SIZE_MAX_, k);
    fill(weight, SIZE_MAX_, 5);
    fill(points, SIZE_MAX_, 6);
    for (size_t i = 0; i < SIZE_MAX_; i++)
        mask[i] = i % 3 != 1;
}

// sum of weight y, in double; with the gradients where asked.
static double value(const struct op *o, struct arena *a, bool back, struct tape_var **out)
{
    struct tape_var *v[ARGS] = {0};
    double sum = 0;
    arena_reset(a);
    struct tape *t = tape_begin(a);
    for (int k = 0; k < ARGS && o->rows[k]; k++)
        v[k] = tape_param(t, x[k], g[k], o->rows[k], o->cols[k]);
    struct tape_var *y = o->make(t, v);
    for (size_t i = 0; i < y->rows * y->cols; i++)
        sum += (double)weight[i] * (double)y->x[i];
    if (back) {
        memset(g, 0, sizeof g);
        memcpy(y->g, weight, y->rows * y->cols * sizeof *y->g);
        tape_back(t);
    }
    *out = y;
    return sum;
}

START_TEST(gradients_are_what_finite_differences_say)
{
    const struct op *o = &ops[_i];
    struct arena *a = arena_create();
    struct tape_var *y;
    double worst = 0;
    size_t n = 0;
    fill_all();
    (void)value(o, a, true, &y);
    float(*want)[SIZE_MAX_] = mem_copy(g, sizeof g);
    for (int k = 0; k < ARGS && o->rows[k]; k++)
        for (size_t i = 0; i < o->rows[k] * o->cols[k]; i++) {
            const float was = x[k][i], h = 0x1p-8F;
            if (strcmp(o->name, "relu") == 0 && fabsf(was) < 2 * h)
                continue;
            x[k][i] = was + h;
            double up = value(o, a, false, &y);
            x[k][i] = was - h;
            double down = value(o, a, false, &y);
            x[k][i] = was;
            double slope = (up - down) / (2 * (double)h), got = (double)want[k][i];
            worst = fmax(worst, fabs(slope - got) / (1 + fabs(got)));
            n += got != 0;
        }
    ck_assert_msg(worst < 4e-3, "%s: %g away", o->name, worst);
    ck_assert(n > 10); // there was something to compare
    mem_free(want);
    arena_destroy(a);
}
END_TEST

static struct sha256 bits_of(const struct op *o, struct arena *a)
{
    struct tape_var *y;
    (void)value(o, a, true, &y);
    size_t n = y->rows * y->cols * sizeof *y->x;
    uint8_t *all = mem_alloc(n + sizeof g);
    memcpy(all, y->x, n);
    memcpy(all + n, g, sizeof g);
    struct sha256 h = sha256_of(all, n + sizeof g);
    mem_free(all);
    return h;
}

START_TEST(every_class_gives_the_same_bits)
{
    static const char *const classes[] = {"avx2", "avx512"};
    const struct op *o = &ops[_i];
    struct arena *a = arena_create();
    fill_all();
    ck_assert(kernels_force("portable", NULL) == OK);
    struct sha256 want = bits_of(o, a);
    for (int k = 0; k < 2; k++) {
        if (kernels_force(classes[k], NULL))
            continue; // not this CPU's
        struct sha256 got = bits_of(o, a);
        ck_assert_msg(equal_bytes(&got, &want, sizeof got), "%s: %s", o->name, classes[k]);
    }
    arena_destroy(a);
}
END_TEST

// Without gradients, and over what is no longer needed: the values of a tape with them.
START_TEST(a_plain_tape_has_the_same_values)
{
    const struct op *o = &ops[_i];
    struct arena *a = arena_create(), *b = arena_create();
    struct tape_var *v[ARGS] = {0}, *want;
    fill_all();
    (void)value(o, a, false, &want);
    struct tape *t = tape_begin_plain(b);
    for (int k = 0; k < ARGS && o->rows[k]; k++)
        v[k] = tape_input(t, x[k], o->rows[k], o->cols[k]);
    float(*before)[SIZE_MAX_] = mem_copy(x, sizeof x);
    const struct tape_var *y = o->make(t, v);
    ck_assert(equal_bytes(y->x, want->x, want->rows * want->cols * sizeof *y->x));
    ck_assert(equal_bytes(before, x, sizeof x)); // inputs are borrowed
    mem_free(before);
    arena_destroy(a);
    arena_destroy(b);
}
END_TEST

// Row u of the laplacian as the comment of dense.h says, one pair at a time.
static void expect_laplacian_row(const float *row, size_t u, size_t n, size_t f)
{
    float lane[KERNEL_LANES] = {0};
    for (size_t v = 0; v < n; v++) {
        float far = 0;
        for (size_t q = 0; q < f; q++) {
            float d = points[v * f + q] - points[u * f + q];
            far = fmaf(d, d, far);
        }
        float want = u == v ? 0 : -(1 / (float)n) / (1 + sqrtf(far));
        lane[v % KERNEL_LANES] += want;
        ck_assert(u == v || equal_bytes(&row[v], &want, sizeof want));
    }
    float sum = -kernels_tree(lane);
    ck_assert(equal_bytes(&row[u], &sum, sizeof sum));
}

START_TEST(laplacians_of_any_size_and_class)
{
    static const char *const classes[] = {"portable", "avx2", "avx512"};
    enum { MOST = 50, GUARD = 16 };
    static float got[MOST * MOST + GUARD];
    const size_t n = (size_t)_i, f = 3 + n % 40;
    fill(points, SIZE_MAX_, 6);
    for (int k = 0; k < 3; k++) {
        if (kernels_force(classes[k], NULL))
            continue; // not this CPU's
        for (size_t i = 0; i < n * n + GUARD; i++)
            got[i] = 77;
        dense_laplacian(got, points, n, f);
        for (size_t u = 0; u < n; u++)
            expect_laplacian_row(got + u * n, u, n, f);
        for (size_t i = 0; i < GUARD; i++)
            ck_assert(got[n * n + i] == 77);
    }
}
END_TEST

START_TEST(products_are_ascending_chains)
{
    enum { M = 13, N = 83, K = 300 };
    static float a[M * K], b[K * N], c[M * N];
    fill(a, sizeof a / sizeof *a, 20);
    fill(b, sizeof b / sizeof *b, 21);
    fill(c, N, 22);
    ck_assert(kernels_force(NULL, NULL) == OK);
    float start[N];
    memcpy(start, c, sizeof start);
    dense_product(&(struct dense_product){.a = a,
                                          .ai = K,
                                          .ap = 1,
                                          .b = b,
                                          .bp = N,
                                          .start = start,
                                          .c = c,
                                          .ci = N,
                                          .m = M,
                                          .n = N,
                                          .k = K});
    for (size_t i = 0; i < M; i++)
        for (size_t j = 0; j < N; j++) {
            float sum = start[j];
            for (size_t p = 0; p < K; p++)
                sum = fmaf(a[i * K + p], b[p * N + j], sum);
            ck_assert(equal_bytes(&sum, &c[i * N + j], sizeof sum));
        }
}
END_TEST

START_TEST(tanh_is_close_and_odd)
{
    double worst = 0;
    for (int i = -12 * 1024; i <= 12 * 1024; i++) {
        float in = (float)i * 0x1p-10F, out, minus = -in, mirrored;
        dense_tanh(&out, &in, 1);
        dense_tanh(&mirrored, &minus, 1);
        ck_assert(out == -mirrored);
        double want = tanh((double)in);
        worst = fmax(worst, fabs((double)out - want) / fmax(fabs(want), 0x1p-30));
    }
    ck_assert_msg(worst < 3e-7, "%g", worst);
}
END_TEST

// Adam finds the minimum of a quadratic bowl, with the same bits in every class.
START_TEST(adam_descends)
{
    float w[20], m[20] = {0}, v[20] = {0}, slope[20];
    fill(w, 20, 30);
    double b1 = 1, b2 = 1, norm2 = 0;
    for (int i = 0; i < 2000; i++) {
        b1 *= 0.9;
        b2 *= 0.999;
        for (int k = 0; k < 20; k++)
            slope[k] = 2 * (w[k] - (float)k);
        dense_adam(&(struct dense_adam){.w = w,
                                        .m = m,
                                        .v = v,
                                        .g = slope,
                                        .n = 20,
                                        .step = (float)(0.05 / (1 - b1)),
                                        .shrink = 1,
                                        .beta1 = 0.9F,
                                        .beta2 = 0.999F,
                                        .scale2 = (float)(1 / (1 - b2)),
                                        .epsilon = 1e-5F});
    }
    for (int k = 0; k < 20; k++)
        norm2 += (double)((w[k] - (float)k) * (w[k] - (float)k));
    ck_assert_msg(norm2 < 1e-3, "%g", norm2);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tape");
    TCase *c = tcase_create("operators");
    tcase_add_loop_test(c, gradients_are_what_finite_differences_say, 0, N_OPS);
    tcase_add_loop_test(c, every_class_gives_the_same_bits, 0, N_OPS);
    tcase_add_loop_test(c, a_plain_tape_has_the_same_values, 0, N_OPS);
    tcase_add_loop_test(c, laplacians_of_any_size_and_class, 1, 51);
    tcase_add_test(c, products_are_ascending_chains);
    tcase_add_test(c, tanh_is_close_and_odd);
    tcase_add_test(c, adam_descends);
    suite_add_tcase(s, c);
    return harness_run(s);
}
