// SPDX-License-Identifier: MIT
// test_search_jobs.c - the driver: given points, ends, second tries, what is refused
// and what stays out of the digest.
#include "common/hash.h"
#include "tests/unit/search_run.h"

// --- given points ---------------------------------------------------------------------
START_TEST(given_points_come_first_and_known_ones_never)
{
    static struct run r;
    uint32_t n_first = 0;

    run_open(&r,
             "space: {a: {type: float, low: 0, high: 1, step: 0.25}}\n"
             "objectives: [{metric: y}]\ntrials: 3\n"
             "enqueue: [{a: 0.5}, {a: 0.25}]\n"
             "warm_start: [{params: {a: 0}, metrics: {y: 5}}, {params: {a: 1}, metrics: {y: "
             "0}}]");
    run_through(&r);
    ck_assert_uint_eq(r.n_items, 3);
    ck_assert_double_eq(number_of(&r.params[0], "a"), 0.5);
    ck_assert_double_eq(number_of(&r.params[1], "a"), 0.25);
    ck_assert_double_eq(number_of(&r.params[2], "a"), 0.75); // the only one left
    n_first = (uint32_t)number_of(value_find(&r.result, "best"), "trial");
    ck_assert_uint_eq(n_first, 1); // of the trials: what was known is no result
    run_close(&r);
}
END_TEST

// --- ends -----------------------------------------------------------------------------
START_TEST(a_space_used_up_ends_the_search_and_says_so)
{
    static struct run r;
    run_open(&r, "space: {a: {type: float, low: 0, high: 1, step: 0.25}}\n"
                 "objectives: [{metric: y}]\ntrials: 100");
    run_through(&r);
    ck_assert_uint_eq(r.n_items, 5);
    const struct value *note = value_find(&r.result, "note");
    ck_assert(note && strstr(note->s, "no further point; 5 of 100"));
    ck_assert_int_eq(run_extend(&r, "{trials: 200}"), ERR_INVALID);
    ck_assert(strstr(t.text, "no further points") != NULL);
    run_close(&r);
}
END_TEST

START_TEST(the_history_is_a_line_a_trial)
{
    static struct run r;
    const char *at;
    uint32_t n = 0;

    run_open(&r, JOB("tpe", "trials: 90\nwindow: 7"));
    run_through(&r);
    for (at = r.history; *at; at = strchr(at, '\n') + 1, n++) {
        struct value line;
        size_t length = (size_t)(strchr(at, '\n') - at);
        ck_assert_int_eq(yaml_parse(at, length, "history", r.arena, &line, &t), OK);
        ck_assert_double_eq(number_of(&line, "trial"), n);
        bool is_failed = strcmp(value_find(&line, "state")->s, "failed") == 0;
        ck_assert(is_failed == (n % 11 == 10));
        ck_assert(value_find(value_find(&line, "params"), "a") != NULL);
    }
    ck_assert_uint_eq(n, r.n_items);
    struct sha256 hash = sha256_of(r.history, strlen(r.history));
    char hex[65];
    sha256_hex(&hash, hex);
    ck_assert_str_eq(value_find(&r.result, "history")->s, hex);
    run_close(&r);
}
END_TEST

// A failed trial tried again counts anew.  While nothing was chosen in its light the
// result stands as if it had never failed.
START_TEST(a_trial_tried_again_counts_anew)
{
    static struct run r;
    double y[2];

    run_open(&r, JOB("tpe", "trials: 12\nwindow: 12"));
    ck_assert(!run_step(&r));
    tell_run(&r, 0, 12, false);
    ck_assert(run_step(&r));
    ck_assert_double_eq(number_of(&r.result, "failed"), 1);
    tell_run(&r, 10, 1, true);
    ck_assert(run_step(&r));
    ck_assert_double_eq(number_of(&r.result, "failed"), 0);
    (void)measure(&r.params[10], 10, y);
    ck_assert(strstr(r.history, "failed") == NULL);
    ck_assert_ptr_null(r.why_no_digest);
    run_close(&r);
}
END_TEST

START_TEST(a_late_second_try_costs_the_digest)
{
    static struct run r;

    run_open(&r, JOB("tpe", "trials: 60\nwindow: 8"));
    run_through(&r);
    tell_run(&r, 10, 1, true);
    ck_assert(run_step(&r));
    ck_assert(r.why_no_digest && strstr(r.why_no_digest, "tried again"));
    run_close(&r);
}
END_TEST

// --- refusals -------------------------------------------------------------------------
static const struct {
    const char *job, *message;
} bad[] = {
    {"objectives: [{metric: y}]\ntrials: 3", "space"},
    {SPACE "trials: 3", "objectives"},
    {SPACE "objectives: [{metric: y}]", "trials"},
    {SPACE "objectives: [{metric: w}]\ntrials: 3", "a metric of the workload"},
    {SPACE "objectives: [{metric: y}]\ntrials: 0", "trials"},
    {SPACE "objectives: [{metric: y}]\ntrials: 3\nwindow: 0", "window"},
    {SPACE "objectives: [{metric: y}]\ntrials: 3\nenqueue: [{a: 2}]", "enqueue[0].a is 2"},
    {SPACE "objectives: [{metric: y}]\ntrials: 3\nenqueue: [{a: 0.5}]", "'b' is missing"},
    {SPACE "objectives: [{metric: y}]\ntrials: 3\nwarm_start: [{params: {}}]", "metrics"},
    {SPACE "objectives: [{metric: y}]\ntrials: 3\nvolatile: [y]", "reproducible: false"},
    {SPACE
     "objectives: [{metric: z}]\ntrials: 3\nvolatile: [y]\nconstraints: [{metric: y, max: "
     "1}]",
     "reproducible: false"},
    {SPACE "objectives: [{metric: w}]\nderived: {w: 'y + z'}\ntrials: 3\nvolatile: [y]",
     "reproducible: false"},
};

START_TEST(a_bad_job_is_refused_with_its_place)
{
    static struct run r;
    ck_assert_int_eq(try_open(&r, bad[_i].job, 1), ERR_PARSE);
    ck_assert_msg(strstr(t.text, bad[_i].message) && strncmp(t.text, "job:", 4) == 0, "%s",
                  t.text);
    arena_destroy(r.arena);
    arena_destroy(r.turn);
}
END_TEST

// A measured time may be wished for, but then no digest is promised; otherwise it
// stands nowhere in what is digested.
START_TEST(what_is_volatile_stays_out_of_the_digest)
{
    static struct run r;
    run_open(&r,
             SPACE "objectives: [{metric: y}]\ntrials: 20\nvolatile: [y]\nreproducible: false");
    run_through(&r);
    ck_assert(r.why_no_digest != NULL);
    ck_assert(value_find(&r.result, "best")->type == VALUE_MAP);
    run_close(&r);
    run_open(&r, SPACE "objectives: [{metric: y}]\ntrials: 20\nvolatile: [z]");
    run_through(&r);
    ck_assert_ptr_null(r.why_no_digest);
    ck_assert(strstr(r.history, "\"z\"") == NULL && strstr(r.history, "\"y\"") != NULL);
    run_close(&r);
}
END_TEST

// Outcomes that cannot be read, or of trials that do not exist, harm nothing.
START_TEST(what_cannot_be_read_counts_as_failed)
{
    static struct run r;
    uint8_t junk[] = {OUTCOME_NAMED, 0xdd, 0xff, 0xff, 0xff, 0xff};
    struct outcome o = {.first = 0, .count = 3, .data = junk, .n_data = sizeof junk};

    run_open(&r, SPACE "objectives: [{metric: y}]\ntrials: 3");
    ck_assert(!run_step(&r));
    o.first = 3;
    search_driver.tell(r.state, &o);
    o.first = UINT64_MAX - 1;
    o.count = 1;
    search_driver.tell(r.state, &o);
    ck_assert(!run_step(&r));
    o.first = 0;
    o.count = 3;
    search_driver.tell(r.state, &o);
    ck_assert(run_step(&r));
    ck_assert_double_eq(number_of(&r.result, "failed"), 3);
    run_close(&r);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("search_jobs");
    TCase *tc = tcase_create("all");

    tcase_add_test(tc, given_points_come_first_and_known_ones_never);
    tcase_add_test(tc, a_space_used_up_ends_the_search_and_says_so);
    tcase_add_test(tc, the_history_is_a_line_a_trial);
    tcase_add_test(tc, a_trial_tried_again_counts_anew);
    tcase_add_test(tc, a_late_second_try_costs_the_digest);
    tcase_add_loop_test(tc, a_bad_job_is_refused_with_its_place, 0, sizeof bad / sizeof bad[0]);
    tcase_add_test(tc, what_is_volatile_stays_out_of_the_digest);
    tcase_add_test(tc, what_cannot_be_read_counts_as_failed);
    suite_add_tcase(s, tc);
    return harness_run(s);
}
