// SPDX-License-Identifier: MIT
// test_link.c - every lease is handed over once, in whatever step the rank is.
#include <stdlib.h>
#include <string.h>

#include "tests/unit/link_fixture.h"

// ---- the conversation ----------------------------------------------------------

START_TEST(hello_comes_before_everything)
{
    tick_at(now);
    ck_assert_uint_eq(fx.n, 1);
    const struct message *m = sent(MSG_HELLO, 0);
    ck_assert_ptr_nonnull(m);
    ck_assert_uint_eq(m->hello.instance, 99);
    ck_assert_uint_eq(m->hello.next_seq, 1);
    ck_assert_uint_eq(m->hello.n_held, 0);
    ck_assert(!link_is_welcome(l));
    welcome(INCARNATION);
    ck_assert(link_is_welcome(l));
}
END_TEST

START_TEST(an_unanswered_hello_is_repeated_ever_more_slowly)
{
    int64_t last = now, gap = 0;
    tick_at(now);
    for (int i = 0; i < 8; i++) {
        int64_t due = link_next_deadline(l);
        tick_at(due - 1);
        ck_assert_ptr_null(sent(MSG_HELLO, 0));
        tick_at(due);
        ck_assert_ptr_nonnull(sent(MSG_HELLO, 0));
        ck_assert_int_ge(due - last, gap);
        gap = due - last;
        last = due;
    }
    ck_assert_int_le(gap, 10 * CLOCK_SECOND);
}
END_TEST

START_TEST(beats_keep_the_pace_they_are_told)
{
    join();
    grant(1, 2);
    step((struct link_event){.type = LINK_EVENT_STARTED, .lease = 1});
    tick_at(now + BEAT_MS * CLOCK_MS - 1);
    ck_assert_ptr_null(sent(MSG_BEAT, 0));
    tick_at(now + 1);
    const struct message *m = sent(MSG_BEAT, 0);
    ck_assert_ptr_nonnull(m);
    ck_assert_uint_eq(m->beat.progress, 42);
    ck_assert_uint_eq(m->beat.lease, 1);
    ck_assert_uint_eq(m->beat.n_held, 2);
    struct message pace = {.type = MSG_PACE};
    pace.pace.beat_ms = 2000;
    receive(&pace);
    tick_at(link_next_deadline(l)); // the one that was due at the old pace
    tick_at(now + 1999 * CLOCK_MS);
    ck_assert_ptr_null(sent(MSG_BEAT, 0));
    tick_at(now + CLOCK_MS);
    ck_assert_ptr_nonnull(sent(MSG_BEAT, 0));
}
END_TEST

START_TEST(who_is_answered_once_with_all_that_is_held)
{
    join();
    grant(1, 3);
    answer(2);
    turn_end();
    struct message who = {.type = MSG_WHO};
    who.who.incarnation = INCARNATION + 1;
    receive(&who);
    const struct message *m = sent(MSG_HELLO, 0);
    ck_assert_ptr_nonnull(m);
    ck_assert_uint_eq(m->hello.next_seq, 1);
    ck_assert_uint_eq(m->hello.incarnation, INCARNATION);
    ck_assert_uint_eq(m->hello.n_held, 2);
    ck_assert_uint_eq(m->hello.held[0].lease, 1);
    ck_assert_uint_eq(m->hello.held[1].lease, 3);
    ck_assert_uint_eq(m->hello.held[1].step, 1);
    receive(&who); // several of our messages were refused
    ck_assert_ptr_null(sent(MSG_HELLO, 0));
    welcome(INCARNATION + 1);
    ck_assert_ptr_nonnull(sent(MSG_RESULT, 0));
}
END_TEST

START_TEST(a_late_second_welcome_changes_nothing)
{
    join();
    grant(1, 1);
    answer(1);
    turn_end();
    welcome(INCARNATION);
    ck_assert_uint_eq(fx.n, 0);
    ck_assert_uint_eq(link_n_unacknowledged(l), 1);
}
END_TEST

START_TEST(a_welcome_of_a_changed_incarnation_asks_for_hello)
{
    join();
    welcome(INCARNATION + 1);
    ck_assert_ptr_nonnull(sent(MSG_HELLO, 0));
    ck_assert(!link_is_welcome(l));
}
END_TEST

START_TEST(goodbye_ends_the_pod_and_the_link_is_silent_afterwards)
{
    join();
    struct message m = {.type = MSG_GOODBYE};
    m.goodbye.why = str_of("enough");
    receive(&m);
    const struct link_effect *e = effect(LINK_EFFECT_END, 0);
    ck_assert_ptr_nonnull(e);
    ck_assert_str_eq(e->why, "enough");
    ck_assert(!e->failed);
    ck_assert_int_eq(link_next_deadline(l), INT64_MAX);
    tick_at(now + 5 * CLOCK_SECOND);
    ck_assert_uint_eq(fx.n, 0);
}
END_TEST

START_TEST(a_silent_coordinator_is_asked_and_then_given_up)
{
    bool asked = false;
    join();
    int64_t heard = now;
    while (now < heard + 600 * CLOCK_SECOND) {
        tick_at(link_next_deadline(l));
        asked = asked || sent(MSG_HELLO, 0);
        ck_assert(asked || now < heard + 200 * CLOCK_SECOND);
        ck_assert_int_eq(effect(LINK_EFFECT_END, 0) != NULL, now == heard + 600 * CLOCK_SECOND);
    }
    ck_assert(effect(LINK_EFFECT_END, 0)->failed);
}
END_TEST

START_TEST(an_idle_coordinator_that_answers_is_not_given_up)
{
    join();
    int64_t start = now;
    while (now < start + 3000 * CLOCK_SECOND) {
        tick_at(link_next_deadline(l));
        ck_assert_ptr_null(effect(LINK_EFFECT_END, 0));
        if (sent(MSG_HELLO, 0))
            welcome(INCARNATION);
    }
}
END_TEST

// ---- leases --------------------------------------------------------------------

START_TEST(leases_of_a_known_job_are_handed_over_in_order_and_once)
{
    join();
    grant(1, 3);
    const struct link_effect *e = effect(LINK_EFFECT_WORK, 0);
    ck_assert_ptr_nonnull(e);
    ck_assert_uint_eq(e->n_leases, 3);
    for (uint32_t i = 0; i < 3; i++)
        ck_assert_uint_eq(e->leases[i].lease, 1 + i);
    grant(1, 4); // the first three again
    e = effect(LINK_EFFECT_WORK, 0);
    ck_assert_uint_eq(e->n_leases, 1);
    ck_assert_uint_eq(e->leases[0].lease, 4);
    answer(1); // answered, not yet acknowledged: still known
    turn_end();
    grant(1, 1);
    ck_assert_uint_eq(fx.n, 0);
}
END_TEST

START_TEST(leases_of_an_unknown_job_wait_for_it_and_keep_their_params)
{
    uint8_t params[] = {0x91, 0x81, 0xa1, 'x', 7};
    struct rec_lease r = {.lease = 5, .job = 8, .first = 0, .count = 1};
    struct message m = {.type = MSG_GRANT};
    join();
    r.params = (struct bin){params, sizeof params};
    m.grant.leases = &r;
    m.grant.n_leases = 1;
    receive(&m);
    ck_assert_ptr_null(effect(LINK_EFFECT_WORK, 0));
    ck_assert_uint_eq(sent(MSG_NEED, 0)->need.job, 8);
    r.lease = 6;
    receive(&m);
    ck_assert_ptr_null(sent(MSG_NEED, 0)); // asked once
    params[4] = 0;                         // the frame is gone by now
    tell_job(8);
    ck_assert_uint_eq(fx.list[0].type, LINK_EFFECT_JOB);
    const struct link_effect *e = effect(LINK_EFFECT_WORK, 0);
    ck_assert_uint_eq(e->n_leases, 2);
    ck_assert_uint_eq(e->leases[0].lease, 5);
    ck_assert_uint_eq(e->leases[0].params.n, sizeof params);
    ck_assert_uint_eq(e->leases[0].params.p[4], 7);
}
END_TEST

START_TEST(a_need_that_nobody_answers_ends_with_the_lease_let_go)
{
    join();
    disarm(0);
    struct rec_lease r = {.lease = 5, .job = 8, .count = 1};
    struct message m = {.type = MSG_GRANT};
    m.grant.leases = &r;
    m.grant.n_leases = 1;
    receive(&m);
    int asked = 1;
    for (int i = 0; i < 20; i++) {
        tick_at(now + CLOCK_SECOND);
        asked += sent(MSG_NEED, 0) != NULL;
    }
    ck_assert_int_gt(asked, 1);
    ck_assert_int_lt(asked, 10);
    prepare(9); // nothing is held any more
    ck_assert_ptr_nonnull(sent(MSG_ARMED, 0));
    disarm(9);
    receive(&m); // granted again, it counts as new
    ck_assert_ptr_nonnull(sent(MSG_NEED, 0));
}
END_TEST

START_TEST(forget_closes_the_job_and_lets_waiting_leases_go)
{
    join();
    struct message m = {.type = MSG_FORGET};
    m.forget.job = JOB;
    receive(&m);
    ck_assert_uint_eq(effect(LINK_EFFECT_FORGET, 0)->job, JOB);
    grant(1, 1);
    ck_assert_ptr_nonnull(sent(MSG_NEED, 0));
    receive(&m);
    ck_assert_ptr_null(effect(LINK_EFFECT_FORGET, 0)); // main does not know it
    tell_job(JOB);
    ck_assert_ptr_null(effect(LINK_EFFECT_WORK, 0));
}
END_TEST

START_TEST(a_revoked_lease_is_held_until_main_let_go_of_it)
{
    join();
    grant(1, 2);
    revoke(1);
    ck_assert_uint_eq(effect(LINK_EFFECT_REVOKE, 0)->lease, 1);
    revoke(1);
    ck_assert_uint_eq(fx.n, 0);
    answer(2);
    prepare(9);
    ck_assert_ptr_null(sent(MSG_ARMED, 0));
    step((struct link_event){.type = LINK_EVENT_DROPPED, .lease = 1});
    ck_assert_ptr_nonnull(sent(MSG_ARMED, 0));
}
END_TEST

START_TEST(the_result_of_a_revoked_lease_is_sent_all_the_same)
{
    join();
    grant(1, 1);
    revoke(1);
    answer(1);
    turn_end();
    ck_assert_uint_eq(sent(MSG_RESULT, 0)->result_batch.results[0].lease, 1);
}
END_TEST

// ---- gangs ---------------------------------------------------------------------

START_TEST(requests_go_to_main_and_their_answers_out_once_welcome)
{
    struct rec_piece piece = {.request = 5, .what = 3, .bytes = {(const uint8_t *)"ab", 2}};
    struct msg_served served = {.lease = 9, .pieces = &piece, .n_pieces = 1};
    struct message ask = {.type = MSG_SERVE};
    ask.serve = (struct msg_serve){.lease = 9, .request = 5, .what = 2};
    turn_end();
    step((struct link_event){.type = LINK_EVENT_SERVED, .served = &served});
    ck_assert_ptr_null(sent(MSG_SERVED, 0)); // nobody to tell
    welcome(INCARNATION);
    receive(&ask);
    const struct link_effect *e = effect(LINK_EFFECT_SERVE, 0);
    ck_assert(e && e->message->serve.request == 5);
    step((struct link_event){.type = LINK_EVENT_SERVED, .served = &served});
    const struct message *m = sent(MSG_SERVED, 0);
    ck_assert(m && m->served.lease == 9 && m->served.n_pieces == 1);
    ck_assert_uint_eq(m->served.pieces[0].request, 5);
    turn_end();
    ck_assert_ptr_null(sent(MSG_SERVED, 0)); // once
}
END_TEST

START_TEST(armed_means_that_nothing_is_held_and_results_went_first)
{
    join();
    grant(1, 2);
    prepare(50);
    ck_assert_ptr_null(sent(MSG_ARMED, 0));
    grant(3, 1);
    ck_assert_uint_eq(fx.n, 0); // takes nothing else
    answer(1);
    answer(2);
    ck_assert_uint_eq(fx.n, 2);
    ck_assert_int_eq(fx.list[0].message->type, MSG_RESULT);
    ck_assert_int_eq(fx.list[1].message->type, MSG_ARMED);
    prepare(50); // it got lost
    ck_assert_uint_eq(sent(MSG_ARMED, 0)->armed.gang, 50);
    disarm(50);
    grant(3, 1);
    ck_assert_ptr_nonnull(effect(LINK_EFFECT_WORK, 0));
}
END_TEST

START_TEST(go_is_always_answered_and_handed_over_once)
{
    join();
    prepare(50);
    go(50, 1, 51);
    ck_assert_ptr_null(sent(MSG_WENT, 0));
    const struct link_effect *e = effect(LINK_EFFECT_GANG, 0);
    ck_assert_uint_eq(e->leases[0].lease, 51);
    ck_assert_uint_eq(e->gang, 50);
    ck_assert_uint_eq(e->n_ranks, 2);
    tick_at(now + 100 * CLOCK_MS); // a long step
    ck_assert_uint_eq(sent(MSG_WENT, 0)->went.step, 1);
    tick_at(now + 50 * CLOCK_MS);
    ck_assert_ptr_null(sent(MSG_WENT, 0));
    go(50, 1, 51);
    ck_assert_uint_eq(fx.n, 1);
    ck_assert_ptr_nonnull(sent(MSG_WENT, 0));
    answer(51);
    gang_done(50);
    go(50, 1, 51); // late
    ck_assert_ptr_null(effect(LINK_EFFECT_GANG, 0));
    go(50, 2, 52);
    ck_assert_ptr_nonnull(effect(LINK_EFFECT_GANG, 0));
    gang_done(50); // not the root: no result
    disarm(50);
    go(50, 2, 52);
    ck_assert_uint_eq(fx.n, 1);
    prepare(50); // late too
    ck_assert_uint_eq(fx.n, 0);
    grant(60, 1);
    ck_assert_ptr_nonnull(effect(LINK_EFFECT_WORK, 0));
}
END_TEST

START_TEST(a_go_for_an_unknown_job_is_left_to_be_repeated)
{
    tick_at(now);
    welcome(INCARNATION);
    prepare(50);
    go(50, 1, 51);
    ck_assert_ptr_null(sent(MSG_WENT, 0));
    ck_assert_uint_eq(sent(MSG_NEED, 0)->need.job, JOB);
    tell_job(JOB);
    go(50, 1, 51);
    ck_assert_ptr_nonnull(effect(LINK_EFFECT_GANG, 0));
}
END_TEST

START_TEST(hello_tells_in_which_step_of_a_gang_the_rank_is)
{
    struct message who = {.type = MSG_WHO};
    join();
    prepare(50);
    who.who.incarnation = 8;
    receive(&who);
    const struct message *m = sent(MSG_HELLO, 0);
    ck_assert_uint_eq(m->hello.n_held, 1);
    ck_assert_uint_eq(m->hello.held[0].step, 2);
    welcome(8);
    go(50, 1, 51); // of the old coordinator: nobody else will go
    ck_assert_ptr_null(effect(LINK_EFFECT_GANG, 0));
    disarm(0);
    prepare(60);
    ck_assert_ptr_nonnull(sent(MSG_ARMED, 0));
    go(60, 1, 61);
    who.who.incarnation = 9;
    receive(&who);
    m = sent(MSG_HELLO, 0);
    ck_assert_uint_eq(m->hello.n_held, 1);
    ck_assert_uint_eq(m->hello.held[0].lease, 61);
    ck_assert_uint_eq(m->hello.held[0].step, 3);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("link");
    TCase *c = tcase_create("link");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, hello_comes_before_everything);
    tcase_add_test(c, an_unanswered_hello_is_repeated_ever_more_slowly);
    tcase_add_test(c, beats_keep_the_pace_they_are_told);
    tcase_add_test(c, who_is_answered_once_with_all_that_is_held);
    tcase_add_test(c, a_late_second_welcome_changes_nothing);
    tcase_add_test(c, a_welcome_of_a_changed_incarnation_asks_for_hello);
    tcase_add_test(c, goodbye_ends_the_pod_and_the_link_is_silent_afterwards);
    tcase_add_test(c, a_silent_coordinator_is_asked_and_then_given_up);
    tcase_add_test(c, an_idle_coordinator_that_answers_is_not_given_up);
    tcase_add_test(c, leases_of_a_known_job_are_handed_over_in_order_and_once);
    tcase_add_test(c, leases_of_an_unknown_job_wait_for_it_and_keep_their_params);
    tcase_add_test(c, a_need_that_nobody_answers_ends_with_the_lease_let_go);
    tcase_add_test(c, forget_closes_the_job_and_lets_waiting_leases_go);
    tcase_add_test(c, a_revoked_lease_is_held_until_main_let_go_of_it);
    tcase_add_test(c, the_result_of_a_revoked_lease_is_sent_all_the_same);
    tcase_add_test(c, requests_go_to_main_and_their_answers_out_once_welcome);
    tcase_add_test(c, armed_means_that_nothing_is_held_and_results_went_first);
    tcase_add_test(c, go_is_always_answered_and_handed_over_once);
    tcase_add_test(c, a_go_for_an_unknown_job_is_left_to_be_repeated);
    tcase_add_test(c, hello_tells_in_which_step_of_a_gang_the_rank_is);
    suite_add_tcase(s, c);
    return s;
}

int main(void)
{
    return harness_run(suite());
}
