// SPDX-License-Identifier: MIT
// test_link.c - every lease is handed over once, every result is delivered.
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/rng.h"
#include "tests/unit/harness.h"
#include "worker/link.h"

enum { INCARNATION = 7, JOB = 3, BEAT_MS = 100, RECORDS = 4 };

static struct link *l;
static struct arena *a;
static struct link_effects fx; // of the last step
static int64_t now;

static void step(struct link_event e)
{
    e.now = now;
    e.progress = 42;
    fx = (struct link_effects){.arena = a};
    link_step(l, &e, &fx);
}

static void receive(const struct message *m)
{
    step((struct link_event){.type = LINK_EVENT_MESSAGE, .message = m});
}

static void turn_end(void)
{
    step((struct link_event){.type = LINK_EVENT_TURN_END});
}

static void tick_at(int64_t at)
{
    now = at;
    step((struct link_event){.type = LINK_EVENT_TICK});
}

static const struct link_effect *effect(enum link_effect_type type, uint32_t nth)
{
    for (uint32_t i = 0; i < fx.n; i++)
        if (fx.list[i].type == type && nth-- == 0)
            return &fx.list[i];
    return NULL;
}

static const struct message *sent(enum message_type type, uint32_t nth)
{
    for (uint32_t i = 0; i < fx.n; i++)
        if (fx.list[i].type == LINK_EFFECT_SEND && fx.list[i].message->type == type
            && nth-- == 0)
            return fx.list[i].message;
    return NULL;
}

static void setup(void)
{
    struct link_options o = {.instance = 99,
                             .rank = 0,
                             .n_ranks = 2,
                             .host = "here",
                             .numerics = "portable",
                             .records_max = RECORDS,
                             .lonely_ns = 600 * CLOCK_SECOND};
    now = CLOCK_SECOND;
    a = arena_create();
    l = link_create(&o);
}

static void teardown(void)
{
    link_destroy(l);
    arena_destroy(a);
}

static void welcome(uint64_t incarnation)
{
    struct message m = {.type = MSG_WELCOME};
    m.welcome.incarnation = incarnation;
    m.welcome.beat_ms = BEAT_MS;
    receive(&m);
}

static void tell_job(uint64_t job)
{
    struct message m = {.type = MSG_JOB};
    m.job.job = job;
    receive(&m);
}

static void join(void)
{
    tick_at(now);
    welcome(INCARNATION);
    tell_job(JOB);
}

static void grant(uint64_t first, uint32_t n)
{
    struct rec_lease list[64];
    struct message m = {.type = MSG_GRANT};
    for (uint32_t i = 0; i < n; i++)
        list[i] =
            (struct rec_lease){.lease = first + i, .job = JOB, .first = first + i, .count = 1};
    m.grant.leases = list;
    m.grant.n_leases = n;
    receive(&m);
}

static void answer(uint64_t lease)
{
    struct rec_result r = {.lease = lease, .job = JOB, .first = lease, .count = 1};
    r.data = (struct bin){(const uint8_t *)&lease, sizeof lease};
    step((struct link_event){.type = LINK_EVENT_RESULT, .result = &r});
}

static void acknowledge(uint64_t upto)
{
    struct message m = {.type = MSG_ACK};
    m.ack.upto = upto;
    receive(&m);
}

static void revoke(uint64_t lease)
{
    struct rec_id id = {lease};
    struct message m = {.type = MSG_REVOKE};
    m.revoke.leases = &id;
    m.revoke.n_leases = 1;
    receive(&m);
}

static void prepare(uint64_t gang)
{
    struct message m = {.type = MSG_PREPARE};
    m.prepare = (struct msg_prepare){.gang = gang, .first_rank = 0, .n_ranks = 2};
    receive(&m);
}

static void go(uint64_t gang, uint32_t nth, uint64_t lease)
{
    struct rec_lease r = {.lease = lease, .job = JOB, .first = 0, .count = 1};
    struct message m = {.type = MSG_GO};
    m.go =
        (struct msg_go){.gang = gang, .step = nth, .leases = &r, .n_leases = 1, .n_ranks = 2};
    receive(&m);
}

static void disarm(uint64_t gang)
{
    struct message m = {.type = MSG_DISARM};
    m.disarm.gang = gang;
    receive(&m);
}

static void gang_done(uint64_t gang)
{
    step((struct link_event){.type = LINK_EVENT_GANG_DONE, .gang = gang});
}

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

// ---- the outbox ----------------------------------------------------------------

START_TEST(results_of_a_turn_share_frames_that_count_without_gaps)
{
    join();
    grant(1, 10);
    uint32_t full = 0;
    for (uint64_t i = 1; i <= 10; i++) {
        answer(i);
        full += sent(MSG_RESULT, 0) != NULL; // a full frame leaves at once
    }
    ck_assert_uint_eq(full, 2);
    turn_end();
    const struct message *m = sent(MSG_RESULT, 0);
    ck_assert_uint_eq(m->result_batch.seq, 3);
    ck_assert_uint_eq(m->result_batch.n_results, 2);
    ck_assert_uint_eq(m->result_batch.progress, 42);
    ck_assert_uint_eq(link_n_unacknowledged(l), 10);
    acknowledge(2);
    ck_assert_uint_eq(link_n_unacknowledged(l), 2);
    acknowledge(1); // an old one
    ck_assert_uint_eq(link_n_unacknowledged(l), 2);
    acknowledge(3);
    ck_assert_uint_eq(link_n_unacknowledged(l), 0);
}
END_TEST

START_TEST(records_keep_their_bytes_after_the_callers_are_gone)
{
    char text[] = "it failed", detail[] = "stderr", name[] = "out.txt";
    uint8_t data[] = {1, 2, 3}, hash[32] = {9};
    struct rec_fault f = {.item = 1, .blame = 1, .text = str_of(text)};
    struct rec_output o = {.item = 1, .name = str_of(name), .hash = {hash, 32}, .size = 5};
    struct rec_result r = {.lease = 1, .job = JOB, .first = 1, .count = 1};
    join();
    grant(1, 1);
    f.detail = str_of(detail);
    r.data = (struct bin){data, 3};
    r.faults = &f;
    r.outputs = &o;
    r.n_faults = r.n_outputs = 1;
    step((struct link_event){.type = LINK_EVENT_RESULT, .result = &r});
    memset(text, 0, sizeof text);
    memset(detail, 0, sizeof detail);
    memset(name, 0, sizeof name);
    memset(data, 0, sizeof data);
    memset(hash, 0, sizeof hash);
    memset(&f, 0, sizeof f);
    memset(&o, 0, sizeof o);
    turn_end();
    const struct rec_result *got = &sent(MSG_RESULT, 0)->result_batch.results[0];
    ck_assert_mem_eq(got->data.p, "\1\2\3", 3);
    ck_assert_mem_eq(got->faults[0].text.p, "it failed", 9);
    ck_assert_mem_eq(got->faults[0].detail.p, "stderr", 6);
    ck_assert_mem_eq(got->outputs[0].name.p, "out.txt", 7);
    ck_assert_uint_eq(got->outputs[0].hash.p[0], 9);
}
END_TEST

START_TEST(without_an_ack_all_frames_go_again_in_order_after_a_hello)
{
    join();
    grant(1, 9);
    for (uint64_t i = 1; i <= 9; i++)
        answer(i);
    turn_end();
    acknowledge(1);
    int64_t acked = now;
    const struct message *m = NULL;
    while (!m && now < acked + 10 * CLOCK_SECOND) {
        tick_at(link_next_deadline(l));
        ck_assert_ptr_null(sent(MSG_RESULT, 0));
        m = sent(MSG_HELLO, 0);
    }
    ck_assert_int_eq(now, acked + CLOCK_SECOND);
    ck_assert_uint_eq(m->hello.next_seq, 2);
    welcome(INCARNATION);
    ck_assert_uint_eq(sent(MSG_RESULT, 0)->result_batch.seq, 2);
    ck_assert_uint_eq(sent(MSG_RESULT, 1)->result_batch.seq, 3);
    ck_assert_ptr_null(sent(MSG_RESULT, 2));
    acknowledge(3);
    tick_at(now + 5 * CLOCK_SECOND);
    ck_assert_ptr_null(sent(MSG_HELLO, 0));
}
END_TEST

START_TEST(results_wait_for_the_first_welcome)
{
    tick_at(now);
    tell_job(JOB);
    grant(1, 1);
    answer(1);
    turn_end();
    ck_assert_ptr_null(sent(MSG_RESULT, 0));
    welcome(INCARNATION);
    ck_assert_uint_eq(sent(MSG_RESULT, 0)->result_batch.seq, 1);
}
END_TEST

START_TEST(a_large_result_travels_alone_and_many_make_main_pause)
{
    size_t n = 5 * 1024 * 1024;
    uint8_t *big = calloc(1, n);
    join();
    grant(1, 20);
    answer(1);
    for (uint64_t i = 2; i <= 16; i++) {
        struct rec_result r = {.lease = i, .job = JOB, .first = i, .count = 1};
        r.data = (struct bin){big, (uint32_t)n};
        step((struct link_event){.type = LINK_EVENT_RESULT, .result = &r});
        ck_assert_uint_eq(sent(MSG_RESULT, 0)->result_batch.n_results, 1);
        ck_assert_int_eq(link_is_congested(l), (i - 1) * n > 64u * 1024 * 1024);
    }
    turn_end();
    ck_assert(link_is_congested(l));
    acknowledge(16);
    ck_assert(!link_is_congested(l));
    free(big);
}
END_TEST

// ---- gangs ---------------------------------------------------------------------

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
    ck_assert_uint_eq(sent(MSG_WENT, 0)->went.step, 1);
    const struct link_effect *e = effect(LINK_EFFECT_GANG, 0);
    ck_assert_uint_eq(e->leases[0].lease, 51);
    ck_assert_uint_eq(e->gang, 50);
    ck_assert_uint_eq(e->n_ranks, 2);
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
    ck_assert_ptr_nonnull(sent(MSG_WENT, 0));
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

// ---- the law -------------------------------------------------------------------

// A coordinator that settles by lease, behind a network that loses and repeats.
enum { LEASES = 60 };

struct model {
    bool granted[LEASES + 1];
    bool settled[LEASES + 1];
    uint32_t handed[LEASES + 1];
    uint64_t queue[LEASES];
    uint32_t n_queue;
    uint64_t next_seq;
};

static void model_take(struct model *m, struct rng *r, uint32_t loss)
{
    struct message reply[64];
    uint32_t n = 0;
    for (uint32_t i = 0; i < fx.n; i++) {
        const struct link_effect *e = &fx.list[i];
        for (uint32_t k = 0; e->type == LINK_EFFECT_WORK && k < e->n_leases; k++) {
            m->handed[e->leases[k].lease]++;
            m->queue[m->n_queue++] = e->leases[k].lease;
        }
        if (e->type != LINK_EFFECT_SEND || rng_below(r, 100) < loss)
            continue;
        const struct message *s = e->message;
        if (s->type == MSG_HELLO) {
            m->next_seq = s->hello.next_seq;
            reply[n] = (struct message){.type = MSG_WELCOME};
            reply[n].welcome = (struct msg_welcome){INCARNATION, BEAT_MS};
            n++;
        } else if (s->type == MSG_RESULT && s->result_batch.seq <= m->next_seq) {
            m->next_seq += s->result_batch.seq == m->next_seq;
            for (uint32_t k = 0; k < s->result_batch.n_results; k++)
                m->settled[s->result_batch.results[k].lease] = true;
            reply[n] = (struct message){.type = MSG_ACK};
            reply[n++].ack.upto = m->next_seq - 1;
        }
    }
    for (uint32_t i = 0; i < n; i++) {
        if (rng_below(r, 100) < loss)
            continue;
        receive(&reply[i]);
        model_take(m, r, loss);
    }
}

static void model_act(struct model *m, struct rng *r, uint32_t loss)
{
    uint64_t lease = 1 + rng_below(r, LEASES);
    switch (rng_below(r, 4)) {
    case 0: // granted, or repeated while it is not settled
        if (m->settled[lease])
            return;
        m->granted[lease] = true;
        grant(lease, 1);
        break;
    case 1:
        if (!m->n_queue)
            return;
        lease = m->queue[--m->n_queue];
        answer(lease);
        break;
    case 2:
        turn_end();
        break;
    default:
        tick_at(now + (int64_t)rng_below(r, CLOCK_SECOND / 2));
        break;
    }
    model_take(m, r, loss);
}

START_TEST(every_lease_is_handed_once_and_settled_whatever_the_network_does)
{
    struct rng r = rng_at(1, 0, 0, (uint32_t)_i);
    struct model m = {.next_seq = 1};
    tick_at(now);
    model_take(&m, &r, 30);
    tell_job(JOB);
    for (int i = 0; i < 2000; i++) {
        model_act(&m, &r, 30);
        arena_reset(a);
    }
    for (int i = 0; i < 400; i++) { // the network is well again
        if (m.n_queue)
            answer(m.queue[--m.n_queue]);
        model_take(&m, &r, 0);
        tick_at(now + CLOCK_SECOND / 4);
        model_take(&m, &r, 0);
    }
    ck_assert_uint_eq(link_n_unacknowledged(l), 0);
    for (uint32_t i = 1; i <= LEASES; i++) {
        ck_assert_uint_eq(m.settled[i], m.granted[i]);
        ck_assert_uint_eq(m.handed[i], m.granted[i]);
    }
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
    tcase_add_test(c, results_of_a_turn_share_frames_that_count_without_gaps);
    tcase_add_test(c, records_keep_their_bytes_after_the_callers_are_gone);
    tcase_add_test(c, without_an_ack_all_frames_go_again_in_order_after_a_hello);
    tcase_add_test(c, results_wait_for_the_first_welcome);
    tcase_add_test(c, a_large_result_travels_alone_and_many_make_main_pause);
    tcase_add_test(c, armed_means_that_nothing_is_held_and_results_went_first);
    tcase_add_test(c, go_is_always_answered_and_handed_over_once);
    tcase_add_test(c, a_go_for_an_unknown_job_is_left_to_be_repeated);
    tcase_add_test(c, hello_tells_in_which_step_of_a_gang_the_rank_is);
    tcase_add_loop_test(c, every_lease_is_handed_once_and_settled_whatever_the_network_does, 0,
                        20);
    suite_add_tcase(s, c);
    return s;
}

int main(void)
{
    return harness_run(suite());
}
