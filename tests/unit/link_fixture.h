// SPDX-License-Identifier: MIT
// link_fixture.h - one link, a clock that a test turns, and what the coordinator says.
//
// For the programs that test worker/link.h; each has the fixture to itself.
//
// Threads    Single.

#ifndef TESTS_UNIT_LINK_FIXTURE_H
#define TESTS_UNIT_LINK_FIXTURE_H

#include "common/arena.h"
#include "common/clock.h"
#include "tests/unit/harness.h"
#include "worker/link.h"

enum { INCARNATION = 7, JOB = 3, BEAT_MS = 100, RECORDS = 4 };

static struct link *l;
static struct arena *a;
static struct link_effects fx; // of the last step
static int64_t now;

static inline void step(struct link_event e)
{
    e.now = now;
    e.progress = 42;
    fx = (struct link_effects){.arena = a};
    link_step(l, &e, &fx);
}

static inline void receive(const struct message *m)
{
    step((struct link_event){.type = LINK_EVENT_MESSAGE, .message = m});
}

static inline void turn_end(void)
{
    step((struct link_event){.type = LINK_EVENT_TURN_END});
}

static inline void tick_at(int64_t at)
{
    now = at;
    step((struct link_event){.type = LINK_EVENT_TICK});
}

static inline const struct link_effect *effect(enum link_effect_type type, uint32_t nth)
{
    for (uint32_t i = 0; i < fx.n; i++)
        if (fx.list[i].type == type && nth-- == 0)
            return &fx.list[i];
    return NULL;
}

static inline const struct message *sent(enum message_type type, uint32_t nth)
{
    for (uint32_t i = 0; i < fx.n; i++)
        if (fx.list[i].type == LINK_EFFECT_SEND && fx.list[i].message->type == type
            && nth-- == 0)
            return fx.list[i].message;
    return NULL;
}

static inline void setup(void)
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

static inline void teardown(void)
{
    link_destroy(l);
    arena_destroy(a);
}

static inline void welcome(uint64_t incarnation)
{
    struct message m = {.type = MSG_WELCOME};
    m.welcome.incarnation = incarnation;
    m.welcome.beat_ms = BEAT_MS;
    receive(&m);
}

static inline void tell_job(uint64_t job)
{
    struct message m = {.type = MSG_JOB};
    m.job.job = job;
    receive(&m);
}

static inline void join(void)
{
    tick_at(now);
    welcome(INCARNATION);
    tell_job(JOB);
}

static inline void grant(uint64_t first, uint32_t n)
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

static inline void answer(uint64_t lease)
{
    struct rec_result r = {.lease = lease, .job = JOB, .first = lease, .count = 1};
    r.data = (struct bin){(const uint8_t *)&lease, sizeof lease};
    step((struct link_event){.type = LINK_EVENT_RESULT, .result = &r});
}

static inline void acknowledge(uint64_t upto)
{
    struct message m = {.type = MSG_ACK};
    m.ack.upto = upto;
    receive(&m);
}

static inline void revoke(uint64_t lease)
{
    struct rec_id id = {lease};
    struct message m = {.type = MSG_REVOKE};
    m.revoke.leases = &id;
    m.revoke.n_leases = 1;
    receive(&m);
}

static inline void prepare(uint64_t gang)
{
    struct message m = {.type = MSG_PREPARE};
    m.prepare = (struct msg_prepare){.gang = gang, .first_rank = 0, .n_ranks = 2};
    receive(&m);
}

static inline void go(uint64_t gang, uint32_t nth, uint64_t lease)
{
    struct rec_lease r = {.lease = lease, .job = JOB, .first = 0, .count = 1};
    struct message m = {.type = MSG_GO};
    m.go =
        (struct msg_go){.gang = gang, .step = nth, .leases = &r, .n_leases = 1, .n_ranks = 2};
    receive(&m);
}

static inline void disarm(uint64_t gang)
{
    struct message m = {.type = MSG_DISARM};
    m.disarm.gang = gang;
    receive(&m);
}

static inline void gang_done(uint64_t gang)
{
    step((struct link_event){.type = LINK_EVENT_GANG_DONE, .gang = gang});
}

#endif
