// SPDX-License-Identifier: MIT
// test_team.c - every part once, whatever the team's size and the hurry.
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/harness.h"
#include "worker/tensor/team.h"
#include "worker/tensor/team_cpus.h"

enum { PARTS_MAX = 97, ROUNDS = 2000 };

struct tally {
    _Atomic uint32_t times[PARTS_MAX];
    uint32_t size, round;
    _Atomic uint32_t strays; // a member or a part that cannot be, a round that is over
    _Atomic uint32_t now;
};

static void count(void *arg, uint32_t part, uint32_t member)
{
    struct tally *t = arg;
    if (member >= t->size || part >= PARTS_MAX || atomic_load(&t->now) != t->round)
        atomic_fetch_add(&t->strays, 1);
    else
        atomic_fetch_add(&t->times[part], 1);
}

START_TEST(every_part_is_made_once)
{
    struct team *team = team_create((uint32_t)_i + 1);
    uint32_t parts = 0;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        struct tally t = {.size = team_size(team), .round = round};
        atomic_store(&t.now, round);
        parts = (parts * 31 + 7) % (PARTS_MAX + 1);
        team_run(team, count, &t, parts);
        ck_assert_uint_eq(atomic_load(&t.strays), 0);
        for (uint32_t i = 0; i < PARTS_MAX; i++)
            ck_assert_uint_eq(atomic_load(&t.times[i]), i < parts);
        atomic_store(&t.now, UINT32_MAX);
    }
    team_destroy(team);
}
END_TEST

START_TEST(a_team_that_never_worked_ends)
{
    struct team *team = team_create(3);
    ck_assert_uint_eq(team_size(team), 3);
    team_destroy(team);
    team_destroy(NULL);
}
END_TEST

// What a worker starts after it had a team may use every core again.
START_TEST(a_team_on_cores_of_its_own_leaves_its_maker_free)
{
    cpu_set_t before, after;
    ck_assert_int_eq(sched_getaffinity(0, sizeof before, &before), 0);
    struct team *team = team_create((uint32_t)CPU_COUNT(&before));
    struct tally t = {.size = team_size(team)};
    team_pin(team);
    team_run(team, count, &t, PARTS_MAX);
    for (uint32_t i = 0; i < PARTS_MAX; i++)
        ck_assert_uint_eq(atomic_load(&t.times[i]), 1);
    team_destroy(team);
    ck_assert_int_eq(sched_getaffinity(0, sizeof after, &after), 0);
    ck_assert(CPU_EQUAL(&before, &after));
}
END_TEST

START_TEST(ranks_of_a_machine_share_its_cores)
{
    cpu_set_t set;
    ck_assert_int_eq(sched_getaffinity(0, sizeof set, &set), 0);
    uint32_t all = (uint32_t)CPU_COUNT(&set);
    ck_assert_int_eq(unsetenv("SHOAL_HOST_RANKS"), 0);
    ck_assert_uint_eq(team_cpus_share(1), all);
    ck_assert_uint_eq(team_cpus_share(2), all < 2 ? 1 : all / 2);
    ck_assert_int_eq(setenv("SHOAL_HOST_RANKS", "100000", 1), 0);
    ck_assert_uint_eq(team_cpus_share(1), 1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("team");
    TCase *c = tcase_create("team");
    tcase_add_loop_test(c, every_part_is_made_once, 0, 4);
    tcase_add_test(c, a_team_that_never_worked_ends);
    tcase_add_test(c, a_team_on_cores_of_its_own_leaves_its_maker_free);
    tcase_add_test(c, ranks_of_a_machine_share_its_cores);
    suite_add_tcase(s, c);
    return harness_run(s);
}
