// SPDX-License-Identifier: MIT
// test_tradeoff.c - the remote temperature sensor's trade-off points, slopes, risks and
// front; utility trees that refine each other.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cluster/client/tradeoff.h"
#include "common/rng.h"
#include "tests/unit/harness.h"
#include "worker/evaluate/rts.h"

enum { SERVERS, PERIOD, DUMMY, N_PARAMS, LATENCY = 0, AVAILABLE, EXPOSURE, LOAD, N_ATTRIBUTES };
enum { ROWS_MAX = 200 };

static double x[ROWS_MAX][N_PARAMS], y[ROWS_MAX][N_ATTRIBUTES];
static const bool less[N_ATTRIBUTES] = {true, false, true, true};

static struct rts_figures figures(double servers, double period)
{
    struct rts k = {.servers = (uint32_t)servers,
                    .clients = 16,
                    .furnaces = 16,
                    .period_s = period,
                    .service_hz = 20,
                    .availability = 0.99,
                    .attack = 0.01};
    struct rts_figures f;
    ck_assert(rts_evaluate(&k, &f));
    return f;
}

static struct tradeoff_table table(const double *periods, uint32_t n_periods)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < n_periods; i++)
        for (int servers = 1; servers <= 5; servers++)
            for (int dummy = 0; dummy < 3; dummy++, n++) {
                struct rts_figures f = figures(servers, periods[i]);
                double point[] = {servers, periods[i], dummy};
                double row[] = {f.latency_s, f.availability, f.exposure, f.load};
                memcpy(x[n], point, sizeof point);
                memcpy(y[n], row, sizeof row);
            }
    return (struct tradeoff_table){.n_rows = n,
                                   .n_params = N_PARAMS,
                                   .n_attributes = N_ATTRIBUTES,
                                   .x = x[0],
                                   .y = y[0],
                                   .less_is_better = less};
}

static const double coarse[] = {14, 15, 16, 20, 40};

// (a)
START_TEST(servers_and_period_are_trade_off_points_and_the_dummy_is_not)
{
    struct tradeoff_table t = table(coarse, 5);
    ck_assert_int_eq(tradeoff_kind(&t, SERVERS), TRADEOFF_POINT);
    ck_assert_int_eq(tradeoff_kind(&t, PERIOD), TRADEOFF_POINT);
    ck_assert_int_eq(tradeoff_kind(&t, DUMMY), TRADEOFF_NEITHER);
    ck_assert(tradeoff_effect(&t, SERVERS, AVAILABLE) > TRADEOFF_MOVES);
    ck_assert(tradeoff_effect(&t, SERVERS, LATENCY) > 0);
    ck_assert(tradeoff_effect(&t, SERVERS, LOAD) > TRADEOFF_MOVES);
    ck_assert(tradeoff_effect(&t, SERVERS, EXPOSURE) < -TRADEOFF_MOVES);
    ck_assert(tradeoff_effect(&t, PERIOD, LATENCY) < -TRADEOFF_MOVES);
    ck_assert(tradeoff_effect(&t, PERIOD, LOAD) > TRADEOFF_MOVES);
    ck_assert(tradeoff_effect(&t, PERIOD, AVAILABLE) == 0);
    for (uint32_t a = 0; a < N_ATTRIBUTES; a++)
        ck_assert(tradeoff_effect(&t, DUMMY, a) == 0);
}
END_TEST

// With one attribute a parameter cannot be more than a sensitivity point.
START_TEST(one_attribute_alone_makes_a_sensitivity_point)
{
    struct tradeoff_table t = table(coarse, 5);
    double one[ROWS_MAX];
    for (uint32_t i = 0; i < t.n_rows; i++)
        one[i] = y[i][AVAILABLE];
    t.y = one;
    t.n_attributes = 1;
    t.less_is_better = &less[AVAILABLE];
    ck_assert_int_eq(tradeoff_kind(&t, SERVERS), TRADEOFF_SENSITIVITY);
    ck_assert_int_eq(tradeoff_kind(&t, PERIOD), TRADEOFF_NEITHER);
}
END_TEST

// (b): unevenly spaced neighbours, against the closed forms' derivatives.
START_TEST(slopes_are_the_derivatives)
{
    static const double fine[] = {29.7, 30, 30.5};
    struct tradeoff_table t = table(fine, 3);
    for (uint32_t i = 0; i < t.n_rows; i++) {
        double rate = 256 / x[i][PERIOD] / x[i][SERVERS], wait = 1 / (20 - rate);
        double latency = 0.5 - wait * wait * rate / x[i][PERIOD];
        if (x[i][PERIOD] != 30)
            continue;
        ck_assert_double_eq_tol(tradeoff_slope(&t, i, PERIOD, LATENCY), latency,
                                0.01 * fabs(latency));
        double load = -rate / 20 / x[i][PERIOD];
        ck_assert_double_eq_tol(tradeoff_slope(&t, i, PERIOD, LOAD), load, 0.01 * fabs(load));
        ck_assert(tradeoff_slope(&t, i, DUMMY, LATENCY) == 0);
    }
    t.n_rows = 1;
    ck_assert(isnan(tradeoff_slope(&t, 0, PERIOD, LATENCY)));
}
END_TEST

// (c)
START_TEST(availability_is_exact_and_what_is_simulated)
{
    enum { DRAWS = 100000 };
    double a = 0.99, want = 1 - (1 - a) * (1 - a);
    ck_assert(figures(2, 30).availability == want);
    struct rng r = rng_at(17, 0, 0, 0);
    uint32_t up = 0;
    for (int i = 0; i < DRAWS; i++) {
        bool one = rng_f64(&r) < a, other = rng_f64(&r) < a;
        up += one || other;
    }
    double error = sqrt(want * (1 - want) / DRAWS);
    ck_assert_double_eq_tol((double)up / DRAWS, want, 3 * error);
    struct rts overloaded = {
        .servers = 1, .clients = 16, .furnaces = 16, .period_s = 12.8, .service_hz = 20};
    struct rts_figures f;
    ck_assert(!rts_evaluate(&overloaded, &f));
}
END_TEST

// (d)
START_TEST(a_tighter_bound_never_removes_a_risk)
{
    struct tradeoff_table t = table(coarse, 5);
    for (uint32_t a = 0; a < N_ATTRIBUTES; a++)
        for (uint32_t p = 0; p < N_PARAMS; p++)
            for (uint32_t base = 0; base < t.n_rows; base += 7) {
                bool had = false, first = false;
                for (int step = 0; step <= 40; step++) {
                    double bound = less[a] ? 40.0 - step : 0.9 + step * 0.01;
                    struct utility_scenario s = {.at_most = less[a], .bound = bound};
                    bool risk = tradeoff_risk(&t, &s, base, p, a);
                    ck_assert(risk || !had);
                    had = risk;
                    first = first || risk;
                }
                ck_assert(a == EXPOSURE || a == LOAD || first);
            }
}
END_TEST

// (f)
START_TEST(the_front_is_what_brute_force_finds)
{
    struct rng r = rng_at(18, 0, 0, (uint32_t)_i);
    struct tradeoff_table t = {.n_rows = 100, .n_params = 0, .n_attributes = 3, .y = y[0]};
    double *v = y[0];
    t.less_is_better = less;
    for (int i = 0; i < 300; i++)
        v[i] = (double)rng_below(&r, 8); // ties are frequent
    for (uint32_t i = 0; i < 100; i++) {
        bool beaten = false;
        for (uint32_t k = 0; k < 100; k++) {
            double l = v[3 * k] - v[3 * i], m = v[3 * k + 1] - v[3 * i + 1];
            double e = v[3 * k + 2] - v[3 * i + 2];
            beaten = beaten || (l <= 0 && m >= 0 && e <= 0 && (l < 0 || m > 0 || e < 0));
        }
        ck_assert(tradeoff_is_front(&t, i) == !beaten);
    }
}
END_TEST

// ---- utility trees -----------------------------------------------------------------------

static struct arena *arena;
static struct errtext t;
static char dir[256];

static void setup(void)
{
    const char *tmp = getenv("TMPDIR");
    arena = arena_create();
    snprintf(dir, sizeof dir, "%s/tree-test-XXXXXX", tmp ? tmp : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void teardown(void)
{
    unlink(arena_printf(arena, "%s/parent.yaml", dir));
    unlink(arena_printf(arena, "%s/child.yaml", dir));
    ck_assert_int_eq(rmdir(dir), 0);
    arena_destroy(arena);
}

static const char *put(const char *name, const char *text)
{
    const char *path = arena_printf(arena, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_ge(fputs(text, f), 0);
    ck_assert_int_eq(fclose(f), 0);
    return path;
}

static const char parent[] = "scenarios:\n"
                             "  fresh: {attribute: latency, max: 30, importance: 3}\n"
                             "  up: {attribute: available, min: 0.99}\n";

START_TEST(a_refinement_inherits_and_tightens)
{
    struct utility u;
    put("parent.yaml", parent);
    const char *child = put("child.yaml", "parent: parent.yaml\nscenarios:\n"
                                          "  up: {attribute: available, min: 0.999, "
                                          "importance: 2}\n"
                                          "  room: {attribute: load, max: 0.5}\n");
    ck_assert_msg(utility_read(child, arena, &u, &t) == OK, "%s", t.text);
    ck_assert_uint_eq(u.n, 3);
    ck_assert(strcmp(u.scenarios[0].name, "fresh") == 0 && u.scenarios[0].bound == 30
              && u.scenarios[0].at_most && u.scenarios[0].importance == 3);
    ck_assert(u.scenarios[1].bound == 0.999 && !u.scenarios[1].at_most
              && u.scenarios[1].importance == 2);
    ck_assert_str_eq(u.scenarios[2].attribute, "load");
}
END_TEST

// (e): by bound, by side, by attribute, by importance; and what is no tree.
static const struct {
    const char *scenarios, *message;
} bad[] = {
    {"fresh: {attribute: latency, max: 31, importance: 3}", "weakened"},
    {"up: {attribute: available, min: 0.98}", "weakened"},
    {"up: {attribute: available, max: 1}", "weakened"},
    {"up: {attribute: load, min: 0.99}", "weakened"},
    {"fresh: {attribute: latency, max: 30, importance: 2}", "weakened"},
    {"new: {attribute: latency}", "one number, min or max"},
    {"new: {attribute: latency, min: 1, max: 2}", "one number, min or max"},
    {"new: {max: 2}", "has no attribute"},
    {"new: {attribute: load, max: 2, importance: -1}", "importance is expected"},
    {"new: {attribute: load, max: 2, bound: 1}", "unknown key"},
};

START_TEST(what_weakens_or_makes_no_sense_is_refused_with_its_place)
{
    struct utility u;
    put("parent.yaml", parent);
    const char *child =
        put("child.yaml",
            arena_printf(arena, "parent: parent.yaml\nscenarios:\n  %s\n", bad[_i].scenarios));
    ck_assert_int_eq(utility_read(child, arena, &u, &t), ERR_PARSE);
    ck_assert_msg(strstr(t.text, bad[_i].message) && strstr(t.text, "child.yaml:3:"), "%s",
                  t.text);
}
END_TEST

START_TEST(a_tree_that_is_its_own_parent_is_refused)
{
    struct utility u;
    const char *child = put("child.yaml", "parent: child.yaml\nscenarios: {}\n");
    ck_assert_int_eq(utility_read(child, arena, &u, &t), ERR_LIMIT);
    ck_assert_int_eq(utility_read("nowhere.yaml", arena, &u, &t), ERR_NOT_FOUND);
    ck_assert_int_eq(utility_read(put("child.yaml", "scenarios: 5\n"), arena, &u, &t),
                     ERR_PARSE);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tradeoff");
    TCase *c = tcase_create("analysis"), *d = tcase_create("trees");
    tcase_set_timeout(c, 30);
    tcase_add_test(c, servers_and_period_are_trade_off_points_and_the_dummy_is_not);
    tcase_add_test(c, one_attribute_alone_makes_a_sensitivity_point);
    tcase_add_test(c, slopes_are_the_derivatives);
    tcase_add_test(c, availability_is_exact_and_what_is_simulated);
    tcase_add_test(c, a_tighter_bound_never_removes_a_risk);
    tcase_add_loop_test(c, the_front_is_what_brute_force_finds, 0, 5);
    tcase_add_checked_fixture(d, setup, teardown);
    tcase_add_test(d, a_refinement_inherits_and_tightens);
    tcase_add_loop_test(d, what_weakens_or_makes_no_sense_is_refused_with_its_place, 0,
                        sizeof bad / sizeof bad[0]);
    tcase_add_test(d, a_tree_that_is_its_own_parent_is_refused);
    suite_add_tcase(s, c);
    suite_add_tcase(s, d);
    return harness_run(s);
}
