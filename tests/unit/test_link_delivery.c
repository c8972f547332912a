// SPDX-License-Identifier: MIT
// test_link_delivery.c - every result is delivered, whatever the network does.
#include <stdlib.h>
#include <string.h>

#include "common/rng.h"
#include "tests/unit/link_fixture.h"

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
    Suite *s = suite_create("link_delivery");
    TCase *c = tcase_create("link_delivery");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, results_of_a_turn_share_frames_that_count_without_gaps);
    tcase_add_test(c, records_keep_their_bytes_after_the_callers_are_gone);
    tcase_add_test(c, without_an_ack_all_frames_go_again_in_order_after_a_hello);
    tcase_add_test(c, results_wait_for_the_first_welcome);
    tcase_add_test(c, a_large_result_travels_alone_and_many_make_main_pause);
    tcase_add_loop_test(c, every_lease_is_handed_once_and_settled_whatever_the_network_does, 0,
                        20);
    suite_add_tcase(s, c);
    return s;
}

int main(void)
{
    return harness_run(suite());
}
