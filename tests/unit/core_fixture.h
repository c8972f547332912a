// SPDX-License-Identifier: MIT
// core_fixture.h - a core, a clock that a test turns, and ranks that the test plays.
//
// It reads the core's messages from the effects and answers as it likes.  The laws
// (core_check) hold after each step.  For the programs that test coordinator/core.h;
// each has the fixture to itself.
//
// Threads    Single.

#ifndef TESTS_UNIT_CORE_FIXTURE_H
#define TESTS_UNIT_CORE_FIXTURE_H

#include <string.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/outcome.h"
#include "coordinator/core.h"
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

static inline void on_send(const struct effect *e)
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
        for (uint32_t i = 0; i < m->go.n_leases; i++)
            todo[p][n_todo[p]++] = m->go.leases[i];
    if (m->type == MSG_PREPARE)
        gang_of_peer[p] = m->prepare.gang;
}

static inline void drain(void)
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

static inline enum error step(struct event e)
{
    struct errtext t;
    e.now = now;
    enum error got = core_step(core, &e, &fx, NULL);
    ck_assert_msg(!core_check(core, &t), "%s", t.text);
    return got;
}

static inline void turn(int64_t later)
{
    now += later;
    ck_assert(!step((struct event){.type = EVENT_TURN_END}));
    drain();
}

static inline void say(uint64_t peer, struct message m)
{
    ck_assert(!step((struct event){.type = EVENT_MESSAGE, .peer = peer, .message = &m}));
}

static inline void hello(uint64_t peer, uint64_t instance, uint32_t rank, uint32_t n_ranks)
{
    struct message m = {.type = MSG_HELLO};
    m.hello.instance = instance;
    m.hello.rank = rank;
    m.hello.n_ranks = n_ranks;
    m.hello.next_seq = 1;
    m.hello.pid = 1000 + (uint32_t)peer;
    m.hello.host = m.hello.version = m.hello.numerics = str_of("x");
    seq[peer] = 1;
    n_todo[peer] = 0;
    instance_of[peer] = instance;
    say(peer, m);
}

static inline void beat(uint64_t peer, uint64_t progress)
{
    struct message m = {.type = MSG_BEAT};
    m.beat.progress = progress;
    m.beat.n_held = n_todo[peer];
    m.beat.lease = n_todo[peer] ? todo[peer][0].lease : 0;
    say(peer, m);
}

// Answer the peer's oldest lease; fault: one item of it failed by its own doing.
static inline void answer(uint64_t peer, bool fault, const char *worker_fault)
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
                           .elapsed_ns = 100000,
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

static inline enum error submit(uint64_t n_items, struct job_spec s)
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

static inline void setup(void)
{
    struct core_options o = {.incarnation = 7, .jobs_max = 1};
    arena = arena_create();
    effects_init(&fx, arena);
    core = core_create(&o);
    now = CLOCK_SECOND;
    ck_assert(!step((struct event){.type = EVENT_RECOVERED}));
    turn(0);
}

static inline void teardown(void)
{
    core_destroy(core);
    arena_destroy(arena);
}

static inline void all_told_once(uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        ck_assert_msg(told[i] == 1, "item %d was told %u times", (int)i, told[i]);
}

static inline void work_to_the_end(uint64_t n)
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

#endif
