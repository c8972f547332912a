// SPDX-License-Identifier: MIT
// test_core.c - each item counts once, whoever is slow, lost, late or lying.
//
// Worker ranks are played by the test: it reads the core's messages from the
// effects and answers as it likes.  The laws (core_check) hold after each step.
#include "coordinator/core.h"

#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/outcome.h"
#include "common/rng.h"
#include "protocol/codec.h"
#include "tests/unit/harness.h"

enum { PEERS = 8, LEASES = 4096, ITEMS = 2000 };

static struct core *core;
static struct arena *arena;
static struct effects fx;
static int64_t now;
static uint64_t instance_of[PEERS + 1]; // by peer
static uint64_t seq[PEERS + 1];
static struct rec_lease todo[PEERS + 1][LEASES];
static uint32_t n_todo[PEERS + 1];
static uint32_t told[ITEMS]; // how often the driver was told of an item
static uint32_t n_sent[256]; // messages by type
static uint64_t gang_of_peer[PEERS + 1];
static enum job_state ended; // of the job, JOB_RUNNING until then
static uint32_t n_failed;

static void on_send(const struct effect *e)
{
    const struct message *m = e->message;
    uint64_t p = e->peer;
    n_sent[m->type]++;
    if (m->type == MSG_GRANT)
        for (uint32_t i = 0; i < m->grant.n_leases; i++) {
            ck_assert_uint_lt(n_todo[p], LEASES);
            todo[p][n_todo[p]++] = m->grant.leases[i];
        }
    if (m->type == MSG_GO)
        todo[p][n_todo[p]++] = m->go.leases[0];
    if (m->type == MSG_PREPARE)
        gang_of_peer[p] = m->prepare.gang;
}

static void drain(void)
{
    for (uint32_t i = 0; i < fx.n; i++) {
        const struct effect *e = &fx.list[i];
        if (e->type == EFFECT_SEND)
            on_send(e);
        if (e->type == EFFECT_TELL)
            for (uint32_t k = 0; k < e->outcome.count; k++)
                told[e->outcome.first + k]++;
        if (e->type == EFFECT_TELL)
            n_failed += e->outcome.n_faults;
        if (e->type == EFFECT_JOB)
            ended = e->state;
    }
    arena_reset(arena);
    effects_init(&fx, arena);
}

static enum error step(struct event e)
{
    struct errtext t;
    e.now = now;
    enum error got = core_step(core, &e, &fx, NULL);
    ck_assert_msg(!core_check(core, &t), "%s", t.text);
    return got;
}

static void turn(int64_t later)
{
    now += later;
    ck_assert(!step((struct event){.type = EVENT_TURN_END}));
    drain();
}

static void say(uint64_t peer, struct message m)
{
    ck_assert(!step((struct event){.type = EVENT_MESSAGE, .peer = peer, .message = &m}));
}

static void hello(uint64_t peer, uint64_t instance, uint32_t rank, uint32_t n_ranks)
{
    struct message m = {.type = MSG_HELLO};
    m.hello.instance = instance;
    m.hello.rank = rank;
    m.hello.n_ranks = n_ranks;
    m.hello.next_seq = 1;
    m.hello.host = m.hello.version = m.hello.numerics = str_of("x");
    seq[peer] = 1;
    n_todo[peer] = 0;
    instance_of[peer] = instance;
    say(peer, m);
}

static void beat(uint64_t peer, uint64_t progress)
{
    struct message m = {.type = MSG_BEAT};
    m.beat.progress = progress;
    m.beat.n_held = n_todo[peer];
    m.beat.lease = n_todo[peer] ? todo[peer][0].lease : 0;
    say(peer, m);
}

// Answer the peer's oldest lease; fault: one item of it failed by its own doing.
static void answer(uint64_t peer, bool fault, const char *worker_fault)
{
    ck_assert_uint_gt(n_todo[peer], 0);
    struct rec_lease l = todo[peer][0];
    memmove(todo[peer], todo[peer] + 1, --n_todo[peer] * sizeof l);
    struct buf data;
    double *rows = mem_alloc(l.count * sizeof *rows);
    buf_init(&data, 1 << 20);
    outcome_put_rows(&data, rows, l.count, 1);
    struct rec_fault f = {.item = l.first, .blame = 1, .text = str_of("exit 1")};
    struct rec_result r = {.lease = l.lease,
                           .job = l.job,
                           .first = l.first,
                           .count = l.count,
                           .elapsed_ns = 1000000,
                           .data = {data.bytes, (uint32_t)data.n},
                           .faults = &f,
                           .n_faults = fault,
                           .worker_fault = str_of(worker_fault)};
    struct message m = {.type = MSG_RESULT};
    m.result_batch.seq = seq[peer]++;
    m.result_batch.results = &r;
    m.result_batch.n_results = 1;
    say(peer, m);
    buf_fini(&data);
    mem_free(rows);
}

static enum error submit(uint64_t n_items, struct job_spec s)
{
    struct message m = {.type = MSG_JOB};
    struct buf b;
    m.job.job = 1;
    m.job.workload = str_of("noop");
    m.job.params = (struct bin){(const uint8_t *)"\x80", 1};
    buf_init(&b, 4096);
    codec_encode(&m, &b);
    s.number = 1;
    s.name = s.workload = "noop";
    s.gang = s.gang ? s.gang : 1;
    s.max_attempts = s.max_attempts ? s.max_attempts : 1;
    s.max_crashes = 3;
    s.max_failures = s.max_failures ? s.max_failures : UINT64_MAX;
    s.n_items = n_items;
    s.durability = DURABILITY_FULL;
    s.job_message = (struct bin){b.bytes, (uint32_t)b.n};
    enum error e = step((struct event){.type = EVENT_SUBMIT, .spec = &s});
    buf_fini(&b);
    return e;
}

static void setup(void)
{
    struct core_options o = {.incarnation = 7, .jobs_max = 1};
    arena = arena_create();
    effects_init(&fx, arena);
    core = core_create(&o);
    now = CLOCK_SECOND;
    ck_assert(!step((struct event){.type = EVENT_RECOVERED}));
    turn(0);
}

static void teardown(void)
{
    core_destroy(core);
    arena_destroy(arena);
}

static void all_told_once(uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        ck_assert_msg(told[i] == 1, "item %d was told %u times", (int)i, told[i]);
}

static void work_to_the_end(uint64_t n)
{
    for (int i = 0; i < 20000; i++) {
        struct job_view v;
        ck_assert(core_job_view(core, 1, &v));
        if (v.n_done == n)
            return;
        for (uint64_t p = 1; p <= PEERS; p++) {
            if (instance_of[p])
                beat(p, (uint64_t)i + 1);
            if (n_todo[p])
                answer(p, false, NULL);
        }
        turn(CLOCK_MS);
    }
    ck_abort_msg("the job did not end");
}

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
    tcase_add_test(t, a_gang_starts_only_when_all_are_armed);
    tcase_add_test(t, a_gang_that_no_pod_can_hold_says_why);
    tcase_add_test(t, a_job_that_serves_has_one_rank_to_itself);
    tcase_add_test(t, a_server_that_lasted_counts_its_crashes_anew);
    tcase_add_test(t, a_cancelled_job_lets_go_of_everything);
    tcase_add_test(t, lost_pods_are_not_remembered_for_ever);
    tcase_add_test(t, one_connection_does_not_fill_the_roster);
    tcase_add_loop_test(t, under_random_faults_every_item_counts_once, 0, 60);
    suite_add_tcase(s, t);
    return harness_run(s);
}
