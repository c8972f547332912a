// SPDX-License-Identifier: MIT
// test_heuristic.c - a priority function decides as its text says; known rules come out as
// known, and what cannot be evaluated is named.
#include <math.h>
#include <string.h>

#include "tests/unit/harness.h"
#include "worker/evaluate/evaluate.h"
#include "worker/evaluate/heuristic.h"

static struct arena *a;
static struct errtext t;

static void setup(void)
{
    a = arena_create();
}

static void teardown(void)
{
    arena_destroy(a);
}

static struct heuristic_cost
cost(const struct heuristic_problem *p, const void *made, const char *text)
{
    const struct expr *e = NULL;
    ck_assert_msg(expr_compile(text, strlen(text), a, &e, &t) == OK, "%s", t.text);
    return p->cost(made, e, a);
}

static const struct heuristic_job job = {
    .n_items = 300, .n_instances = 4, .n_devices = 16, .exponent = 1, .sizes = "weibull"};

START_TEST(all_scores_alike_are_first_fit)
{
    struct heuristic_job j = job;
    j.sizes = _i ? "uniform" : "weibull";
    const void *made = heuristic_binpack.make(&j, a);
    double first_fit = heuristic_binpack.simple(made, a);
    ck_assert_double_eq(cost(&heuristic_binpack, made, "0").cost, first_fit);
    ck_assert_double_eq(cost(&heuristic_binpack, made, "capacity").cost, first_fit);
    // No number at all: the first again, and it shows.
    struct heuristic_cost none = cost(&heuristic_binpack, made, "0 / 0");
    ck_assert_double_eq(none.cost, first_fit);
    ck_assert_double_eq(none.undefined, 1);
    // Best fit is better on these, worst fit worse, and a new bin for each item worst.
    double best_fit = cost(&heuristic_binpack, made, "-left").cost;
    ck_assert_double_lt(best_fit, first_fit);
    ck_assert_double_gt(cost(&heuristic_binpack, made, "left if room < capacity else -1").cost,
                        best_fit);
    double one_each = cost(&heuristic_binpack, made, "1 if room == capacity else 0").cost;
    ck_assert_double_gt(one_each, 60);
}
END_TEST

START_TEST(a_score_that_is_no_number_loses_to_one)
{
    const void *made = heuristic_binpack.make(&job, a);
    // Only a new bin has a score.
    struct heuristic_cost c =
        cost(&heuristic_binpack, made, "1 if room == capacity else log(-1)");
    ck_assert_double_eq(c.cost,
                        cost(&heuristic_binpack, made, "1 if room == capacity else 0").cost);
    ck_assert(c.undefined > 0.9 && c.undefined < 1);
}
END_TEST

// The greedy rule is the fullest device's by hand; the snake is worse when loads are skewed.
START_TEST(packing_by_the_lightest_device_is_better_than_a_snake)
{
    struct heuristic_job j = job;
    j.exponent = 0.5 + 0.5 * _i;
    const void *made = heuristic_packing.make(&j, a);
    double greedy = cost(&heuristic_packing, made, heuristic_packing.usual).cost;
    ck_assert_double_lt(greedy, heuristic_packing.simple(made, a));
    ck_assert_double_eq(greedy, cost(&heuristic_packing, made, "-after").cost);
    // The fullest with room first: as bad as it gets, yet every copy has its slot.
    ck_assert_double_gt(cost(&heuristic_packing, made, "carried").cost, greedy);
    ck_assert_double_ge(greedy, 0);
}
END_TEST

START_TEST(odd_shapes_pack)
{
    static const struct {
        uint32_t items, devices;
    } shapes[] = {{1, 1}, {1, 7}, {7, 1}, {5, 9}, {9, 5}, {64, 64}};
    struct heuristic_job j = job;
    j.n_items = shapes[_i].items;
    j.n_devices = shapes[_i].devices;
    const void *made = heuristic_packing.make(&j, a);
    ck_assert_double_ge(cost(&heuristic_packing, made, "-carried").cost, -1e-9);
    made = heuristic_binpack.make(&j, a);
    ck_assert_double_ge(cost(&heuristic_binpack, made, "-left").cost, 0);
}
END_TEST

START_TEST(a_program_of_other_names_is_refused)
{
    struct value p = value_map();
    value_set(a, &p, "problem", value_str(a, "packing"));
    value_set(a, &p, "program", value_str(a, "-caried"));
    ck_assert_int_eq(workload_heuristic.check(&p, &t), ERR_INVALID);
    ck_assert_msg(strstr(t.text, "did you mean 'carried'"), "%s", t.text);
    value_set(a, &p, "program", value_str(a, "-carried +"));
    ck_assert_int_eq(workload_heuristic.check(&p, &t), ERR_INVALID);
    value_set(a, &p, "program", value_str(a, "-carried"));
    ck_assert_int_eq(workload_heuristic.check(&p, &t), OK);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("heuristic");
    TCase *c = tcase_create("all");
    tcase_set_timeout(c, 120);
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_loop_test(c, all_scores_alike_are_first_fit, 0, 2);
    tcase_add_test(c, a_score_that_is_no_number_loses_to_one);
    tcase_add_loop_test(c, packing_by_the_lightest_device_is_better_than_a_snake, 0, 3);
    tcase_add_loop_test(c, odd_shapes_pack, 0, 6);
    tcase_add_test(c, a_program_of_other_names_is_refused);
    suite_add_tcase(s, c);
    return harness_run(s);
}
