// SPDX-License-Identifier: MIT
// test_team.c - every part once, whatever the team's size and the hurry.
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#include "tests/unit/harness.h"
#include "worker/tensor/team.h"

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

int main(void)
{
    Suite *s = suite_create("team");
    TCase *c = tcase_create("team");
    tcase_add_loop_test(c, every_part_is_made_once, 0, 4);
    tcase_add_test(c, a_team_that_never_worked_ends);
    suite_add_tcase(s, c);
    return harness_run(s);
}
