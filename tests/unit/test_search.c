// SPDX-License-Identifier: MIT
// test_search.c - the driver: the window and not the cluster decides what is asked;
// order of arrival, cuts, restarts and extensions never show.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/math.h"
#include "common/mem.h"
#include "common/outcome.h"
#include "common/rng.h"
#include "common/yaml.h"
#include "coordinator/drivers/search.h"
#include "protocol/pack.h"
#include "tests/unit/harness.h"

enum { TRIALS_MAX = 600 };

static const char *const two_metrics[] = {"y", "z", NULL};

// One run of the driver and what is known outside of it.
struct run {
    struct arena *arena, *turn;
    struct value spec;
    void *state;
    uint64_t n_items;
    struct value params[TRIALS_MAX];
    struct driver_output last;
    struct value result; // once finished
    const char *history;
    const char *why_no_digest;
};

static struct errtext t;

static enum error try_open(struct run *r, const char *job, uint64_t seed)
{
    struct driver_setup s = {.spec = &r->spec, .file = "job", .seed = seed};
    *r = (struct run){.arena = arena_create(), .turn = arena_create()};
    s.workload.metrics = two_metrics;
    ck_assert_msg(yaml_parse(job, strlen(job), "job", r->arena, &r->spec, &t) == OK, "%s",
                  t.text);
    return search_driver.create(&s, &r->state, &t);
}

static void run_open(struct run *r, const char *job)
{
    ck_assert_msg(try_open(r, job, 1) == OK, "%s", t.text);
}

static void run_close(struct run *r)
{
    search_driver.destroy(r->state);
    arena_destroy(r->arena);
    arena_destroy(r->turn);
}

static bool run_step(struct run *r)
{
    arena_reset(r->turn);
    r->last = (struct driver_output){.arena = r->turn, .n_items = r->n_items};
    search_driver.step(r->state, &r->last);
    ck_assert_uint_ge(r->last.n_items, r->n_items);
    ck_assert_uint_le(r->last.n_items, TRIALS_MAX);
    for (uint64_t i = r->n_items; i < r->last.n_items; i++)
        r->params[i] = value_copy(r->arena, &r->last.params[i - r->n_items]);
    r->n_items = r->last.n_items;
    if (r->last.finished) {
        r->result = value_copy(r->arena, &r->last.result);
        r->history = arena_str(r->arena, r->last.blobs[0].bytes, r->last.blobs[0].n);
        r->why_no_digest = r->last.why_no_digest;
    }
    return r->last.finished;
}

static double number_of(const struct value *params, const char *name)
{
    const struct value *v = value_find(params, name);
    return v ? value_number(v) : 0;
}

// What the workload of these tests measures; every eleventh trial fails.
static bool measure(const struct value *params, uint64_t i, double *y)
{
    double a = number_of(params, "a"), b = number_of(params, "b"), k = number_of(params, "k");
    y[0] = (a - 0.3) * (a - 0.3) + (b - 0.7) * (b - 0.7) + 0.01 * (k - 3) * (k - 3);
    y[1] = a + 0.1 * b;
    return i % 11 != 10;
}

static void tell_run(struct run *r, uint64_t first, uint32_t count, bool again)
{
    struct outcome_fault faults[TRIALS_MAX];
    struct outcome o = {.first = first, .count = count, .faults = faults, .again = again};
    double rows[2 * TRIALS_MAX];
    struct buf b;

    for (uint32_t i = 0; i < count; i++)
        if (!measure(&r->params[first + i], first + i, &rows[2 * (size_t)i]) && !again)
            faults[o.n_faults++] = (struct outcome_fault){first + i, "it failed"};
    buf_init(&b, SIZE_MAX / 4);
    outcome_put_rows(&b, rows, count, 2);
    o.data = b.bytes;
    o.n_data = b.n;
    search_driver.tell(r->state, &o);
    buf_fini(&b);
}

static void tell_one(struct run *r, uint64_t item)
{
    tell_run(r, item, 1, false);
}

// Everything told at once, in order.
static void run_through(struct run *r)
{
    uint64_t told = 0;
    while (!run_step(r)) {
        ck_assert_uint_lt(told, r->n_items);
        tell_run(r, told, (uint32_t)(r->n_items - told), false);
        told = r->n_items;
    }
}

static void same_result(const struct run *a, const struct run *b)
{
    struct sha256 x = pack_digest(&a->result), y = pack_digest(&b->result);
    ck_assert_uint_eq(a->n_items, b->n_items);
    for (uint64_t i = 0; i < a->n_items; i++)
        ck_assert_msg(value_equal(&a->params[i], &b->params[i]), "trial %u", (unsigned)i);
    ck_assert_str_eq(a->history, b->history);
    ck_assert_mem_eq(x.bytes, y.bytes, sizeof x.bytes);
}

#define SPACE                                                                                  \
    "space: {a: {type: float, low: 0, high: 1}, b: {type: float, low: 0, high: 1, step: "      \
    "0.05}, m: {type: choice, values: {one: {}, two: {k: {type: int, low: 1, high: 9}}}}, s: " \
    "{type: sequence, min: 1, max: 3, join: '', of: {type: choice, values: ['1', '2', "        \
    "'31']}}}\n"

#define JOB(algorithm, more)                                                                   \
    SPACE "objectives: [{metric: y}]\nconstraints: [{metric: z, max: 0.9}]\n"                  \
          "algorithm: " algorithm "\n" more

static const char *const jobs[] = {
    JOB("random", "trials: 70\nwindow: 8"),
    JOB("sobol", "trials: 70\nwindow: 8"),
    JOB("ga", "trials: 90\nwindow: 16"),
    JOB("tpe", "trials: 90\nwindow: 7"),
    JOB("{name: tpe, multivariate: true, liar: true}", "trials: 90\nwindow: 16"),
    JOB("hillclimb", "trials: 90\nwindow: 5"),
    JOB("tpe", "trials: 60\nwindow: 1"),
    SPACE "objectives: [{metric: y}, {metric: z, goal: maximize}]\nalgorithm: ga\ntrials: 90",
    SPACE
    "objectives: [{metric: y}, {metric: z, goal: maximize}]\nalgorithm: tpe\ntrials: 90\n"
    "enqueue: [{a: 0.5, b: 0.5, m: one, s: '131'}]\n"
    "warm_start: [{params: {a: 0.25, b: 0.5, m: two, k: 4, s: '31'}, metrics: {y: 0.1, z: "
    "0.2}}]",
};

enum { N_JOBS = sizeof jobs / sizeof jobs[0] };

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

    run_open(&plain, jobs[_i]);
    run_through(&plain);
    for (uint32_t i = 0; i < 3; i++) {
        struct rng rng = rng_at(3, 0, (uint32_t)_i, i);
        run_open(&mixed, jobs[_i]);
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
// What the journal keeps: params of all that was asked, outcomes that were committed.
static void restart(struct run *r, const char *job, const bool *is_told)
{
    static struct run old;

    old = *r;
    run_open(r, job);
    for (uint64_t i = 0; i < old.n_items; i++) {
        r->params[i] = value_copy(r->arena, &old.params[i]);
        search_driver.restore(r->state, i, &r->params[i]);
    }
    r->n_items = old.n_items;
    for (uint64_t i = 0; i < old.n_items; i++)
        if (is_told[i])
            tell_one(r, i);
    run_close(&old);
}

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
            restart(r, job, is_told);
            n_restarts++;
        }
    }
    ck_assert_uint_gt(n_restarts, 2);
}

START_TEST(a_restart_never_shows)
{
    static struct run plain, broken;

    run_open(&plain, jobs[_i]);
    run_through(&plain);
    for (uint32_t i = 0; i < 2; i++) {
        struct rng rng = rng_at(5, 0, (uint32_t)_i, i);
        run_with_restarts(&broken, jobs[_i], &rng);
        same_result(&plain, &broken);
        run_close(&broken);
    }
    run_close(&plain);
}
END_TEST

// --- extending ------------------------------------------------------------------------
static enum error extend(struct run *r, const char *args)
{
    struct value v;
    ck_assert_int_eq(yaml_parse(args, strlen(args), "args", r->arena, &v, &t), OK);
    return search_driver.extend(r->state, &v, &t);
}

START_TEST(an_extended_search_is_the_longer_one)
{
    static struct run longer, extended;
    const char *job = jobs[_i], *at = strstr(job, "trials: ") + strlen("trials: ");
    char shorter[2000];
    uint64_t told = 40;

    run_open(&longer, job);
    run_through(&longer);
    (void)snprintf(shorter, sizeof shorter, "%.*s40%s", (int)(at - job), job, at + 2);
    run_open(&extended, shorter);
    run_through(&extended);
    ck_assert_uint_eq(extended.n_items, 40);
    (void)snprintf(shorter, sizeof shorter, "{trials: %.2s}", at);
    ck_assert_msg(extend(&extended, shorter) == OK, "%s", t.text);
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
    ck_assert_int_eq(extend(&r, bad_extensions[_i].args), ERR_INVALID);
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

    run_open(&r, jobs[_i]);
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
    ck_assert_int_eq(extend(&r, "{trials: 200}"), ERR_INVALID);
    ck_assert(strstr(t.text, "no further points") != NULL);
    run_close(&r);
}
END_TEST

START_TEST(the_history_is_a_line_a_trial)
{
    static struct run r;
    const char *at;
    uint32_t n = 0;

    run_open(&r, jobs[3]);
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
    Suite *s = suite_create("search");
    TCase *tc = tcase_create("all");

    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, the_order_of_arrival_never_shows, 0, N_JOBS);
    tcase_add_test(tc, no_trial_is_asked_before_the_window_lets_it);
    tcase_add_loop_test(tc, a_restart_never_shows, 0, N_JOBS);
    tcase_add_loop_test(tc, an_extended_search_is_the_longer_one, 0, N_JOBS);
    tcase_add_loop_test(tc, a_bad_extension_is_refused, 0,
                        sizeof bad_extensions / sizeof bad_extensions[0]);
    tcase_add_loop_test(tc, the_best_is_the_least_of_the_feasible, 0, 7);
    tcase_add_test(tc, without_a_feasible_trial_nothing_is_best);
    tcase_add_test(tc, the_front_is_what_nothing_dominates);
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
