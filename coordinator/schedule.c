// SPDX-License-Identifier: MIT
// schedule.c - who works next, on what: priority, then fair share between
// owners, then first come first served; ranks fill evenly up to their credit;
// idle ranks copy stragglers.
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "coordinator/core_state.h"

// Work a rank should hold: it covers a slow turn of ours.
#define CREDIT_TIME (20 * INT64_C(1000000))
// A lease may be copied when it is older than this and than its shard's usual time.
#define COPY_AFTER (100 * INT64_C(1000000))

// So many RESULTs share an ACK, or it waits for so long.
enum { ACK_EVERY = 32 };
#define CHAT_WAIT (10 * CLOCK_MS)
// A rank's credit is refilled by this part of it at least.
enum { BURST = 2 };

struct candidate {
    struct job *job;
    uint64_t served; // of its owner
};

static int by_rank(const void *x, const void *y)
{
    const struct candidate *a = x;
    const struct candidate *b = y;
    if (a->job->spec.priority != b->job->spec.priority)
        return a->job->spec.priority > b->job->spec.priority ? -1 : 1;
    if (a->served != b->served)
        return a->served < b->served ? -1 : 1;
    return a->job->spec.number < b->job->spec.number ? -1 : 1;
}

static uint32_t candidates(struct core *c, struct arena *a, struct candidate **out)
{
    struct candidate *list = arena_alloc(a, (c->n_jobs + 1) * sizeof *list);
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->n_jobs; i++) {
        struct job *j = c->jobs[i];
        if (!job_has_work(c, j))
            continue;
        list[n].job = j;
        list[n].served = c->owner_ns[j->owner];
        n++;
    }
    if (n > 1)
        qsort(list, n, sizeof *list, by_rank);
    *out = list;
    return n;
}

static void chat(struct core *c, struct rank *r)
{
    if (!r->ack_due && !r->n_forget)
        r->chat_since = c->now;
}

void schedule_ack(struct core *c, struct rank *r)
{
    chat(c, r);
    r->ack_due = true;
}

void schedule_forget(struct core *c, struct rank *r, uint64_t job)
{
    chat(c, r);
    if (r->n_forget == r->cap_forget) {
        r->cap_forget = r->cap_forget ? r->cap_forget * 2 : 8;
        r->forget = mem_realloc(r->forget, r->cap_forget * sizeof *r->forget);
    }
    r->forget[r->n_forget++] = job;
}

static void flush_forget(struct rank *r, struct effects *fx)
{
    for (uint32_t i = 0; i < r->n_forget; i++) {
        struct message *m;
        (void)core_send(fx, r->peer, MSG_FORGET, &m);
        m->forget.job = r->forget[i];
    }
    r->n_forget = 0;
}

static bool is_to_forget(const struct rank *r, uint64_t job)
{
    for (uint32_t i = 0; i < r->n_forget; i++)
        if (r->forget[i] == job)
            return true;
    return false;
}

void schedule_send_job(struct core *c, struct rank *r, struct job *j, struct effects *fx)
{
    (void)c;
    if (r->told == j->spec.number)
        return;
    r->told = j->spec.number;
    if (map_find(&r->jobs, j->spec.number, NULL))
        return;
    map_set(&r->jobs, j->spec.number, 1);
    if (is_to_forget(r, j->spec.number)) // and now it is tried again
        flush_forget(r, fx);
    struct message *m;
    (void)core_send(fx, r->peer, MSG_JOB, &m);
    *m = j->message; // borrows from the job, which outlives the turn
    m->type = MSG_JOB;
}

void schedule_grant(
    struct core *c, struct rank *r, struct job *j, struct lease *l, struct effects *fx)
{
    schedule_send_job(c, r, j, fx);
    if (r->n_grant == r->cap_grant) {
        r->cap_grant = r->cap_grant ? r->cap_grant * 2 : 8;
        r->grant = mem_realloc(r->grant, r->cap_grant * sizeof *r->grant);
    }
    r->grant[r->n_grant++] = (struct rec_lease){
        .lease = l->number,
        .job = j->spec.number,
        .first = l->unit.first,
        .count = l->unit.count,
        .attempt = l->unit.attempt,
        .alone = l->unit.alone,
        .params = job_params(j, &l->unit, fx->arena),
    };
}

static void flush_ack(struct rank *r, struct effects *fx)
{
    struct message *m;
    if (!r->ack_due)
        return;
    struct effect *e = core_send(fx, r->peer, MSG_ACK, &m);
    e->after = true;
    m->ack.upto = r->next_seq - 1;
    r->ack_due = false;
    r->acked = m->ack.upto;
}

// Nobody waits for these: rare enough that they cost little and stand in no answer's
// way, often enough that a rank's outbox stays small.
static void flush_chat(struct core *c, struct rank *r, struct effects *fx)
{
    if (!r->ack_due && !r->n_forget)
        return;
    if (r->next_seq - r->acked > ACK_EVERY || c->now - r->chat_since >= CHAT_WAIT) {
        flush_forget(r, fx);
        flush_ack(r, fx);
    } else if (c->chat_due > r->chat_since + CHAT_WAIT) {
        c->chat_due = r->chat_since + CHAT_WAIT;
    }
}

static void flush_rank(struct core *c, struct rank *r, struct effects *fx)
{
    for (uint32_t at = 0; at < r->n_grant;) {
        uint32_t n = r->n_grant - at < c->o.records_max ? r->n_grant - at : c->o.records_max;
        struct message *m;
        (void)core_send(fx, r->peer, MSG_GRANT, &m);
        m->grant.leases = arena_copy(fx->arena, r->grant + at, n * sizeof *r->grant);
        m->grant.n_leases = n;
        at += n;
    }
    r->n_grant = 0;
    flush_chat(c, r, fx);
}

// Ranks that may take work of this job now.
static uint32_t
usable_ranks(struct core *c, const struct job *j, struct arena *a, struct rank ***out)
{
    struct rank **list = arena_alloc(a, (core_n_ranks(c) + 1) * sizeof(struct rank *));
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->n_pods; i++) {
        struct pod *p = c->pods[i];
        if (p->draining || p->alone || p == c->alone_pod || !roster_fits(p, &j->spec))
            continue;
        for (uint32_t k = 0; k < p->n_ranks; k++) {
            struct rank *r = p->ranks[k];
            if (r && !r->suspect && !r->stalled && !r->adopted_gang && gang_lets(c, r))
                list[n++] = r;
        }
    }
    *out = list;
    return n;
}

static uint32_t credit_of(const struct core *c, const struct job *j)
{
    double shard = j->item_ns * (double)(j->spec.shard ? j->spec.shard : 1);
    if (shard <= 0 || (!j->spec.shard && !j->params.n && !j->spec.params_of))
        return 2;
    double n = (double)CREDIT_TIME / shard;
    return n < 2 ? 2 : n > c->o.credit_max ? c->o.credit_max : (uint32_t)n;
}

static uint32_t pod_load(const struct pod *p)
{
    uint32_t n = 0;
    for (uint32_t k = 0; k < p->n_ranks; k++)
        if (p->ranks[k])
            n += p->ranks[k]->n_held + (p->ranks[k]->gang != NULL);
    return n;
}

// A suspect shard waits for a pod to itself: keep the least busy one free.
static void grant_alone(struct core *c, struct job *j, const struct unit *u, struct effects *fx)
{
    struct pod *best = c->alone_pod;
    for (uint32_t i = 0; i < c->n_pods && !c->alone_pod; i++) {
        struct pod *p = c->pods[i];
        if (p->n_here && !p->alone && !p->draining && roster_fits(p, &j->spec)
            && (!best || pod_load(p) < pod_load(best)))
            best = p;
    }
    c->alone_pod = best;
    c->alone_job = j;
    struct rank *r = NULL;
    for (uint32_t k = 0; best && k < best->n_ranks && !r; k++)
        r = best->ranks[k] && !best->ranks[k]->stalled ? best->ranks[k] : NULL;
    if (!r || pod_load(best)) {
        job_push_unit(j, u, true);
        return;
    }
    c->alone_pod = NULL;
    c->alone_job = NULL;
    best->alone = true;
    struct lease *l = lease_create(c, j, r, u);
    schedule_grant(c, r, j, l, fx);
}

// A rank that holds nearly all it may waits until a good few can go at once: each
// burst wakes four threads.
static uint32_t without_full(struct rank **ranks, uint32_t n, uint32_t credit)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++)
        if (ranks[i]->n_held <= credit - credit / BURST)
            ranks[kept++] = ranks[i];
    return kept;
}

// Fill the ranks level by level, so that each has one before any has two.
static void grant_solo(struct core *c, struct job *j, struct effects *fx)
{
    struct rank **ranks;
    struct unit u;
    if (job_take(c, j, true, &u))
        grant_alone(c, j, &u, fx);
    uint32_t n = usable_ranks(c, j, fx->arena, &ranks);
    uint32_t credit = credit_of(c, j);
    uint32_t level = credit;
    for (uint32_t i = 0; i < n; i++)
        level = ranks[i]->n_held < level ? ranks[i]->n_held : level;
    n = without_full(ranks, n, credit);
    for (; level < credit; level++)
        for (uint32_t i = 0; i < n; i++) {
            struct rank *r = ranks[(i + c->cursor) % n];
            if (r->n_held > level)
                continue;
            if (!job_take(c, j, false, &u))
                return;
            schedule_grant(c, r, j, lease_create(c, j, r, &u), fx);
            c->cursor++;
        }
}

// ---- copies --------------------------------------------------------------------

static bool is_straggler(const struct core *c, const struct job *j, const struct lease *l)
{
    double usual = j->item_ns * l->unit.count * 2;
    int64_t age = c->now - l->granted;
    bool wanted = l->rank->suspect
                  || (j->is_waiting && j->waits_for >= l->unit.first
                      && j->waits_for < l->unit.first + l->unit.count);
    return !job_gangs_item(j, l->unit.first) && !l->is_copy && !l->has_copy && !l->unit.alone
           && (age > COPY_AFTER || wanted)
           && (l->rank->suspect || (double)age > usual || l != l->rank->held);
}

static struct rank *
idle_rank(struct core *c, const struct job *j, const struct lease *l, struct arena *a)
{
    struct rank **ranks;
    uint32_t n = usable_ranks(c, j, a, &ranks);
    for (uint32_t i = 0; i < n; i++)
        if (!ranks[i]->n_held && ranks[i] != l->rank)
            return ranks[i];
    return NULL;
}

static void copy_stragglers(struct core *c, struct job *j, struct effects *fx)
{
    if (j->state != JOB_RUNNING)
        return;
    for (struct lease *l = j->leases; l; l = l->job_next) {
        if (!is_straggler(c, j, l))
            continue;
        struct rank *r = idle_rank(c, j, l, fx->arena);
        if (!r)
            return;
        struct lease *copy = lease_create(c, j, r, &l->unit);
        copy->is_copy = true;
        l->has_copy = true;
        j->n_copies++;
        schedule_grant(c, r, j, copy, fx);
    }
}

static void grant_all(struct core *c, struct effects *fx)
{
    struct candidate *list;
    uint32_t n = c->work_changed ? candidates(c, fx->arena, &list) : 0;
    for (uint32_t i = 0; i < n; i++) {
        struct job *j = list[i].job;
        if (job_goes_ganged(c, j)) {
            gang_schedule(c, j, fx);
        } else {
            gang_give_up(c, j, fx);
            grant_solo(c, j, fx);
        }
    }
    c->work_changed = false;
    for (uint32_t i = 0; i < c->n_jobs; i++)
        if (c->jobs[i]->leases && !job_has_work(c, c->jobs[i]))
            copy_stragglers(c, c->jobs[i], fx);
}

void schedule_turn(struct core *c, struct effects *fx)
{
    if (!c->disk_full && !c->recovering && c->n_pods)
        grant_all(c, fx);
    c->chat_due = INT64_MAX;
    for (uint32_t i = 0; i < c->n_pods; i++)
        for (uint32_t k = 0; k < c->pods[i]->n_ranks; k++)
            if (c->pods[i]->ranks[k])
                flush_rank(c, c->pods[i]->ranks[k], fx);
}
