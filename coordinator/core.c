// SPDX-License-Identifier: MIT
#include "coordinator/core.h"

#include <inttypes.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "coordinator/core_state.h"

// How long a restarted coordinator waits for the pods it knew.
#define RECOVER_WAIT (1 * CLOCK_SECOND)
// Between looks at ranks, gangs and stragglers: while something is out, and idle.
#define TICK_BUSY (50 * CLOCK_MS)
#define TICK_IDLE (1 * CLOCK_SECOND)

void effects_init(struct effects *e, struct arena *a)
{
    *e = (struct effects){.arena = a};
}

void effects_reserve(struct effects *e, uint32_t cap)
{
    if (cap <= e->cap)
        return;
    struct effect *list = arena_room(e->arena, cap * sizeof *list);
    if (e->n)
        memcpy(list, e->list, e->n * sizeof *list);
    e->list = list;
    e->cap = cap;
}

struct effect *effects_add(struct effects *e, enum effect_type type)
{
    if (e->n == e->cap)
        effects_reserve(e, e->cap ? e->cap * 2 : 64);
    struct effect *x = &e->list[e->n++];
    *x = (struct effect){.type = type};
    return x;
}

struct core *core_create(const struct core_options *o)
{
    struct core *c = mem_alloc(sizeof *c);
    c->o = *o;
    if (!c->o.credit_max)
        c->o.credit_max = 256;
    if (!c->o.records_max)
        c->o.records_max = 32;
    if (!c->o.shard_target_ns)
        c->o.shard_target_ns = 250 * CLOCK_MS;
    c->recovering = true;
    c->wait_until = INT64_MAX; // until EVENT_RECOVERED
    c->chat_due = INT64_MAX;
    // Numbers of different incarnations never meet: 2^40 leases each.
    c->next_lease = (o->incarnation << 40) + 1;
    return c;
}

void core_destroy(struct core *c)
{
    if (!c)
        return;
    for (struct gang *g = c->gangs, *next; g; g = next) {
        next = g->next;
        mem_free(g->armed);
        mem_free(g->went);
        mem_free(g->go_params);
        mem_free(g);
    }
    for (uint32_t i = 0; i < c->n_jobs; i++) {
        while (c->jobs[i]->leases)
            lease_end(c, c->jobs[i]->leases);
    }
    while (c->n_pods)
        roster_remove_pod(c, c->pods[0]);
    for (uint32_t i = 0; i < c->n_jobs; i++)
        job_destroy(c->jobs[i]);
    for (struct lease *l = c->free_leases, *next; l; l = next) {
        next = l->job_next;
        mem_free(l);
    }
    map_fini(&c->job_by_number);
    map_fini(&c->rank_by_peer);
    map_fini(&c->lease_by_number);
    map_fini(&c->known_pods);
    map_fini(&c->draining_pods);
    map_fini(&c->gone_pods);
    mem_free(c->gone_order);
    map_fini(&c->owner_by_hash);
    mem_free(c->owner_ns);
    mem_free(c->jobs);
    mem_free(c->pods);
    mem_free(c);
}

static void heard(struct core *c, struct rank *r, uint64_t progress)
{
    r->seen = c->now;
    if (r->suspect) {
        r->suspect = false;
        c->work_changed = true;
    }
    if (!progress || progress == r->progress)
        return;
    r->progress = progress;
    r->moved = c->now;
    if (r->stalled)
        c->work_changed = true;
    r->stalled = false;
}

static void who(const struct core *c, uint64_t peer, struct effects *fx)
{
    struct message *m;
    (void)core_send(fx, peer, MSG_WHO, &m);
    m->who.incarnation = c->o.incarnation;
}

static void
on_result(struct core *c, struct rank *r, const struct message *m, struct effects *fx)
{
    const struct msg_result_batch *b = &m->result_batch;
    heard(c, r, b->progress);
    if (b->seq > r->next_seq)
        return; // one before it was lost; the link sends both again
    schedule_ack(c, r);
    if (b->seq < r->next_seq)
        return;
    r->next_seq++;
    settle_result(c, r, m, fx, false);
}

static void
on_beat(struct core *c, struct rank *r, const struct msg_beat *b, struct effects *fx)
{
    heard(c, r, b->progress);
    if (r->adopted_gang && !b->n_held)
        gang_free_adopted(c, r, fx);
    // A grant that got lost: the rank holds less than we think, for long.
    bool lost = r->held && !r->held->gang && b->n_held < r->n_held
                && b->lease != r->held->number && c->now - r->held->granted > 2 * CLOCK_SECOND;
    if (lost) {
        struct message *m;
        (void)core_send(fx, r->peer, MSG_DISARM, &m);
        liveness_reconcile(c, r, fx);
    }
}

static void on_message(struct core *c, const struct event *e, struct effects *fx)
{
    const struct message *m = e->message;
    struct rank *r = roster_find(c, e->peer);
    if (m->type == MSG_HELLO) {
        (void)roster_hello(c, e->peer, &m->hello, fx);
        return;
    }
    if (!r) { // perhaps of a lost pod: what it computed counts all the same
        if (m->type == MSG_RESULT)
            settle_result(c, NULL, m, fx, false);
        who(c, e->peer, fx);
        return;
    }
    struct job *j;
    switch (m->type) {
    case MSG_BEAT:
        on_beat(c, r, &m->beat, fx);
        break;
    case MSG_RESULT:
        on_result(c, r, m, fx);
        break;
    case MSG_ARMED:
        heard(c, r, 0);
        gang_on_armed(c, r, m->armed.gang, fx);
        break;
    case MSG_WENT:
        heard(c, r, 0);
        gang_on_went(c, r, &m->went);
        break;
    case MSG_NEED:
        heard(c, r, 0);
        (void)map_remove(&r->jobs, m->need.job);
        r->told = 0;
        j = job_find(c, m->need.job);
        if (j && j->state == JOB_RUNNING)
            schedule_send_job(c, r, j, fx);
        break;
    case MSG_GOODBYE:
        liveness_lose_pod(c, r->pod, "it said goodbye", fx);
        break;
    default:
        heard(c, r, 0);
        break;
    }
}

static void on_items(struct core *c, const struct event *e, struct effects *fx, bool recovering)
{
    struct job *j = job_find(c, e->job);
    (void)fx;
    if (!j || j->state != JOB_RUNNING)
        return;
    for (uint64_t i = 0; i < e->items.n_answered; i++)
        job_settle(j, e->items.answered[i], e->items.answered[i] + 1);
    job_add_items(j, e->items.n_items, e->items.params);
    j->is_waiting = e->items.is_waiting;
    j->waits_for = e->items.waits_for;
    if (!recovering)
        c->work_changed = true;
}

static enum error on_retry(struct core *c, struct job *j, struct effects *fx)
{
    if (j->state != JOB_RUNNING) {
        j->state = JOB_RUNNING;
        c->n_open++;
    }
    j->finishing = false;
    while (j->failed.n) {
        struct range x = j->failed.list[0];
        ranges_remove(&j->failed, x.lo, x.hi);
        ranges_remove(&j->settled, x.lo, x.hi);
        for (uint64_t i = x.lo; i < x.hi; i++) {
            struct unit u = {.first = i, .count = 1};
            job_push_unit(j, &u, false);
        }
    }
    (void)fx;
    c->work_changed = true;
    return OK;
}

static enum error
on_request(struct core *c, const struct event *e, struct effects *fx, struct errtext *t)
{
    struct job *j = job_find(c, e->job);
    struct pod *p;
    switch (e->type) {
    case EVENT_SUBMIT:
        return job_submit(c, e->spec, t);
    case EVENT_CANCEL:
        if (!j)
            return errtext_set(t, ERR_NOT_FOUND, "no such job");
        job_end(c, j, JOB_CANCELLED, "cancelled", (struct bin){0}, fx);
        return OK;
    case EVENT_RETRY:
        if (!j)
            return errtext_set(t, ERR_NOT_FOUND, "no such job");
        return on_retry(c, j, fx);
    case EVENT_DRAIN:
        p = roster_pod(c, e->instance);
        if (!p)
            return errtext_set(t, ERR_NOT_FOUND, "no such worker");
        roster_drain(c, p, fx);
        return OK;
    default:
        return ERR_INVALID;
    }
}

static void on_finished(struct core *c, const struct event *e, struct effects *fx)
{
    struct job *j = job_find(c, e->job);
    if (!j)
        return;
    job_end(c, j, e->finished.state, NULL, e->finished.result, fx);
}

static void on_recover_pod(struct core *c, const struct event *e)
{
    (void)map_remove(&c->known_pods, e->instance);
    (void)map_remove(&c->draining_pods, e->instance);
    if (e->pod != POD_GONE)
        map_set(&c->known_pods, e->instance, 1);
    if (e->pod == POD_DRAINING)
        map_set(&c->draining_pods, e->instance, 1);
}

static void end_recovery(struct core *c)
{
    c->recovering = false;
    for (uint32_t i = 0; i < c->n_jobs; i++)
        job_reopen(c->jobs[i]);
    map_fini(&c->known_pods);
    c->work_changed = true;
}

static void on_tick(struct core *c, struct effects *fx)
{
    liveness_tick(c, fx);
    gang_tick(c, fx);
    for (uint32_t i = 0; i < c->n_jobs; i++) {
        struct job *j = c->jobs[i];
        if (j->state == JOB_RUNNING && j->spec.deadline_ns
            && c->now - j->submitted > j->spec.deadline_ns)
            job_end(c, j, JOB_FAILED, "its deadline has passed", (struct bin){0}, fx);
        if (job_next_due(j) <= c->now)
            c->work_changed = true;
    }
}

static int64_t next_look(const struct core *c)
{
    int64_t at = c->n_pods || c->n_open ? c->now + TICK_IDLE : INT64_MAX;
    for (uint32_t i = 0; i < c->n_jobs; i++) {
        struct job *j = c->jobs[i];
        if (j->leases)
            return c->now + TICK_BUSY;
        if (job_next_due(j) < at)
            at = job_next_due(j);
    }
    if (c->gangs && at > c->now + TICK_BUSY)
        at = c->now + TICK_BUSY;
    return at;
}

static int64_t next_tick(const struct core *c)
{
    int64_t look = next_look(c);
    int64_t at = look < c->chat_due ? look : c->chat_due;
    return at > c->now ? at : c->now + CLOCK_MS;
}

static void turn_end(struct core *c, struct effects *fx)
{
    if (c->recovering && c->wait_until != INT64_MAX
        && (!c->known_pods.n || c->now >= c->wait_until))
        end_recovery(c);
    if (c->now >= c->next_tick) {
        on_tick(c, fx);
        c->next_tick = next_tick(c);
    }
    schedule_turn(c, fx);
    int64_t tick = next_tick(c);
    if (tick < c->next_tick)
        c->next_tick = tick;
    for (uint32_t i = 0; i < c->n_jobs; i++) {
        if (!c->jobs[i]->changed)
            continue;
        c->jobs[i]->changed = false;
        struct effect *e = effects_add(fx, EFFECT_CHANGED);
        e->after = true;
        e->job = c->jobs[i]->spec.number;
    }
}

enum error
core_step(struct core *c, const struct event *e, struct effects *fx, struct errtext *t)
{
    struct rank *r;
    c->now = e->now;
    switch (e->type) {
    case EVENT_MESSAGE:
        on_message(c, e, fx);
        return OK;
    case EVENT_PEER_CLOSED:
        r = roster_find(c, e->peer);
        if (r)
            liveness_hint_closed(c, r);
        return OK;
    case EVENT_ITEMS:
        on_items(c, e, fx, false);
        return OK;
    case EVENT_FINISHED:
        on_finished(c, e, fx);
        return OK;
    case EVENT_DISK:
        c->disk_full = e->disk_full;
        c->work_changed = true;
        return OK;
    case EVENT_TICK:
        return OK; // the turn's end looks at the time
    case EVENT_TURN_END:
        turn_end(c, fx);
        return OK;
    case EVENT_RECOVER_RESULT:
        settle_result(c, NULL, e->message, fx, true);
        return OK;
    case EVENT_RECOVER_ASKED:
        on_items(c, e, fx, true);
        return OK;
    case EVENT_RECOVER_POD:
        on_recover_pod(c, e);
        return OK;
    case EVENT_RECOVERED:
        c->wait_until = c->now + RECOVER_WAIT;
        return OK;
    default:
        return on_request(c, e, fx, t);
    }
}

int64_t core_next_deadline(const struct core *c)
{
    int64_t at = c->next_tick;
    if (c->recovering && c->wait_until < at)
        at = c->wait_until;
    return at;
}

void core_drop_job(struct core *c, uint64_t number)
{
    struct job *j = job_find(c, number);
    if (!j || j->state == JOB_RUNNING)
        return;
    for (struct gang *g = c->gangs; g; g = g->next)
        if (g->job == j)
            return; // its ranks are still inside; the shell tries again
    uint32_t at = 0;
    while (c->jobs[at] != j)
        at++;
    for (uint32_t i = at; i + 1 < c->n_jobs; i++)
        c->jobs[i] = c->jobs[i + 1];
    c->n_jobs--;
    (void)map_remove(&c->job_by_number, number);
    job_destroy(j);
}
