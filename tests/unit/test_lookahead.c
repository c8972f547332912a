// SPDX-License-Identifier: MIT
// test_lookahead.c - a day's copy goes on as the day does; worths up to the end of a day
// are the differences of whole days' profits; who follows them earns more.
#include <stdlib.h>

#include "tests/unit/fleet_fixture.h"
#include "worker/fleet/lookahead.h"

enum { SEED = 11, DAY_MS = 24 * 3600000, AHEAD_MS = 90 * 60000 };

static struct fleet fleet;

static void setup(void)
{
    ck_assert(fleet_open(&fleet, FLEET_GOLDEN, "uam3x5"));
}

static void teardown(void)
{
    fleet_stop(&fleet);
}

static void go_on(struct day *d)
{
    while (day_next(d))
        ck_assert(!day_act(d, policy_greedy_rate.choose(NULL, d)));
}

START_TEST(a_copy_goes_on_alike)
{
    struct day *copy = day_create(fleet.world);
    for (uint32_t stop = 0; stop < 60; stop += 7) {
        day_reset(copy, SEED + 1, 3); // another day before
        day_reset(fleet.day, SEED, 0);
        for (uint32_t k = 0; k < stop && day_next(fleet.day); k++)
            ck_assert(!day_act(fleet.day, day_feasible(fleet.day, 0)));
        ck_assert(day_next(fleet.day));
        day_copy(copy, fleet.day);
        uint32_t to = policy_greedy_rate.choose(NULL, copy);
        ck_assert(!day_act(copy, to));
        go_on(copy);
        ck_assert(!day_act(fleet.day, to));
        go_on(fleet.day);
        ck_assert(day_hash(copy) == day_hash(fleet.day));
        ck_assert(memcmp(day_metrics(copy), day_metrics(fleet.day), sizeof(struct metrics))
                  == 0);
    }
    day_destroy(copy);
}
END_TEST

// Electricity of a whole day is its flights' at one price, but for roundings of a
// micro-dollar each.
START_TEST(worths_are_differences_of_profit)
{
    struct lookahead *l = lookahead_create(fleet.world, DAY_MS);
    struct day *copy = day_create(fleet.world);
    int64_t worth[3], apart = 0;
    day_reset(fleet.day, SEED, 1);
    for (uint32_t k = 0; day_next(fleet.day); k++) {
        uint32_t first = day_feasible(fleet.day, 0);
        int64_t profit = 0;
        lookahead(l, fleet.day, worth);
        for (uint32_t i = 0; i < day_epoch(fleet.day)->n_feasible; i++) {
            uint32_t j = day_feasible(fleet.day, i);
            day_copy(copy, fleet.day);
            ck_assert(!day_act(copy, j));
            go_on(copy);
            profit = i ? profit : day_profit(copy);
            int64_t want = day_profit(copy) - profit, got = worth[j] - worth[first];
            ck_assert_msg(llabs(want - got) < 1000, "%u: %lld, expected %lld", k,
                          (long long)got, (long long)want);
            apart += llabs(want) > 1000;
        }
        ck_assert(!day_act(fleet.day, policy_greedy_rate.choose(NULL, fleet.day)));
    }
    ck_assert_int_gt(apart, 10);
    day_destroy(copy);
    lookahead_destroy(l);
}
END_TEST

START_TEST(infeasible_ones_are_worth_nothing)
{
    struct lookahead *l = lookahead_create(fleet.world, AHEAD_MS);
    int64_t worth[3] = {1, 1, 1};
    uint32_t shut = 0;
    day_reset(fleet.day, SEED, 0);
    while (day_next(fleet.day)) {
        lookahead(l, fleet.day, worth);
        for (uint32_t j = 0; j < 3; j++)
            if (!(day_epoch(fleet.day)->feasible[0] >> j & 1)) {
                ck_assert_int_eq(worth[j], 0);
                shut++;
            }
        ck_assert(!day_act(fleet.day, policy_greedy_rate.choose(NULL, fleet.day)));
    }
    ck_assert_uint_gt(shut, 0);
    lookahead_destroy(l);
}
END_TEST

static uint32_t best_of(const int64_t *worth)
{
    uint32_t best = day_epoch(fleet.day)->place;
    for (uint32_t i = 0; i < day_epoch(fleet.day)->n_feasible; i++) {
        uint32_t j = day_feasible(fleet.day, i);
        best = worth[j] > worth[best] ? j : best;
    }
    return best;
}

START_TEST(following_them_pays)
{
    struct lookahead *l = lookahead_create(fleet.world, AHEAD_MS);
    int64_t worth[3], gain = 0;
    for (uint32_t episode = 0; episode < 20; episode++) {
        fleet_run(&fleet, "greedy_rate", SEED, episode);
        gain -= day_profit(fleet.day);
        day_reset(fleet.day, SEED, episode);
        while (day_next(fleet.day)) {
            lookahead(l, fleet.day, worth);
            ck_assert(!day_act(fleet.day, best_of(worth)));
        }
        gain += day_profit(fleet.day);
    }
    ck_assert_msg(gain > 20 * INT64_C(20000000), "%lld", (long long)gain / 20);
    lookahead_destroy(l);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("lookahead");
    TCase *c = tcase_create("lookahead");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, a_copy_goes_on_alike);
    tcase_add_test(c, worths_are_differences_of_profit);
    tcase_add_test(c, infeasible_ones_are_worth_nothing);
    tcase_add_test(c, following_them_pays);
    suite_add_tcase(s, c);
    return harness_run(s);
}
