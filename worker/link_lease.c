// SPDX-License-Identifier: MIT
// link_lease.c - what this rank holds, and what it knows of the jobs behind it.
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "worker/link_state.h"

// A NEED is repeated (the JOB or the NEED was lost, or the job has ended and
// nobody will answer); after so many the waiting leases are let go.
#define NEED_AGAIN CLOCK_SECOND
enum { NEEDS_MAX = 5 };

struct link_lease *link_lease_find(const struct link *l, uint64_t number)
{
    uint64_t p;
    return map_find(&l->lease_by_number, number, &p) ? (struct link_lease *)(uintptr_t)p : NULL;
}

struct link_lease *
link_lease_add(struct link *l, const struct rec_lease *r, enum lease_state state)
{
    struct link_lease *x = l->free_leases;
    if (x)
        l->free_leases = x->next;
    else
        x = mem_alloc(sizeof *x);
    *x = (struct link_lease){.number = r->lease,
                             .job = r->job,
                             .first = r->first,
                             .count = r->count,
                             .state = state,
                             .prev = l->held_tail};
    *(l->held_tail ? &l->held_tail->next : &l->held) = x;
    l->held_tail = x;
    l->n_held++;
    map_set(&l->lease_by_number, x->number, (uintptr_t)x);
    return x;
}

static void end_wait(struct link *l, struct link_lease *x)
{
    if (!x->waits)
        return;
    mem_free(x->waits);
    x->waits = NULL;
    l->n_waiting--;
}

void link_lease_unhold(struct link *l, struct link_lease *x)
{
    end_wait(l, x);
    *(x->prev ? &x->prev->next : &l->held) = x->next;
    *(x->next ? &x->next->prev : &l->held_tail) = x->prev;
    x->next = x->prev = NULL;
    l->n_held--;
}

void link_lease_free(struct link *l, struct link_lease *x)
{
    (void)map_remove(&l->lease_by_number, x->number);
    x->next = l->free_leases;
    l->free_leases = x;
}

static void let_go(struct link *l, struct link_lease *x)
{
    link_lease_unhold(l, x);
    link_lease_free(l, x);
}

static void copy_params(struct rec_lease *r, struct arena *a)
{
    if (r->params.n)
        r->params.p = arena_copy(a, r->params.p, r->params.n);
}

static void wait_for_job(struct link *l, const struct rec_lease *r, struct link_effects *fx)
{
    struct link_lease *x = link_lease_add(l, r, LEASE_WAITS);
    x->waits = mem_alloc(sizeof *x->waits + r->params.n);
    *x->waits = *r;
    if (r->params.n) {
        uint8_t *behind = (uint8_t *)(x->waits + 1);
        memcpy(behind, r->params.p, r->params.n);
        x->waits->params.p = behind;
    }
    l->n_waiting++;
    if (!map_find(&l->needs, r->job, NULL))
        link_lease_need(l, r->job, fx);
}

void link_lease_need(struct link *l, uint64_t job, struct link_effects *fx)
{
    uint64_t asked = 0;
    (void)map_find(&l->needs, job, &asked);
    map_set(&l->needs, job, asked + 1);
    if (l->need_at == INT64_MAX)
        l->need_at = l->now + NEED_AGAIN;
    link_send(fx, MSG_NEED)->need.job = job;
}

void link_lease_on_grant(struct link *l, const struct msg_grant *g, struct link_effects *fx)
{
    struct rec_lease *work = arena_alloc(fx->arena, g->n_leases * sizeof *work);
    uint32_t n = 0;

    if (l->armed_for)
        return; // takes nothing else; the coordinator finds out by our BEATs
    for (uint32_t i = 0; i < g->n_leases; i++) {
        const struct rec_lease *r = &g->leases[i];
        if (!r->count || link_lease_find(l, r->lease))
            continue; // a repetition
        if (!map_find(&l->jobs, r->job, NULL)) {
            wait_for_job(l, r, fx);
            continue;
        }
        (void)link_lease_add(l, r, LEASE_HANDED);
        work[n] = *r;
        copy_params(&work[n++], fx->arena);
    }
    if (!n)
        return;
    struct link_effect *e = link_add(fx, LINK_EFFECT_WORK);
    e->leases = work;
    e->n_leases = n;
}

static void hand_waiting(struct link *l, uint64_t job, struct link_effects *fx)
{
    struct rec_lease *work = arena_alloc(fx->arena, l->n_waiting * sizeof *work);
    uint32_t n = 0;
    for (struct link_lease *x = l->held; x && l->n_waiting; x = x->next) {
        if (x->state != LEASE_WAITS || x->job != job)
            continue;
        work[n] = *x->waits;
        copy_params(&work[n++], fx->arena);
        end_wait(l, x);
        x->state = LEASE_HANDED;
    }
    if (!n)
        return;
    struct link_effect *e = link_add(fx, LINK_EFFECT_WORK);
    e->leases = work;
    e->n_leases = n;
}

void link_lease_on_job(struct link *l, const struct message *m, struct link_effects *fx)
{
    uint64_t job = m->job.job;
    (void)map_remove(&l->needs, job);
    map_set(&l->jobs, job, 1);
    link_add(fx, LINK_EFFECT_JOB)->message = m;
    if (l->n_waiting)
        hand_waiting(l, job, fx);
}

static void drop_waiting(struct link *l, uint64_t job)
{
    for (struct link_lease *x = l->held, *next; x; x = next) {
        next = x->next;
        if (x->state == LEASE_WAITS && x->job == job)
            let_go(l, x);
    }
}

void link_lease_on_forget(struct link *l, uint64_t job, struct link_effects *fx)
{
    (void)map_remove(&l->needs, job);
    drop_waiting(l, job);
    if (map_remove(&l->jobs, job))
        link_add(fx, LINK_EFFECT_FORGET)->job = job;
}

void link_lease_on_revoke(struct link *l, const struct msg_revoke *r, struct link_effects *fx)
{
    for (uint32_t i = 0; i < r->n_leases; i++) {
        struct link_lease *x = link_lease_find(l, r->leases[i].id);
        if (!x || x->state == LEASE_ANSWERED || x->revoked)
            continue;
        if (x->state == LEASE_WAITS) {
            let_go(l, x);
            continue;
        }
        x->revoked = true;
        link_add(fx, LINK_EFFECT_REVOKE)->lease = x->number;
    }
}

void link_lease_on_dropped(struct link *l, uint64_t number)
{
    struct link_lease *x = link_lease_find(l, number);
    if (x && x->state != LEASE_ANSWERED)
        let_go(l, x);
}

void link_lease_tick(struct link *l, struct link_effects *fx)
{
    if (l->now < l->need_at)
        return;
    l->need_at = INT64_MAX;
    uint64_t *jobs = arena_alloc(fx->arena, l->needs.n * sizeof *jobs);
    size_t at = 0, n = 0;
    uint64_t job, asked;
    while (map_next(&l->needs, &at, &job, &asked))
        jobs[n++] = job; // the map changes below
    for (size_t i = 0; i < n; i++) {
        (void)map_find(&l->needs, jobs[i], &asked);
        if (asked < NEEDS_MAX) {
            link_lease_need(l, jobs[i], fx);
            continue;
        }
        LOG_WARN("job.unknown", "job=%llu", (unsigned long long)jobs[i]);
        (void)map_remove(&l->needs, jobs[i]);
        drop_waiting(l, jobs[i]);
    }
}

uint32_t link_lease_list(const struct link *l, struct arena *a, struct rec_held **out)
{
    struct rec_held *list = arena_alloc(a, (l->n_held + 1) * sizeof *list);
    uint32_t n = 0;
    bool gone = false;
    for (const struct link_lease *x = l->held; x; x = x->next) {
        gone = gone || x->state == LEASE_GONE;
        if (x->revoked)
            continue;
        list[n++] = (struct rec_held){.lease = x->number,
                                      .job = x->job,
                                      .first = x->first,
                                      .count = x->count,
                                      .step = x->state == LEASE_GONE ? 3 : 1};
    }
    if (l->armed_for && !gone)
        list[n++] = (struct rec_held){.lease = l->armed_for, .step = 2};
    *out = list;
    return n;
}
