// SPDX-License-Identifier: MIT
// test_fleet.c - the golden days, byte for byte, whoever runs which of them when.
#include <inttypes.h>
#include <stdlib.h>

#include "common/json.h"
#include "common/rng.h"
#include "tests/unit/fleet_fixture.h"

// ---- traces ----------------------------------------------------------------------

static const struct {
    const char *scenario, *policy;
    uint64_t seed;
    uint32_t episode;
} traces[] = {
    {"uam3x5", "random", 1, 0},           {"uam3x5", "greedy_rate", 1, 0},
    {"uam3x5", "greedy", 1, 0},           {"uam8x40", "random", 1, 0},
    {"uam8x40", "random", 1, 1},          {"uam8x40", "greedy", 1, 0},
    {"uam8x40", "greedy", 2, 7},          {"uam8x40", "greedy_rate", 1, 0},
    {"uam8x40-corridor", "random", 1, 0}, {"uam8x40-corridor", "greedy", 1, 0},
    {"uam8x40-tight", "random", 3, 0},    {"uam8x40-tight", "greedy_rate", 3, 0},
};
enum { N_TRACES = sizeof traces / sizeof *traces, N_TRACES_HERE = 2 };

static void keep_record(void *ctx, const struct record *r)
{
    trace_put_record(ctx, r);
}

// Both texts differ in one line: show it.
static void check_same(const char *got, const char *want)
{
    uint32_t line = 1;
    size_t start = 0;

    for (size_t i = 0; got[i] == want[i]; i++) {
        if (!got[i])
            return;
        if (got[i] == '\n') {
            line++;
            start = i + 1;
        }
    }
    ck_abort_msg("line %u: got  %.*s\nwant %.*s", line, (int)strcspn(got + start, "\n"),
                 got + start, (int)strcspn(want + start, "\n"), want + start);
}

static void check_trace(const char *dir, int row)
{
    struct fleet f;
    struct buf out;
    size_t n;
    ck_assert(fleet_open(&f, dir, traces[row].scenario));
    char *want = fleet_read(f.arena,
                            arena_printf(f.arena, "%s/%s.%s.s%" PRIu64 ".e%u.jsonl", dir,
                                         traces[row].scenario, traces[row].policy,
                                         traces[row].seed, traces[row].episode),
                            &n);
    ck_assert_ptr_nonnull(want);
    buf_init(&out, SIZE_MAX / 4);
    trace_put_head(&out, &(struct trace_head){traces[row].scenario, traces[row].policy,
                                              traces[row].seed, traces[row].episode});
    day_set_trace(f.day, keep_record, &out);
    fleet_run(&f, traces[row].policy, traces[row].seed, traces[row].episode);
    trace_put_metrics(&out, day_metrics(f.day), day_hash(f.day));
    check_same(buf_cstr(&out), want);
    buf_fini(&out);
    fleet_stop(&f);
}

START_TEST(a_day_has_its_golden_trace)
{
    check_trace(FLEET_GOLDEN, _i);
}
END_TEST

START_TEST(every_golden_trace_is_met)
{
    const char *fixtures = harness_fixtures();
    char dir[4096];
    if (!fixtures)
        return;
    (void)snprintf(dir, sizeof dir, "%s/fleet", fixtures);
    check_trace(dir, _i);
}
END_TEST

// ---- metrics and digests ---------------------------------------------------------

// Runs the episodes of one golden digest, which follows their rows.
struct rows {
    struct fleet fleet;
    const char *dir;
    uint64_t digest;
    uint32_t n_episodes, n_digests;
};

static void check_row(struct rows *r, const struct value *row)
{
    const char *scenario = value_find(row, "scenario")->s;
    const char *policy = value_find(row, "policy")->s;
    uint64_t seed = (uint64_t)value_find(row, "seed")->i;
    uint32_t episode = (uint32_t)value_find(row, "episode")->i;
    char hash[17];

    if (!r->fleet.day || strcmp(r->fleet.scenario.name, scenario) != 0) {
        if (r->fleet.day)
            fleet_stop(&r->fleet);
        ck_assert(fleet_open(&r->fleet, r->dir, scenario));
    }
    fleet_run(&r->fleet, policy, seed, episode);
    const struct metrics *m = day_metrics(r->fleet.day);
    for (const struct metrics_row *k = metrics_rows; k->name; k++) {
        const struct value *want = value_find(row, k->name);
        ck_assert_ptr_nonnull(want);
        bool computed =
            want->i != -1
            || (strcmp(k->name, "generated") != 0 && strcmp(k->name, "unserved") != 0);
        if (computed)
            ck_assert_msg(metrics_get(m, k) == want->i,
                          "%s %s e%u %s: %" PRId64 " not %" PRId64, scenario, policy, episode,
                          k->name, metrics_get(m, k), want->i);
    }
    (void)snprintf(hash, sizeof hash, "%016" PRIx64, day_hash(r->fleet.day));
    ck_assert_str_eq(hash, value_find(row, "trace_hash")->s);
    r->digest += trace_digest(day_hash(r->fleet.day), episode);
    r->n_episodes++;
}

static void check_digest(struct rows *r, const struct value *row)
{
    char hex[17];
    (void)snprintf(hex, sizeof hex, "%016" PRIx64, r->digest);
    ck_assert_str_eq(hex, value_find(row, "digest")->s);
    ck_assert_int_eq(r->n_episodes, value_find(row, "episodes")->i);
    r->digest = 0;
    r->n_episodes = 0;
    r->n_digests++;
}

static uint32_t check_rows(const char *dir)
{
    struct arena *a = arena_create();
    struct rows r = {.dir = dir};
    struct errtext t;
    size_t n = 0;
    char *text = fleet_read(a, arena_printf(a, "%s/metrics.jsonl", dir), &n);

    ck_assert_ptr_nonnull(text);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        struct value row;
        ck_assert_msg(!json_parse(line, strlen(line), a, &row, &t), "%s", t.text);
        if (value_find(&row, "digest"))
            check_digest(&r, &row);
        else
            check_row(&r, &row);
    }
    fleet_stop(&r.fleet);
    arena_destroy(a);
    return r.n_digests;
}

START_TEST(metrics_and_digests_are_the_golden_ones)
{
    ck_assert_int_eq(check_rows(FLEET_GOLDEN), 6);
}
END_TEST

START_TEST(all_golden_metrics_and_digests_are_met)
{
    const char *fixtures = harness_fixtures();
    char dir[4096];
    if (!fixtures)
        return;
    (void)snprintf(dir, sizeof dir, "%s/fleet", fixtures);
    ck_assert_int_eq(check_rows(dir), 17);
}
END_TEST

// ---- what the interface promises -------------------------------------------------

// The digest of 24 days run in any order, side by side, cut anyhow.
START_TEST(order_and_neighbours_do_not_show)
{
    struct fleet f;
    uint64_t want = 0, got = 0;
    uint32_t order[24];
    struct rng rng = rng_at((uint64_t)_i, 0, 0, 0);
    ck_assert(fleet_open(&f, FLEET_GOLDEN, "uam8x40-tight"));
    struct day *other = day_create(f.world);
    for (uint32_t e = 0; e < 24; e++) {
        fleet_run(&f, "random", 7, e);
        want += trace_digest(day_hash(f.day), e);
        order[e] = e;
    }
    for (uint32_t e = 23; e > 0; e--) {
        uint32_t k = (uint32_t)rng_below(&rng, e + 1), x = order[e];
        order[e] = order[k];
        order[k] = x;
    }
    for (uint32_t e = 0; e < 24; e += 2) { // two at a time, step by step
        struct day *pair[2] = {f.day, other};
        bool runs[2] = {true, true};
        for (int k = 0; k < 2; k++)
            day_reset(pair[k], 7, order[e + (uint32_t)k]);
        while (runs[0] || runs[1]) {
            int k = !runs[0] || (runs[1] && rng_below(&rng, 2));
            runs[k] = day_next(pair[k]);
            if (runs[k])
                ck_assert(!day_act(pair[k], policy_random.choose(NULL, pair[k])));
        }
        for (int k = 0; k < 2; k++)
            got += trace_digest(day_hash(pair[k]), order[e + (uint32_t)k]);
    }
    ck_assert_uint_eq(got, want);
    day_destroy(other);
    fleet_stop(&f);
}
END_TEST

START_TEST(an_infeasible_action_is_refused_and_changes_nothing)
{
    struct fleet f;
    uint8_t mask[8];
    uint32_t n_refused = 0;
    ck_assert(fleet_open(&f, FLEET_GOLDEN, "uam8x40-tight"));
    fleet_run(&f, "random", 1, 0);
    uint64_t want = day_hash(f.day);
    day_reset(f.day, 1, 0);
    ck_assert_int_eq(day_act(f.day, 0), ERR_INVALID); // nobody asks yet
    while (day_next(f.day)) {
        day_mask(f.day, mask);
        uint32_t n = 0;
        for (uint32_t v = 0; v < 8; v++) {
            if (!mask[v])
                ck_assert_int_eq(day_act(f.day, v), ERR_INVALID);
            else
                ck_assert_uint_eq(day_feasible(f.day, n++), v);
            n_refused += !mask[v];
        }
        ck_assert_int_eq(n, day_epoch(f.day)->n_feasible);
        ck_assert_int_eq(day_act(f.day, 8), ERR_INVALID);
        ck_assert_int_eq(day_act(f.day, UINT32_MAX), ERR_INVALID);
        ck_assert(!day_act(f.day, policy_random.choose(NULL, f.day)));
    }
    ck_assert_uint_gt(n_refused, 100);
    ck_assert_uint_eq(day_hash(f.day), want);
    fleet_stop(&f);
}
END_TEST

START_TEST(every_class_of_draws_gives_the_same_day)
{
    static const char *const classes[] = {"portable", "avx2", "avx512"};
    struct fleet f;
    ck_assert(fleet_open(&f, FLEET_GOLDEN, "uam8x40-tight"));
    fleet_run(&f, "greedy", UINT64_MAX, UINT32_MAX);
    struct metrics want = *day_metrics(f.day);
    uint64_t hash = day_hash(f.day);
    f.world->draws = draws_choose(classes[_i]);
    if (f.world->draws) {
        fleet_run(&f, "greedy", UINT64_MAX, UINT32_MAX);
        ck_assert_mem_eq(&want, day_metrics(f.day), sizeof want);
        ck_assert_uint_eq(day_hash(f.day), hash);
    }
    fleet_stop(&f);
}
END_TEST

// Policy external once had a name and no row.
START_TEST(every_policy_of_the_names_is_in_the_table)
{
    size_t n = 0;

    for (; policy_names[n]; n++)
        ck_assert_msg(policy_find(policy_names[n]), "%s has no row", policy_names[n]);
    ck_assert_ptr_null(policies[n]);
}
END_TEST

START_TEST(a_running_day_is_as_small_as_was_promised)
{
    struct fleet f;
    ck_assert(fleet_open(&f, FLEET_GOLDEN, "uam8x40"));
    ck_assert_uint_le(day_bytes(f.world), 64 * 1024);
    fleet_stop(&f);
    ck_assert(fleet_open(&f, FLEET_GOLDEN, "uam200x5000"));
    ck_assert_uint_le(day_bytes(f.world), 8 << 20);
    fleet_stop(&f);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("fleet");
    TCase *c = tcase_create("golden");
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, a_day_has_its_golden_trace, 0, N_TRACES_HERE);
    tcase_add_loop_test(c, every_golden_trace_is_met, 0, N_TRACES);
    tcase_add_test(c, metrics_and_digests_are_the_golden_ones);
    tcase_add_test(c, all_golden_metrics_and_digests_are_met);
    suite_add_tcase(s, c);
    c = tcase_create("interface");
    tcase_add_loop_test(c, order_and_neighbours_do_not_show, 0, 8);
    tcase_add_test(c, an_infeasible_action_is_refused_and_changes_nothing);
    tcase_add_loop_test(c, every_class_of_draws_gives_the_same_day, 0, 3);
    tcase_add_test(c, a_running_day_is_as_small_as_was_promised);
    tcase_add_test(c, every_policy_of_the_names_is_in_the_table);
    suite_add_tcase(s, c);
    return harness_run(s);
}
