// SPDX-License-Identifier: MIT
// test_core.c - each item counts once, whoever is slow, lost, late or lying.
#include "common/log.h"
#include "common/rng.h"
#include "tests/unit/core_fixture.h"

START_TEST(every_item_is_told_once_and_ranks_share_the_work)
{
    hello(1, 11, 0, 2);
    hello(2, 11, 1, 2);
    ck_assert(!submit(100, (struct job_spec){.shard = 3}));
    turn(0);
    ck_assert_uint_gt(n_todo[1], 0);
    ck_assert_uint_gt(n_todo[2], 0);
    work_to_the_end(100);
    all_told_once(100);
}
END_TEST

START_TEST(a_job_too_many_is_refused)
{
    ck_assert(!submit(1, (struct job_spec){0}));
    ck_assert_int_eq(submit(1, (struct job_spec){0}), ERR_EXISTS);
}
END_TEST

START_TEST(a_silent_pod_is_lost_and_its_work_done_elsewhere)
{
    hello(1, 11, 0, 1);
    ck_assert(!submit(10, (struct job_spec){.shard = 1}));
    turn(0);
    ck_assert_uint_gt(n_todo[1], 0);
    instance_of[1] = 0; // it dies
    n_todo[1] = 0;
    for (int i = 0; i < 100; i++)
        turn(CLOCK_SECOND);
    ck_assert_uint_eq(core_n_ranks(core), 0);
    ck_assert_uint_gt(n_sent[MSG_GOODBYE], 0);
    hello(2, 12, 0, 1);
    turn(0);
    work_to_the_end(10);
    all_told_once(10);
    struct job_view v;
    ck_assert(core_job_view(core, 1, &v));
    ck_assert_uint_gt(v.n_lost, 0);
}
END_TEST

START_TEST(a_late_answer_of_a_lost_pod_counts_once)
{
    hello(1, 11, 0, 1);
    ck_assert(!submit(4, (struct job_spec){.shard = 2}));
    turn(0);
    ck_assert_uint_eq(n_todo[1], 2);
    for (int i = 0; i < 100; i++)
        turn(CLOCK_SECOND);
    hello(2, 12, 0, 1);
    turn(0);
    answer(1, false, NULL); // from beyond
    turn(0);
    ck_assert_uint_eq(told[0], 1);
    work_to_the_end(4);
    all_told_once(4);
}
END_TEST

START_TEST(an_item_that_kills_its_pod_three_times_alone_is_quarantined)
{
    ck_assert(!submit(3, (struct job_spec){.shard = 1}));
    uint64_t victim = UINT64_MAX;
    for (uint64_t life = 1; life < 40 && !n_failed; life++) {
        uint64_t p = 1 + life % PEERS;
        hello(p, 100 + life, 0, 1);
        turn(0);
        while (n_todo[p] && todo[p][0].first != 1) {
            answer(p, false, NULL);
            turn(0);
        }
        victim = n_todo[p] ? todo[p][0].first : victim;
        n_todo[p] = 0;
        instance_of[p] = 0;
        for (int i = 0; i < 80; i++)
            turn(CLOCK_SECOND);
    }
    ck_assert_uint_eq(victim, 1);
    ck_assert_uint_eq(n_failed, 1);
    hello(1, 999, 0, 1);
    turn(0);
    work_to_the_end(3);
    struct job_view v;
    ck_assert(core_job_view(core, 1, &v));
    ck_assert_uint_eq(v.n_quarantined, 1);
    all_told_once(3);
}
END_TEST

START_TEST(a_worker_fault_halves_the_shard_and_a_bad_rank_does_not_fail_the_job)
{
    hello(1, 11, 0, 1);
    ck_assert(!submit(8, (struct job_spec){.shard = 8}));
    turn(0);
    ck_assert_uint_eq(todo[1][0].count, 8);
    answer(1, false, "no space left");
    turn(CLOCK_SECOND);
    ck_assert_uint_eq(n_todo[1], 2);
    ck_assert_uint_eq(todo[1][0].count, 4);
    work_to_the_end(8);
    all_told_once(8);
}
END_TEST

START_TEST(a_failed_command_is_retried_only_as_often_as_the_job_says)
{
    hello(1, 11, 0, 1);
    ck_assert(!submit(1, (struct job_spec){.max_attempts = 3}));
    for (int attempt = 0; attempt < 3; attempt++) {
        turn(CLOCK_SECOND);
        ck_assert_uint_eq(n_todo[1], 1);
        ck_assert_int_eq((int)todo[1][0].attempt, attempt);
        answer(1, true, NULL);
    }
    turn(CLOCK_SECOND);
    ck_assert_uint_eq(n_failed, 1);
    all_told_once(1);
}
END_TEST

// It was settled, as failed; the driver that asked it does not ask again.
START_TEST(a_failed_item_that_is_retried_keeps_its_params)
{
    static const struct bin params[] = {{(const uint8_t *)"\x81\xa1x\x01", 4},
                                        {(const uint8_t *)"\x81\xa1x\x02", 4}};
    hello(1, 11, 0, 1);
    ck_assert(!submit(0, (struct job_spec){0}));
    ck_assert(!step((struct event){
        .type = EVENT_ITEMS, .job = 1, .items = {.n_items = 2, .params = params}}));
    turn(0);
    answer(1, true, NULL);
    turn(0);
    answer(1, false, NULL);
    turn(0);
    ck_assert_uint_eq(n_failed, 1);
    ck_assert_uint_eq(n_todo[1], 0);
    ck_assert(!step((struct event){.type = EVENT_RETRY, .job = 1}));
    (void)step((struct event){.type = EVENT_TURN_END, .now = now});
    const struct bin *got = NULL;
    for (uint32_t i = 0; i < fx.n; i++)
        if (fx.list[i].type == EFFECT_SEND && fx.list[i].message->type == MSG_GRANT)
            got = &fx.list[i].message->grant.leases[0].params;
    ck_assert_ptr_nonnull(got);
    ck_assert_uint_eq(got->n, 9);
    ck_assert_mem_eq(got->p + 5, params[0].p, 4);
}
END_TEST

START_TEST(too_many_failures_fail_the_job)
{
    hello(1, 11, 0, 1);
    ck_assert(!submit(10, (struct job_spec){.shard = 1, .max_failures = 1}));
    turn(0);
    answer(1, true, NULL);
    turn(0);
    ck_assert_int_eq(ended, JOB_RUNNING);
    answer(1, true, NULL);
    turn(0);
    ck_assert_int_eq(ended, JOB_FAILED);
    ck_assert_uint_gt(n_sent[MSG_REVOKE] + n_sent[MSG_FORGET], 0);
}
END_TEST

START_TEST(a_cancelled_job_lets_go_of_everything)
{
    hello(1, 11, 0, 1);
    ck_assert(!submit(50, (struct job_spec){.shard = 1}));
    turn(0);
    ck_assert(!step((struct event){.type = EVENT_CANCEL, .job = 1}));
    turn(0);
    ck_assert_int_eq(ended, JOB_CANCELLED);
    core_drop_job(core, 1);
    ck_assert_uint_eq(core_n_open_jobs(core), 0);
}
END_TEST

// Anything may happen: ranks die, answer, fail, come back; once it stops, the
// job ends and every item was told exactly once.
START_TEST(under_random_faults_every_item_counts_once)
{
    struct rng g = rng_at((uint64_t)_i, 1, 0, 0);
    uint64_t next_instance = 1000;
    ck_assert(!submit(300, (struct job_spec){.shard = _i % 4 ? 1 + (uint64_t)_i % 7 : 0}));
    for (int round = 0; round < 400; round++) {
        uint64_t p = 1 + rng_below(&g, PEERS);
        uint64_t what = rng_below(&g, 10);
        if (!instance_of[p] && what < 4)
            hello(p, next_instance++, 0, 1);
        else if (what == 0)
            instance_of[p] = 0; // dies quietly, may answer late all the same
        else if (n_todo[p])
            answer(p, false, what == 1 ? "flaky" : NULL);
        for (uint64_t q = 1; q <= PEERS; q++)
            if (instance_of[q])
                beat(q, (uint64_t)round + 1);
        turn((int64_t)rng_below(&g, 300) * CLOCK_MS);
    }
    for (uint64_t p = 1; p <= PEERS; p++) {
        n_todo[p] = 0;
        instance_of[p] = 0;
    }
    for (int i = 0; i < 80; i++)
        turn(CLOCK_SECOND);
    hello(1, next_instance++, 0, 2);
    hello(2, next_instance - 1, 1, 2);
    turn(0);
    work_to_the_end(300);
    all_told_once(300);
}
END_TEST

// An old instance is told GOODBYE, as long as it may still be there.
START_TEST(lost_pods_are_not_remembered_for_ever)
{
    struct message bye = {.type = MSG_GOODBYE};
    enum { PODS = 5000 }; // more than core_state.h's GONE_PODS_MAX
    for (uint64_t i = 1; i <= PODS; i++) {
        hello(1, i, 0, 1);
        say(1, bye);
        turn(0);
    }
    ck_assert_uint_eq(core_n_ranks(core), 0);
    uint32_t n_welcomes = n_sent[MSG_WELCOME], n_goodbyes = n_sent[MSG_GOODBYE];
    hello(1, PODS, 0, 1);
    turn(0);
    ck_assert_uint_eq(n_sent[MSG_GOODBYE], n_goodbyes + 1);
    ck_assert_uint_eq(n_sent[MSG_WELCOME], n_welcomes);
    hello(1, 1, 0, 1); // forgotten: a pod like any other
    turn(0);
    ck_assert_uint_eq(n_sent[MSG_WELCOME], n_welcomes + 1);
    ck_assert_uint_eq(core_n_ranks(core), 1);
}
END_TEST

// With each rank that is here the heartbeats of all get slower.
START_TEST(one_connection_does_not_fill_the_roster)
{
    ck_assert(!submit(1000, (struct job_spec){.shard = 1}));
    hello(1, 11, 0, 1);
    for (uint32_t rank = 0; rank < 2000; rank++)
        hello(2, 22, rank, 59000);
    for (uint64_t i = 1; i < 20; i++) {
        beat(1, i);
        beat(2, i);
        turn(100 * CLOCK_MS);
    }
    ck_assert_uint_le(core_n_ranks(core), 2);
    ck_assert_uint_gt(n_todo[1], 0);
}
END_TEST

// The first to say HELLO stood for all of its pod.
START_TEST(every_rank_is_shown_with_its_own_process)
{
    struct rank_view *list;
    hello(2, 11, 1, 2);
    hello(1, 11, 0, 2);
    ck_assert_uint_eq(core_rank_views(core, arena, &list), 2);
    ck_assert_uint_eq(list[0].pid, 1001);
    ck_assert_uint_eq(list[1].pid, 1002);
}
END_TEST

int main(void)
{
    log_init("test", -1, LOG_LEVEL_ERROR); // the losses here are meant
    Suite *s = suite_create("core");
    TCase *t = tcase_create("core");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, every_item_is_told_once_and_ranks_share_the_work);
    tcase_add_test(t, a_job_too_many_is_refused);
    tcase_add_test(t, a_silent_pod_is_lost_and_its_work_done_elsewhere);
    tcase_add_test(t, a_late_answer_of_a_lost_pod_counts_once);
    tcase_add_test(t, an_item_that_kills_its_pod_three_times_alone_is_quarantined);
    tcase_add_test(t, a_worker_fault_halves_the_shard_and_a_bad_rank_does_not_fail_the_job);
    tcase_add_test(t, a_failed_command_is_retried_only_as_often_as_the_job_says);
    tcase_add_test(t, a_failed_item_that_is_retried_keeps_its_params);
    tcase_add_test(t, too_many_failures_fail_the_job);
    tcase_add_test(t, a_cancelled_job_lets_go_of_everything);
    tcase_add_test(t, lost_pods_are_not_remembered_for_ever);
    tcase_add_test(t, one_connection_does_not_fill_the_roster);
    tcase_add_test(t, every_rank_is_shown_with_its_own_process);
    tcase_add_loop_test(t, under_random_faults_every_item_counts_once, 0, 60);
    suite_add_tcase(s, t);
    return harness_run(s);
}
