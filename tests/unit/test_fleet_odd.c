// SPDX-License-Identifier: MIT
// test_fleet_odd.c - days at the edges of the specification, byte for byte: traces of an
// implementation that was written from its text alone.
#include "common/yaml.h"
#include "tests/unit/fleet_fixture.h"

#define ODD FLEET_GOLDEN "/odd"

static const struct {
    const char *name, *policy;
    uint64_t seed;
    uint32_t episode;
} days[] = {
    {"lone", "random", UINT64_MAX, UINT32_MAX},          // one vertiport
    {"ragged", "schedule", UINT64_C(1) << 63, 1u << 31}, // rows of several lengths, one empty
    {"crowded", "random", UINT64_MAX, UINT32_MAX},       // past midnight, one narrow corridor
};
enum { N_DAYS = sizeof days / sizeof *days };

static void keep(void *ctx, const struct record *r)
{
    trace_put_record(ctx, r);
}

static void *state_of(struct fleet *f, const struct policy *p, const char *name)
{
    struct value params;
    struct errtext t;
    void *state = NULL;
    size_t n;
    if (!p->create)
        return NULL;
    char *path = arena_printf(f->arena, ODD "/%s.schedule.json", name);
    char *text = fleet_read(f->arena, path, &n);
    ck_assert_ptr_nonnull(text);
    ck_assert_msg(!yaml_parse(text, n, path, f->arena, &params, &t), "%s", t.text);
    const struct policy_setup setup = {.world = f->world, .params = &params};
    ck_assert_msg(!p->create(&setup, &state, &t), "%s", t.text);
    return state;
}

START_TEST(an_odd_day_has_its_golden_trace)
{
    const char *name = days[_i].name, *policy = days[_i].policy;
    struct fleet f;
    struct buf out;
    size_t n;
    ck_assert(fleet_open(&f, ODD, name));
    char *want = fleet_read(f.arena, arena_printf(f.arena, ODD "/%s.jsonl", name), &n);
    ck_assert_ptr_nonnull(want);
    const struct policy *p = policy_find(policy);
    void *state = state_of(&f, p, name);
    buf_init(&out, SIZE_MAX / 4);
    trace_put_head(&out, &(struct trace_head){name, policy, days[_i].seed, days[_i].episode});
    day_set_trace(f.day, keep, &out);
    day_reset(f.day, days[_i].seed, days[_i].episode);
    day_run(f.day, p, state);
    trace_put_metrics(&out, day_metrics(f.day), day_hash(f.day));
    ck_assert_uint_eq(out.n, n);
    ck_assert_int_eq(memcmp(out.bytes, want, n), 0);
    if (p->destroy)
        p->destroy(state);
    buf_fini(&out);
    fleet_stop(&f);
}
END_TEST

START_TEST(a_schedule_with_a_place_that_is_none_is_refused)
{
    static const char *const bad[] = {"{schedule: [[0], [3], [], []]}",
                                      "{schedule: [[0], 1, [], []]}",
                                      "{schedule: [0, 1, 2]}",
                                      "{schedule: [[0], [1]]}",
                                      "{schedule: 1}",
                                      "{}"};
    const struct policy *p = policy_find("schedule");
    struct fleet f;
    struct value params;
    struct errtext t;
    void *state;
    ck_assert(fleet_open(&f, ODD, "ragged"));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert(!yaml_parse(bad[i], strlen(bad[i]), "f", f.arena, &params, &t));
        const struct policy_setup setup = {.world = f.world, .params = &params};
        ck_assert_msg(p->create(&setup, &state, &t) == FAULT_JOB, "%s", bad[i]);
    }
    fleet_stop(&f);
}
END_TEST

// The weather closes a pair whether or not an aircraft could fly it.
START_TEST(a_pair_out_of_reach_is_closed_by_the_weather_too)
{
    static const char text[] =
        "{version: 1, n_aircraft: 1, close_ppm: 1000000, vertiports: ["
        "{x: 0, y: 0, park: 1, charge: 1}, {x: 900000, y: 0, park: 1, charge: 1}]}";
    struct fleet f;
    fleet_start(&f, text, strlen(text), "f");
    ck_assert_uint_eq(f.world->n_links, 0);
    day_reset(f.day, 1, 0);
    ck_assert(day_next(f.day));
    ck_assert(day_closed(f.day, 0, 1) && day_closed(f.day, 1, 0));
    ck_assert(!day_closed(f.day, 0, 0));
    fleet_stop(&f);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("fleet_odd");
    TCase *c = tcase_create("odd");
    tcase_add_loop_test(c, an_odd_day_has_its_golden_trace, 0, N_DAYS);
    tcase_add_test(c, a_schedule_with_a_place_that_is_none_is_refused);
    tcase_add_test(c, a_pair_out_of_reach_is_closed_by_the_weather_too);
    suite_add_tcase(s, c);
    return harness_run(s);
}
