// SPDX-License-Identifier: MIT
// test_attribution.c - permutation importance points at what a relation hangs on.
#include <string.h>

#include "common/math.h"
#include "common/rng.h"
#include "common/surrogate.h"
#include "tests/unit/harness.h"

enum { N = 250, N_TRAIN = 180, N_FEATURES = 20, N_RUNS = 100 };

static const struct value *rows[N];
static double targets[N];

// y = f(x3, x7) among twenty, with noise of a tenth of its spread.
static void plant(struct arena *a, uint32_t run)
{
    for (uint32_t i = 0; i < N; i++) {
        struct rng r = rng_at(run, 0, 0, i);
        struct value *row = arena_alloc(a, sizeof *row);
        double x[N_FEATURES];
        *row = value_map();
        for (uint32_t k = 0; k < N_FEATURES; k++) {
            x[k] = rng_f64(&r);
            value_set(a, row, arena_printf(a, "x%u", k), value_float(x[k]));
        }
        rows[i] = row;
        targets[i] = math_sin(5 * x[3]) + 2 * (x[7] - 0.4) * (x[7] - 0.4) + x[3] * x[7]
                     + 0.1 * (rng_f64(&r) - 0.5);
    }
}

// Does the run rank x3 and x7 above all others?
static bool finds_them(uint32_t run)
{
    struct arena *a = arena_create();
    struct surrogate_options o = {.model = "forest", .seed = run, .n_trees = 12};
    struct surrogate *s = NULL;
    struct value model;
    struct errtext t;

    plant(a, run);
    ck_assert_int_eq(
        surrogate_fit(&o, &(struct surrogate_trials){rows, targets, N_TRAIN}, a, &model, &t),
        OK);
    ck_assert_int_eq(surrogate_open(&model, a, &s, &t), OK);
    struct surrogate_trials rest = {rows + N_TRAIN, targets + N_TRAIN, N - N_TRAIN};
    struct value all = surrogate_importance(s, &rest, run, a);
    ck_assert_uint_eq(all.n, N_FEATURES);
    for (uint32_t k = 1; k < all.n; k++)
        ck_assert(all.pairs[k - 1].value.f >= all.pairs[k].value.f);
    bool found = true;
    for (uint32_t k = 0; k < 2; k++)
        found = found
                && (strcmp(all.pairs[k].key, "x3") == 0 || strcmp(all.pairs[k].key, "x7") == 0);
    arena_destroy(a);
    return found;
}

START_TEST(a_planted_relation_is_found)
{
    uint32_t n = 0;
    for (uint32_t run = 1; run <= N_RUNS; run++)
        n += finds_them(run);
    ck_assert_msg(n >= 95, "%u of %d runs", n, N_RUNS);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("attribution");
    TCase *tc = tcase_create("all");

    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, a_planted_relation_is_found);
    suite_add_tcase(s, tc);
    return harness_run(s);
}
