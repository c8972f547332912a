// SPDX-License-Identifier: MIT
// test_search.c - the driver: the window and not the cluster decides what is asked;
// order of arrival, restarts and extensions never show; the best is the best.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/rng.h"
#include "coordinator/search/algorithm.h"
#include "tests/unit/search_run.h"

static const char *const jobs[] = {
    JOB("random", "trials: 70\nwindow: 8"),
    JOB("sobol", "trials: 70\nwindow: 8"),
    JOB("ga", "trials: 90\nwindow: 16"),
    JOB("tpe", "trials: 90\nwindow: 7"),
    JOB("{name: tpe, multivariate: true}", "trials: 90\nwindow: 16"),
    JOB("hillclimb", "trials: 90\nwindow: 5"),
    JOB("tpe", "trials: 60\nwindow: 1"),
    SPACE "objectives: [{metric: y}, {metric: z, goal: maximize}]\nalgorithm: ga\ntrials: 90",
    SPACE
    "objectives: [{metric: y}, {metric: z, goal: maximize}]\nalgorithm: tpe\ntrials: 90\n"
    "enqueue: [{a: 0.5, b: 0.5, m: one, s: '131'}]\n"
    "warm_start: [{params: {a: 0.25, b: 0.5, m: two, k: 4, s: '31'}, metrics: {y: 0.1, z: "
    "0.2}}]",
    JOB("tpe",
        "trials: 60\nwindow: 5\npure: true\nenqueue: [{a: 0.5, b: 0.5, m: one, s: "
        "'131'}, {a: 0.5, b: 0.5, m: one, s: '131'}, {a: 0.5, b: 0.25, m: one, s: '1'}, "
        "{a: 0.5, b: 0.5, m: one, s: '131'}, {a: 0.5, b: 0.25, m: one, s: '1'}]\n"),
};

enum { N_JOBS = sizeof jobs / sizeof jobs[0], ALGORITHMS_MAX = 64 };

// Those, and one for every row of the table of algorithms.
static const char *all_jobs[N_JOBS + ALGORITHMS_MAX];
static int n_jobs;

static void collect_jobs(void)
{
    static char text[ALGORITHMS_MAX][1024];

    for (; n_jobs < N_JOBS; n_jobs++)
        all_jobs[n_jobs] = jobs[n_jobs];
    for (int i = 0; algorithms[i]; i++, n_jobs++) {
        (void)snprintf(text[i], sizeof text[i],
                       "%sobjectives: [{metric: y}]\nconstraints: [{metric: z, max: 0.9}]\n"
                       "algorithm: %s\ntrials: 80\nwindow: %d\n",
                       SPACE, algorithms[i]->name, i % 3 ? 6 : 1);
        all_jobs[n_jobs] = text[i];
    }
}

// --- arrival --------------------------------------------------------------------------
// Outcomes come one by one in any order, some twice, with a step now and then.
static void run_in_any_order(struct run *r, struct rng *rng)
{
    uint64_t pending[TRIALS_MAX], n_seen = 0;
    uint32_t n = 0;

    for (;;) {
        if (run_step(r))
            break;
        for (; n_seen < r->n_items; n_seen++)
            pending[n++] = n_seen;
        ck_assert_uint_gt(n, 0);
        for (uint32_t some = 1 + (uint32_t)rng_below(rng, n); some; some--) {
            uint32_t i = (uint32_t)rng_below(rng, n);
            tell_one(r, pending[i]);
            if (rng_below(rng, 4) == 0)
                tell_one(r, pending[i]); // a copy's, which changes nothing
            pending[i] = pending[--n];
        }
    }
    ck_assert_uint_eq(n, 0);
}

START_TEST(the_order_of_arrival_never_shows)
{
    static struct run plain, mixed;

    run_open(&plain, all_jobs[_i]);
    run_through(&plain);
    for (uint32_t i = 0; i < 3; i++) {
        struct rng rng = rng_at(3, 0, (uint32_t)_i, i);
        run_open(&mixed, all_jobs[_i]);
        run_in_any_order(&mixed, &rng);
        same_result(&plain, &mixed);
        run_close(&mixed);
    }
    run_close(&plain);
}
END_TEST

START_TEST(no_trial_is_asked_before_the_window_lets_it)
{
    static struct run r;
    uint64_t window = 7, told = 0;

    run_open(&r, jobs[3]);
    ck_assert(!run_step(&r));
    ck_assert_uint_eq(r.n_items, window);
    // Later outcomes open nothing while the first is missing.
    tell_run(&r, 1, 6, false);
    ck_assert(!run_step(&r));
    ck_assert_uint_eq(r.n_items, window);
    ck_assert_uint_eq(r.last.waits_for, 0);
    tell_one(&r, 0);
    ck_assert(!run_step(&r));
    ck_assert_uint_eq(r.n_items, 2 * window);
    for (told = window; told < 90; told++) {
        uint64_t want = told + 1 + window;
        tell_one(&r, told);
        bool ended = run_step(&r);
        ck_assert_uint_eq(r.n_items, want < 90 ? want : 90);
        ck_assert(ended == (told == 89));
    }
    run_close(&r);
}
END_TEST

// --- restarts -------------------------------------------------------------------------
static void run_with_restarts(struct run *r, const char *job, struct rng *rng)
{
    bool is_told[TRIALS_MAX] = {false};
    uint32_t n_restarts = 0;

    run_open(r, job);
    while (!run_step(r)) {
        uint64_t n_most = rng_below(rng, 9);
        for (uint64_t i = 0; i < r->n_items && n_most; i++) {
            bool is_next = !is_told[i] && rng_below(rng, 3) > 0;
            if (!is_next)
                continue;
            is_told[i] = true;
            tell_one(r, i);
            n_most--;
        }
        if (rng_below(rng, 3) == 0) {
            run_restart(r, job, is_told, tell_one);
            n_restarts++;
        }
    }
    ck_assert_uint_gt(n_restarts, 2);
}

START_TEST(a_restart_never_shows)
{
    static struct run plain, broken;

    run_open(&plain, all_jobs[_i]);
    run_through(&plain);
    for (uint32_t i = 0; i < 2; i++) {
        struct rng rng = rng_at(5, 0, (uint32_t)_i, i);
        run_with_restarts(&broken, all_jobs[_i], &rng);
        same_result(&plain, &broken);
        run_close(&broken);
    }
    run_close(&plain);
}
END_TEST

// --- extending ------------------------------------------------------------------------
START_TEST(an_extended_search_is_the_longer_one)
{
    static struct run longer, extended;
    const char *job = all_jobs[_i], *at = strstr(job, "trials: ") + strlen("trials: ");
    char shorter[2000];
    uint64_t told = 40;

    run_open(&longer, job);
    run_through(&longer);
    (void)snprintf(shorter, sizeof shorter, "%.*s40%s", (int)(at - job), job, at + 2);
    run_open(&extended, shorter);
    run_through(&extended);
    ck_assert_uint_eq(extended.n_items, 40);
    (void)snprintf(shorter, sizeof shorter, "{trials: %.2s}", at);
    ck_assert_msg(run_extend(&extended, shorter) == OK, "%s", t.text);
    while (!run_step(&extended)) {
        tell_run(&extended, told, (uint32_t)(extended.n_items - told), false);
        told = extended.n_items;
    }
    same_result(&longer, &extended);
    run_close(&longer);
    run_close(&extended);
}
END_TEST

static const struct {
    const char *args, *message;
} bad_extensions[] = {
    {"{}", "extend needs"},
    {"{trials: 0}", "extend needs"},
    {"{trials: many}", "extend needs"},
    {"{trials: 1000000000}", "at most"},
    {"{trials: 70}", "has 70 trials already"},
    {"{trials: 50}", "has 70 trials already"},
};

START_TEST(a_bad_extension_is_refused)
{
    static struct run r;
    run_open(&r, jobs[0]);
    ck_assert_int_eq(run_extend(&r, bad_extensions[_i].args), ERR_INVALID);
    ck_assert_msg(strstr(t.text, bad_extensions[_i].message) != NULL, "%s", t.text);
    run_close(&r);
}
END_TEST

// --- the best -------------------------------------------------------------------------
// By definition, from what was measured.
static bool is_feasible(const struct run *r, uint64_t i, double *y)
{
    return measure(&r->params[i], i, y) && y[1] <= 0.9;
}

START_TEST(the_best_is_the_least_of_the_feasible)
{
    static struct run r;
    uint64_t best = UINT64_MAX, n_failed = 0, n_infeasible = 0;
    double least = INFINITY, y[2];

    run_open(&r, all_jobs[_i]);
    run_through(&r);
    for (uint64_t i = 0; i < r.n_items; i++) {
        bool is_failed = !measure(&r.params[i], i, y);
        n_failed += is_failed;
        n_infeasible += !is_failed && y[1] > 0.9;
        if (is_feasible(&r, i, y) && y[0] < least) {
            least = y[0];
            best = i;
        }
    }
    const struct value *v = value_find(&r.result, "best");
    ck_assert_double_eq(value_number(value_find(v, "trial")), (double)best);
    ck_assert(value_equal(value_find(v, "params"), &r.params[best]));
    ck_assert_double_eq(number_of(value_find(v, "metrics"), "y"), least);
    ck_assert_double_eq(number_of(&r.result, "failed"), (double)n_failed);
    ck_assert_double_eq(number_of(&r.result, "infeasible"), (double)n_infeasible);
    ck_assert_double_eq(number_of(&r.result, "trials"), (double)r.n_items);
    ck_assert_ptr_null(r.why_no_digest);
    run_close(&r);
}
END_TEST

START_TEST(without_a_feasible_trial_nothing_is_best)
{
    static struct run r;
    run_open(&r, SPACE "objectives: [{metric: y}]\nconstraints: [{metric: z, max: -1}]\n"
                       "trials: 30");
    run_through(&r);
    ck_assert_int_eq(value_find(&r.result, "best")->type, VALUE_NULL);
    ck_assert_double_eq(number_of(&r.result, "infeasible"), 28);
    run_close(&r);
}
END_TEST

START_TEST(the_front_is_what_nothing_dominates)
{
    static struct run r;
    uint32_t n_front = 0;

    run_open(&r, jobs[7]);
    run_through(&r);
    const struct value *front = value_find(&r.result, "front");
    for (uint64_t i = 0; i < r.n_items; i++) {
        double y[2], other[2];
        bool is_beaten = !measure(&r.params[i], i, y);
        for (uint64_t j = 0; j < r.n_items && !is_beaten; j++)
            if (measure(&r.params[j], j, other)) {
                bool is_twin = other[0] == y[0] && other[1] == y[1];
                is_beaten = !is_twin && other[0] <= y[0] && other[1] >= y[1];
            }
        if (is_beaten)
            continue;
        ck_assert_uint_lt(n_front, front->n);
        const struct value *v = &front->items[n_front++];
        ck_assert_double_eq(value_number(value_find(v, "trial")), (double)i);
    }
    ck_assert_uint_eq(n_front, front->n);
    ck_assert_uint_gt(n_front, 3);
    run_close(&r);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("search");
    TCase *tc = tcase_create("all");

    collect_jobs();
    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, the_order_of_arrival_never_shows, 0, n_jobs);
    tcase_add_test(tc, no_trial_is_asked_before_the_window_lets_it);
    tcase_add_loop_test(tc, a_restart_never_shows, 0, n_jobs);
    tcase_add_loop_test(tc, an_extended_search_is_the_longer_one, 0, n_jobs);
    tcase_add_loop_test(tc, a_bad_extension_is_refused, 0,
                        sizeof bad_extensions / sizeof bad_extensions[0]);
    tcase_add_loop_test(tc, the_best_is_the_least_of_the_feasible, 0, 7);
    tcase_add_test(tc, without_a_feasible_trial_nothing_is_best);
    tcase_add_test(tc, the_front_is_what_nothing_dominates);
    suite_add_tcase(s, tc);
    return harness_run(s);
}
