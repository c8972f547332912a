// SPDX-License-Identifier: MIT
// lease.c - who is working on which shard.
#include "common/log.h"
#include "common/mem.h"
#include "coordinator/core_state.h"

struct lease *lease_find(const struct core *c, uint64_t number)
{
    uint64_t p;
    return map_find(&c->lease_by_number, number, &p) ? (struct lease *)(uintptr_t)p : NULL;
}

static void link_lists(struct lease *l)
{
    struct rank *r = l->rank;
    struct job *j = l->job;
    l->rank_prev = r->held_tail;
    l->rank_next = NULL;
    if (r->held_tail)
        r->held_tail->rank_next = l;
    else
        r->held = l;
    r->held_tail = l;
    r->n_held++;
    l->job_prev = j->leases_tail;
    l->job_next = NULL;
    if (j->leases_tail)
        j->leases_tail->job_next = l;
    else
        j->leases = l;
    j->leases_tail = l;
    j->n_leased += l->unit.count;
}

static void unlink_lists(struct lease *l)
{
    struct rank *r = l->rank;
    struct job *j = l->job;
    *(l->rank_prev ? &l->rank_prev->rank_next : &r->held) = l->rank_next;
    *(l->rank_next ? &l->rank_next->rank_prev : &r->held_tail) = l->rank_prev;
    r->n_held--;
    *(l->job_prev ? &l->job_prev->job_next : &j->leases) = l->job_next;
    *(l->job_next ? &l->job_next->job_prev : &j->leases_tail) = l->job_prev;
    j->n_leased -= l->unit.count;
}

static struct lease *
add(struct core *c, uint64_t number, struct job *j, struct rank *r, const struct unit *u)
{
    struct lease *l = c->free_leases;
    if (l)
        c->free_leases = l->job_next;
    else
        l = mem_alloc(sizeof *l);
    *l = (struct lease){.number = number, .job = j, .rank = r, .unit = *u, .granted = c->now};
    if (!r->n_held)
        r->moved = c->now;
    link_lists(l);
    map_set(&c->lease_by_number, number, (uintptr_t)l);
    return l;
}

struct lease *lease_create(struct core *c, struct job *j, struct rank *r, const struct unit *u)
{
    return add(c, c->next_lease++, j, r, u);
}

struct lease *
lease_adopt(struct core *c, struct job *j, struct rank *r, const struct rec_held *h)
{
    struct unit u = {.first = h->first, .count = h->count};
    j->may_overlap = true;
    job_claim(j, h->first, h->first + h->count);
    return add(c, h->lease, j, r, &u);
}

void lease_end(struct core *c, struct lease *l)
{
    (void)map_remove(&c->lease_by_number, l->number);
    unlink_lists(l);
    if (l->unit.alone)
        l->rank->pod->alone = false;
    if (!l->job->leases && !l->job->n_units)
        l->job->may_overlap = false;
    l->job_next = c->free_leases;
    c->free_leases = l;
    c->work_changed = true;
}

// Is some part of [lo, hi) out on another lease?  Then *hit is that part.
static bool out_elsewhere(
    const struct job *j, const struct lease *but, uint64_t lo, uint64_t hi, struct range *hit)
{
    for (const struct lease *l = j->leases; l; l = l->job_next) {
        uint64_t a = l->unit.first;
        uint64_t b = a + l->unit.count;
        if (l == but || b <= lo || a >= hi)
            continue;
        *hit = (struct range){a > lo ? a : lo, b < hi ? b : hi};
        return true;
    }
    return false;
}

static void give_back(struct core *c, struct lease *l, struct range part, const struct unit *u)
{
    struct job *j = l->job;
    struct range gap;
    while (ranges_gap(&j->settled, part.lo, part.hi, &gap)) {
        struct range hit;
        part.lo = gap.hi;
        if (out_elsewhere(j, l, gap.lo, gap.hi, &hit)) {
            if (hit.lo > gap.lo)
                give_back(c, l, (struct range){gap.lo, hit.lo}, u);
            gap.lo = hit.hi;
            part.lo = gap.lo;
            continue;
        }
        struct unit again = *u;
        again.first = gap.lo;
        again.count = (uint32_t)(gap.hi - gap.lo);
        job_push_unit(j, &again, !u->not_before);
    }
}

void lease_give_back(struct core *c, struct lease *l, const struct unit *u)
{
    if (l->job->state == JOB_RUNNING)
        give_back(c, l, (struct range){l->unit.first, l->unit.first + l->unit.count}, u);
    c->work_changed = true;
}

void lease_revoke(struct core *c, struct lease *l, const char *why, struct effects *fx)
{
    (void)c;
    struct message *m;
    uint32_t n = l->gang ? l->gang->n_ranks : 1;
    LOG_DEBUG("lease.revoked", "lease=%llu why=%s", (unsigned long long)l->number, why);
    for (uint32_t i = 0; i < n; i++) {
        struct rank *r = l->gang ? l->gang->pod->ranks[l->gang->first_rank + i] : l->rank;
        if (!r)
            continue;
        (void)core_send(fx, r->peer, MSG_REVOKE, &m);
        m->revoke.leases = arena_alloc(fx->arena, sizeof *m->revoke.leases);
        m->revoke.leases[0].id = l->number;
        m->revoke.n_leases = 1;
    }
}
