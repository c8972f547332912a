// SPDX-License-Identifier: MIT
// test_memo.c - a point that comes again where the evaluator is pure: a trial like any
// other, but one that nobody runs.
#include <stdio.h>

#include "coordinator/search/algorithm.h"
#include "tests/unit/search_run.h"

#define POINT(a) "{a: " a ", b: 0.5, m: one, s: '1'}"
#define TWICE                                                                                  \
    SPACE "objectives: [{metric: y}]\nalgorithm: random\ntrials: 8\nwindow: 3\nenqueue: "      \
          "[" POINT("0.5") ", " POINT("0.5") ", " POINT("0.25") ", " POINT("0.5") ", " POINT(  \
              "0.25") "]\n"

static const bool is_twin[] = {false, true, false, true, true, false, false, false};

static void tell_all_but_copies(struct run *r)
{
    uint64_t told = 0;
    while (!run_step(r)) {
        ck_assert_uint_lt(told, r->n_items);
        for (; told < r->n_items; told++)
            if (!search_driver.answers(r->state, told))
                tell_one(r, told);
    }
}

static uint32_t n_of(const char *text, const char *word)
{
    uint32_t n = 0;
    for (const char *at = text; (at = strstr(at, word)); at++)
        n++;
    return n;
}

START_TEST(a_point_asked_again_is_a_trial_that_nobody_runs)
{
    static struct run r;

    run_open(&r, TWICE "pure: true\n");
    tell_all_but_copies(&r);
    ck_assert_uint_eq(r.n_items, 8);
    for (uint64_t i = 0; i < 8; i++)
        ck_assert(search_driver.answers(r.state, i) == is_twin[i]);
    ck_assert_uint_eq(n_of(r.history, "\"metrics\""), 8);
    ck_assert_uint_eq(n_of(r.history, "\"memo\":0"), 2);
    ck_assert_uint_eq(n_of(r.history, "\"memo\":2"), 1);
    ck_assert_int_eq((int)value_number(value_find(&r.last.stats, "memo_hits")), 3);
    ck_assert_int_eq((int)value_number(value_find(&r.result, "trials")), 8);
    run_close(&r);
}
END_TEST

START_TEST(where_it_is_not_pure_every_trial_is_run)
{
    static struct run r;

    run_open(&r, TWICE);
    run_through(&r);
    for (uint64_t i = 0; i < 8; i++)
        ck_assert(!search_driver.answers(r.state, i));
    ck_assert_uint_eq(n_of(r.history, "memo"), 0);
    ck_assert_ptr_null(value_find(&r.last.stats, "memo_hits"));
    run_close(&r);
}
END_TEST

// The one that is run may come last: its copies wait for it, in the order of the trials.
START_TEST(a_copy_has_its_outcome_when_the_first_one_has)
{
    static struct run r;

    run_open(&r, TWICE "pure: true\n");
    ck_assert(!run_step(&r));
    ck_assert_uint_eq(r.n_items, 3);
    tell_one(&r, 2);
    ck_assert(!run_step(&r));
    ck_assert_uint_eq(r.n_items, 3);
    tell_one(&r, 0);
    // Trials 0 to 4 are scored at once, of which two were run.
    ck_assert(!run_step(&r));
    ck_assert_uint_eq(r.n_items, 8);
    ck_assert_uint_eq(r.last.waits_for, 5);
    run_close(&r);
}
END_TEST

START_TEST(a_failure_is_copied_and_so_is_what_its_retry_brings)
{
    static struct run r;
    struct outcome_fault fault = {0, "it failed"};
    double row[2] = {0};
    struct buf b;

    run_open(&r, TWICE "pure: true\n");
    ck_assert(!run_step(&r));
    buf_init(&b, 4096);
    outcome_put_rows(&b, row, 1, 2);
    struct outcome o = {.first = 0,
                        .count = 1,
                        .data = b.bytes,
                        .n_data = b.n,
                        .faults = &fault,
                        .n_faults = 1};
    search_driver.tell(r.state, &o);
    ck_assert(!run_step(&r));
    ck_assert_int_eq((int)value_number(value_find(&r.last.progress, "failed")), 2);
    tell_one(&r, 2);
    ck_assert(!run_step(&r));
    ck_assert_int_eq((int)value_number(value_find(&r.last.progress, "failed")), 3);
    tell_run(&r, 0, 1, true);
    ck_assert(!run_step(&r));
    ck_assert_int_eq((int)value_number(value_find(&r.last.progress, "failed")), 0);
    buf_fini(&b);
    run_close(&r);
}
END_TEST

START_TEST(a_job_whose_trials_all_fail_has_failed_though_copies_are_no_items)
{
    static struct run r;
    struct outcome_fault faults[] = {{0, "it failed"}};
    double row[2] = {0};
    struct buf b;

    run_open(&r, SPACE "objectives: [{metric: y}]\ntrials: 2\npure: true\nenqueue: [" POINT(
                     "0.5") ", " POINT("0.5") "]\n");
    ck_assert(!run_step(&r));
    buf_init(&b, 4096);
    outcome_put_rows(&b, row, 1, 2);
    struct outcome o = {.first = 0,
                        .count = 1,
                        .data = b.bytes,
                        .n_data = b.n,
                        .faults = faults,
                        .n_faults = 1};
    search_driver.tell(r.state, &o);
    ck_assert(run_step(&r));
    ck_assert_str_eq(r.last.why_failed, "every trial failed");
    buf_fini(&b);
    run_close(&r);
}
END_TEST

START_TEST(a_point_of_warm_start_is_run_once)
{
    static struct run r;

    run_open(&r, SPACE
             "objectives: [{metric: y}]\nalgorithm: random\ntrials: 4\npure: true\nenqueue: "
             "[" POINT("0.5") ", " POINT("0.5") "]\nwarm_start: [{params: " POINT(
                 "0.5") ", metrics: {y: 0.5}}]\n");
    tell_all_but_copies(&r);
    ck_assert(!search_driver.answers(r.state, 0));
    ck_assert(search_driver.answers(r.state, 1));
    run_close(&r);
}
END_TEST

// --- the end of a space ---------------------------------------------------------------
static const char small_space[] =
    "space: {s: {type: sequence, length: 3, join: '', of: {type: choice, values: ['1', '2', "
    "'3']}}}\nobjectives: [{metric: y}]\ntrials: 500\npure: true\n"
    "enqueue: [{s: '111'}, {s: '111'}]\nalgorithm: ";

// Every algorithm has each of the 27 points once, and then the job is over.
START_TEST(an_exhausted_space_ends_the_job)
{
    static struct run r;
    static char job[1024];

    (void)snprintf(job, sizeof job, "%s%s\n", small_space, algorithms[_i]->name);
    run_open(&r, job);
    tell_all_but_copies(&r);
    ck_assert_uint_eq(r.n_items, 28);
    ck_assert_str_eq(value_find(&r.result, "note")->s,
                     "the space has no further point; 28 of 500 trials were made, 27 of them "
                     "distinct");
    run_close(&r);
}
END_TEST

// A space that is infinite on paper, of which `where` leaves six points: nothing but
// repeats is left to ask, and that must not go on for all the trials.
START_TEST(an_algorithm_that_repeats_for_ever_is_stopped)
{
    static const char job[] =
        "space: {m: {type: choice, values: {one: {k: {type: int, low: 1, high: 6}}, two: {a: "
        "{type: float, low: 0, high: 1}}}}}\nwhere: [\"m != 'two'\"]\n"
        "objectives: [{metric: y}]\nalgorithm: random\ntrials: 100000\npure: true\n";
    static struct run r;
    uint64_t n_run = 0, seen = 0;

    run_open(&r, job);
    for (bool ended = false; !ended;) {
        arena_reset(r.turn);
        r.last = (struct driver_output){.arena = r.turn, .n_items = seen};
        search_driver.step(r.state, &r.last);
        ended = r.last.finished;
        for (uint64_t i = seen; i < r.last.n_items; i++) {
            if (search_driver.answers(r.state, i))
                continue;
            ck_assert_uint_lt(i, TRIALS_MAX);
            ck_assert(!pack_read(r.last.packed[i - seen].p, r.last.packed[i - seen].n, r.arena,
                                 &r.params[i], NULL));
            tell_one(&r, i);
            n_run++;
        }
        seen = r.last.n_items;
    }
    ck_assert_uint_eq(n_run, 6);
    ck_assert_uint_lt(seen, 2000);
    ck_assert_ptr_nonnull(strstr(value_find(&r.last.result, "note")->s, "6 of them distinct"));
    run_close(&r);
}
END_TEST

// --- what is pure -----------------------------------------------------------------------
static enum error open_with(const char *flags, const char *job)
{
    static struct run r;
    struct value catalog;
    struct driver_setup s = {.spec = &r.spec, .file = "job", .seed = 1};

    r = (struct run){.arena = arena_create()};
    s.workload.name = "noop";
    s.workload.metrics = two_metrics;
    s.workload.catalog = &catalog;
    ck_assert(yaml_parse(flags, strlen(flags), "flags", r.arena, &catalog, &t) == OK);
    ck_assert(yaml_parse(job, strlen(job), "job", r.arena, &r.spec, &t) == OK);
    enum error e = search_driver.create(&s, &r.state, &t);
    if (!e)
        search_driver.destroy(r.state);
    arena_destroy(r.arena);
    return e;
}

START_TEST(a_workload_that_knows_more_than_the_point_is_not_pure)
{
    ck_assert_int_eq(open_with("{commands: true}", TWICE "pure: true\n"), OK);
    ck_assert_int_eq(open_with("{pure: true}", TWICE "pure: true\n"), OK);
    ck_assert_int_eq(open_with("{pure: true}", TWICE "pure: false\n"), OK);
    ck_assert_int_eq(open_with("{}", TWICE), OK);
    ck_assert_int_eq(open_with("{}", TWICE "pure: true\n"), ERR_PARSE);
    ck_assert_ptr_nonnull(strstr(t.text, "'noop'"));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("memo");
    TCase *tc = tcase_create("all");
    int n = 0;

    while (algorithms[n])
        n++;
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, a_point_asked_again_is_a_trial_that_nobody_runs);
    tcase_add_test(tc, where_it_is_not_pure_every_trial_is_run);
    tcase_add_test(tc, a_copy_has_its_outcome_when_the_first_one_has);
    tcase_add_test(tc, a_failure_is_copied_and_so_is_what_its_retry_brings);
    tcase_add_test(tc, a_job_whose_trials_all_fail_has_failed_though_copies_are_no_items);
    tcase_add_test(tc, a_point_of_warm_start_is_run_once);
    tcase_add_loop_test(tc, an_exhausted_space_ends_the_job, 0, n);
    tcase_add_test(tc, an_algorithm_that_repeats_for_ever_is_stopped);
    tcase_add_test(tc, a_workload_that_knows_more_than_the_point_is_not_pure);
    suite_add_tcase(s, tc);
    return harness_run(s);
}
