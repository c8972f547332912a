// SPDX-License-Identifier: MIT
// test_jobfile.c - what the common keys of a job become, and a whole plan.  What
// is wrong with a job is in tests/golden/badjobs.
#include <string.h>

#include "common/clock.h"
#include "common/yaml.h"
#include "coordinator/jobcheck.h"
#include "tests/unit/harness.h"
#include "worker/catalog.h"

static struct arena *a;
static struct value catalog;
static struct errtext t;
static struct job_plan *plan;

static void setup(void)
{
    a = arena_create();
    catalog = catalog_value(a);
    plan = NULL;
}

static void teardown(void)
{
    job_plan_destroy(plan);
    arena_destroy(a);
}

static const struct jobfile *make(const char *text)
{
    enum error e = job_plan_create(text, strlen(text), "f", &catalog, &plan, &t);
    ck_assert_msg(e == OK, "%s", t.text);
    return &plan->jobfile;
}

START_TEST(the_least_job_has_defaults)
{
    const struct jobfile *j = make("kind: sweep\nworkload: noop\nitems: 5\n");
    ck_assert_str_eq(j->kind, "sweep");
    ck_assert_str_eq(j->workload, "noop");
    ck_assert_ptr_null(j->name);
    ck_assert_uint_eq(j->seed, 0);
    ck_assert_uint_eq(j->gang, 1);
    ck_assert_int_eq(j->priority, 0);
    ck_assert_uint_eq(j->cpus, 1);
    ck_assert_uint_eq(j->max_attempts, 1);
    ck_assert_uint_eq(j->max_crashes, 3);
    ck_assert_uint_eq(j->max_failures, UINT64_MAX);
    ck_assert_int_eq(j->backoff_ns, CLOCK_SECOND);
    ck_assert_int_eq(j->deadline_ns, 0);
    ck_assert_int_eq(j->durability, DURABILITY_FULL);
    ck_assert(j->reproducible);
}
END_TEST

START_TEST(every_common_key_arrives)
{
    const struct jobfile *j = make(
        "{\"kind\": \"sweep\", \"name\": \"é 1\", \"seed\": 18446744073709551615, "
        "\"workload\": \"allreduce\", \"params\": {\"n\": 16}, \"files\": [\"a/b.txt\"], "
        "\"gang\": 4, \"priority\": -3, \"cpus\": 2, \"memory_mb\": 512, "
        "\"resources\": {\"gpu\": 0.5}, \"max_attempts\": 2, \"backoff_s\": 0.25, "
        "\"max_failures\": 0, \"max_crashes\": 7, \"deadline_s\": 90, \"tags\": [\"x\"], "
        "\"durability\": \"none\", \"reproducible\": false, \"items\": 1e3, \"shard\": 7}");
    ck_assert_str_eq(j->name, "é 1");
    ck_assert_uint_eq(j->seed, UINT64_MAX);
    ck_assert_uint_eq(j->gang, 4);
    ck_assert_int_eq(j->priority, -3);
    ck_assert_uint_eq(j->cpus, 2);
    ck_assert_uint_eq(j->memory_mb, 512);
    ck_assert_double_eq(value_find(j->resources, "gpu")->f, 0.5);
    ck_assert_uint_eq(j->max_attempts, 2);
    ck_assert_int_eq(j->backoff_ns, CLOCK_SECOND / 4);
    ck_assert_uint_eq(j->max_failures, 0);
    ck_assert_uint_eq(j->max_crashes, 7);
    ck_assert_int_eq(j->deadline_ns, 90 * CLOCK_SECOND);
    ck_assert_str_eq(j->tags->items[0].s, "x");
    ck_assert_str_eq(j->files->items[0].s, "a/b.txt");
    ck_assert_int_eq(j->durability, DURABILITY_NONE);
    ck_assert(!j->reproducible);
    ck_assert_uint_eq(plan->shard, 7);
}
END_TEST

START_TEST(a_plan_knows_its_layout)
{
    make("kind: sweep\nworkload: noop\nitems: 100000\nfirst: 9\ngrid: {bytes: [0, 64]}\n");
    ck_assert_uint_eq(plan->per_point, 100000);
    ck_assert_uint_eq(plan->first, 9);
    ck_assert_uint_eq(plan->points->n, 2);
    ck_assert(plan->folds);
    ck_assert(!plan->exact);
    ck_assert(!plan->commands);
    ck_assert_int_gt(plan->stall_ns, 0);
    ck_assert_str_eq(plan->metrics[0], "value");
    job_plan_destroy(plan);
    make("kind: sweep\nworkload: noop\nitems: 65536\n");
    ck_assert_uint_eq(plan->per_point, 0);
    ck_assert_ptr_null(plan->points);
    ck_assert(plan->exact);
    job_plan_destroy(plan);
    make("kind: sweep\nworkload: exec\nparams: {command: [true]}\nlines: [a]\nrows: true\n");
    ck_assert(plan->commands);
    ck_assert(!plan->folds);
    ck_assert_ptr_null(plan->metrics);
}
END_TEST

START_TEST(params_have_their_defaults_filled_in)
{
    make("kind: sweep\nworkload: noop\nitems: 5\nparams: {bytes: 1e2}\n");
    ck_assert_int_eq(value_find(&plan->params, "us")->i, 0);
    ck_assert_int_eq(value_find(&plan->params, "bytes")->type, VALUE_INT);
    ck_assert_int_eq(value_find(&plan->params, "bytes")->i, 100);
}
END_TEST

START_TEST(a_search_becomes_a_plan)
{
    make("kind: search\nworkload: function\nparams: {function: rastrigin}\n"
         "space: {x: {type: sequence, length: 3, of: {type: float, low: -5, high: 5}}}\n"
         "objectives: [{metric: value, goal: minimize}]\ntrials: 10\n");
    ck_assert_str_eq(plan->driver->name, "search");
    ck_assert(!plan->folds);
}
END_TEST

START_TEST(a_required_parameter_may_come_from_the_space)
{
    make("kind: search\nworkload: function\n"
         "space:\n  function: {type: choice, values: [sphere, ackley]}\n"
         "  x: {type: sequence, length: 3, of: {type: float, low: -5, high: 5}}\n"
         "objectives: [{metric: value, goal: minimize}]\ntrials: 10\n");
}
END_TEST

START_TEST(a_text_needs_no_one_to_hear_of_its_mistakes)
{
    ck_assert_int_eq(job_check("kind: 3", 7, "f", &catalog, NULL), ERR_PARSE);
    ck_assert_int_eq(job_check("", 0, "f", NULL, NULL), ERR_PARSE);
}
END_TEST

START_TEST(without_workloads_none_is_known)
{
    static const char text[] = "kind: sweep\nworkload: noop\nitems: 1\n";
    struct value empty = value_list(), odd = value_int(3);

    ck_assert_int_eq(job_check(text, sizeof text - 1, "f", NULL, &t), ERR_PARSE);
    ck_assert_str_eq(t.text,
                     "f:2:11: workload is 'noop', expected a worker to announce it first");
    ck_assert_int_eq(job_check(text, sizeof text - 1, "f", &empty, &t), ERR_PARSE);
    ck_assert_int_eq(job_check(text, sizeof text - 1, "f", &odd, &t), ERR_PARSE);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("jobfile");
    TCase *c = tcase_create("jobfile");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, the_least_job_has_defaults);
    tcase_add_test(c, every_common_key_arrives);
    tcase_add_test(c, a_plan_knows_its_layout);
    tcase_add_test(c, params_have_their_defaults_filled_in);
    tcase_add_test(c, a_search_becomes_a_plan);
    tcase_add_test(c, a_required_parameter_may_come_from_the_space);
    tcase_add_test(c, a_text_needs_no_one_to_hear_of_its_mistakes);
    tcase_add_test(c, without_workloads_none_is_known);
    suite_add_tcase(s, c);
    return harness_run(s);
}
