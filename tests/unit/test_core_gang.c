// SPDX-License-Identifier: MIT
// test_core_gang.c - ranks held together: armed, gone, lost; leases that serve.
#include "common/log.h"
#include "tests/unit/core_fixture.h"

START_TEST(a_gang_starts_only_when_all_are_armed)
{
    hello(1, 11, 0, 2);
    hello(2, 11, 1, 2);
    ck_assert(!submit(3, (struct job_spec){.shard = 1, .gang = 2}));
    turn(0);
    ck_assert_uint_eq(n_sent[MSG_PREPARE], 2);
    struct message armed = {.type = MSG_ARMED};
    armed.armed.gang = gang_of_peer[1];
    say(1, armed);
    turn(CLOCK_MS);
    ck_assert_uint_eq(n_sent[MSG_GO], 0);
    say(2, armed);
    turn(CLOCK_MS);
    ck_assert_uint_eq(n_sent[MSG_GO], 2);
    for (int i = 0; i < 3; i++) {
        n_todo[2] = 0; // only the root answers
        answer(1, false, NULL);
        turn(CLOCK_MS);
    }
    ck_assert_uint_eq(n_sent[MSG_PREPARE], 2); // held for the next shards
    ck_assert_uint_eq(n_sent[MSG_GO], 6);
    all_told_once(3);
    turn(CLOCK_SECOND);
    ck_assert_uint_eq(n_sent[MSG_DISARM], 2);
}
END_TEST

static void arm_both(void)
{
    struct message armed = {.type = MSG_ARMED};
    turn(0);
    armed.armed.gang = gang_of_peer[1];
    say(1, armed);
    say(2, armed);
    turn(CLOCK_MS);
    n_todo[2] = 0; // only the root answers
}

START_TEST(short_shards_of_a_gang_go_together)
{
    hello(1, 11, 0, 2);
    hello(2, 11, 1, 2);
    ck_assert(!submit(40, (struct job_spec){.shard = 1, .gang = 2}));
    arm_both();
    ck_assert_uint_eq(n_todo[1], 1); // how long one takes is not known yet
    answer(1, false, NULL);
    turn(CLOCK_MS);
    ck_assert_uint_eq(n_todo[1], 16);
    ck_assert_uint_eq(n_sent[MSG_GO], 4);
    for (int i = 0; i < 16; i++) {
        ck_assert_uint_eq(n_sent[MSG_GO], 4); // not before the last has its answer
        answer(1, false, NULL);
    }
    turn(CLOCK_MS);
    ck_assert_uint_eq(n_sent[MSG_GO], 6);
    while (n_todo[1]) {
        answer(1, false, NULL);
        turn(CLOCK_MS);
    }
    all_told_once(40);
}
END_TEST

// Which of a GO's shards took the pod with it cannot be told: each is tried by itself,
// and only then its crashes count.
START_TEST(a_gang_lost_with_several_shards_blames_none)
{
    struct message bye = {.type = MSG_GOODBYE};
    bye.goodbye.why = str_of("killed");
    hello(1, 11, 0, 2);
    hello(2, 11, 1, 2);
    ck_assert(!submit(17, (struct job_spec){.shard = 1, .gang = 2}));
    arm_both();
    answer(1, false, NULL);
    turn(CLOCK_MS);
    ck_assert_uint_gt(n_todo[1], 2);
    uint64_t bad = todo[1][1].first;
    for (uint64_t life = 12; life < 16; life++) {
        say(1, bye);
        turn(CLOCK_MS);
        ck_assert_uint_eq(told[bad], life == 15);
        hello(1, life, 0, 2);
        hello(2, life, 1, 2);
        arm_both();
        while (n_todo[1] && todo[1][0].first != bad) {
            answer(1, false, NULL);
            turn(CLOCK_MS);
        }
    }
    all_told_once(17);
    ck_assert_uint_eq(n_failed, 1);
}
END_TEST

static void arm_and_go(uint64_t peer)
{
    struct message armed = {.type = MSG_ARMED};
    struct message went = {.type = MSG_WENT};
    armed.armed.gang = went.went.gang = gang_of_peer[peer];
    went.went.step = 1;
    say(peer, armed);
    turn(CLOCK_MS);
    say(peer, went);
}

START_TEST(a_job_that_serves_has_one_rank_to_itself)
{
    uint64_t peer = 0;
    for (uint64_t p = 1; p <= 3; p++)
        hello(p, 10 + p, 0, 1);
    ck_assert(!submit(1, (struct job_spec){.shard = 1, .serves = true}));
    turn(0);
    ck_assert_uint_eq(n_sent[MSG_PREPARE], 1); // the others are left alone
    ck_assert_uint_eq(n_sent[MSG_GRANT], 0);
    for (uint64_t p = 1; p <= 3; p++)
        if (gang_of_peer[p])
            peer = p;
    arm_and_go(peer);
    ck_assert_uint_eq(n_sent[MSG_GO], 1);
    uint64_t lease = todo[peer][0].lease, found = 0;
    ck_assert(core_lease_peer(core, lease, 1, &found));
    ck_assert_uint_eq(found, peer);
    ck_assert(!core_lease_peer(core, lease, 2, &found));
    ck_assert(!core_lease_peer(core, lease + 1, 1, &found));
    for (uint64_t i = 1; i < 600; i++) { // no copy of it, however long it lasts
        for (uint64_t p = 1; p <= 3; p++)
            beat(p, i);
        turn(100 * CLOCK_MS);
    }
    ck_assert_uint_eq(n_sent[MSG_GO], 1);
    ck_assert_uint_eq(n_sent[MSG_GRANT], 0);
    ck_assert(!step((struct event){.type = EVENT_CANCEL, .job = 1}));
    turn(0);
    ck_assert_uint_eq(n_sent[MSG_REVOKE], 1);
    ck_assert(!core_lease_peer(core, lease, 1, &found));
}
END_TEST

// The pod's silence loses it; a new one takes the lease.
static void serve_and_die(uint64_t instance, int64_t seconds)
{
    uint32_t n = n_sent[MSG_GO];
    hello(1, instance, 0, 1);
    turn(0);
    arm_and_go(1);
    ck_assert_uint_eq(n_sent[MSG_GO], n + 1);
    for (int64_t i = 0; i < seconds * 10; i++) {
        beat(1, (uint64_t)i + 1);
        turn(100 * CLOCK_MS);
    }
    struct message bye = {.type = MSG_GOODBYE};
    bye.goodbye.why = str_of("killed");
    say(1, bye);
    turn(0);
}

START_TEST(a_server_that_lasted_counts_its_crashes_anew)
{
    ck_assert(!submit(1, (struct job_spec){.shard = 1, .serves = true}));
    for (uint64_t i = 0; i < 5; i++)
        serve_and_die(100 + i, 61);
    ck_assert_int_eq(ended, JOB_RUNNING);
    ck_assert_uint_eq(told[0], 0);
    for (uint64_t i = 0; i < 2; i++)
        serve_and_die(200 + i, 1);
    ck_assert_uint_eq(told[0], 1); // three in a row: one of them was the last of those
    ck_assert_uint_eq(n_failed, 1);
}
END_TEST

START_TEST(a_gang_that_no_pod_can_hold_says_why)
{
    hello(1, 11, 0, 1);
    ck_assert(!submit(1, (struct job_spec){.gang = 4}));
    turn(0);
    ck_assert(strstr(core_why(core, 1, now, arena), "gang of 4"));
}
END_TEST

int main(void)
{
    log_init("test", -1, LOG_LEVEL_ERROR); // the losses here are meant
    Suite *s = suite_create("core_gang");
    TCase *t = tcase_create("gang");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_gang_starts_only_when_all_are_armed);
    tcase_add_test(t, short_shards_of_a_gang_go_together);
    tcase_add_test(t, a_gang_lost_with_several_shards_blames_none);
    tcase_add_test(t, a_gang_that_no_pod_can_hold_says_why);
    tcase_add_test(t, a_job_that_serves_has_one_rank_to_itself);
    tcase_add_test(t, a_server_that_lasted_counts_its_crashes_anew);
    suite_add_tcase(s, t);
    return harness_run(s);
}
