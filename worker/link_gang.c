// SPDX-License-Identifier: MIT
// link_gang.c - armed, gone, solo again.  Numbers of gangs that reach one rank
// only grow, so what the network delays or repeats is told from what is new.
#include "common/clock.h"
#include "worker/link_state.h"

// A step is mostly over sooner, and the next GO or the DISARM tells that this one was
// heard; less than the time after which a GO is repeated.
#define WENT_AFTER (100 * CLOCK_MS)

void link_gang_check(struct link *l, struct link_effects *fx)
{
    if (!l->armed_for || l->n_held || l->said_armed)
        return;
    link_outbox_flush(l, fx); // the coordinator sees what we held answered first
    l->said_armed = true;
    link_send(fx, MSG_ARMED)->armed.gang = l->armed_for;
}

static void arm(struct link *l, uint64_t gang)
{
    l->armed_for = gang;
    l->gone_step = 0;
    l->went_at = INT64_MAX;
}

void link_gang_on_prepare(struct link *l, const struct msg_prepare *p, struct link_effects *fx)
{
    if (p->gang <= l->gang_ended || p->gang < l->armed_for)
        return;
    if (p->gang != l->armed_for)
        arm(l, p->gang);
    l->said_armed = l->gone_step > 0; // it went: nobody waits for ARMED
    link_gang_check(l, fx);
}

// True: all jobs of the GO are known.  Else they are asked for, and the GO is
// left to be repeated.
static bool knows_jobs(struct link *l, const struct msg_go *g, struct link_effects *fx)
{
    bool all = true;
    for (uint32_t i = 0; i < g->n_leases; i++) {
        if (map_find(&l->jobs, g->leases[i].job, NULL))
            continue;
        all = false;
        link_lease_need(l, g->leases[i].job, fx);
    }
    return all;
}

static void hand_over(struct link *l, const struct msg_go *g, struct link_effects *fx)
{
    struct rec_lease *list = arena_copy(fx->arena, g->leases, g->n_leases * sizeof *list);
    uint32_t n = 0;
    for (uint32_t i = 0; i < g->n_leases; i++) {
        if (link_lease_find(l, list[i].lease))
            continue;
        struct link_lease *x = link_lease_add(l, &list[i], LEASE_GONE);
        x->gang = g->gang;
        list[n] = list[i];
        if (list[n].params.n)
            list[n].params.p = arena_copy(fx->arena, list[n].params.p, list[n].params.n);
        n++;
    }
    struct link_effect *e = link_add(fx, LINK_EFFECT_GANG);
    e->leases = list;
    e->n_leases = n;
    e->gang = g->gang;
    e->first_rank = g->first_rank;
    e->n_ranks = g->n_ranks;
}

static void say_went(uint64_t gang, uint32_t step, struct link_effects *fx)
{
    struct message *w = link_send(fx, MSG_WENT);
    w->went.gang = gang;
    w->went.step = step;
}

void link_gang_on_go(struct link *l, const struct message *m, struct link_effects *fx)
{
    const struct msg_go *g = &m->go;
    bool old = g->gang <= l->gang_ended || g->gang < l->armed_for
               || (g->gang == l->armed_for && g->step <= l->gone_step);
    if (!old && !knows_jobs(l, g, fx))
        return;
    if (old) { // it does not know that we heard the first
        say_went(g->gang, g->step, fx);
        return;
    }
    // Not armed for it: our DISARM 0 was meant for an earlier one.
    if (g->gang != l->armed_for)
        arm(l, g->gang);
    l->said_armed = true;
    l->gone_step = g->step;
    l->went_at = l->now + WENT_AFTER;
    hand_over(l, g, fx);
}

void link_gang_tick(struct link *l, struct link_effects *fx)
{
    if (l->now < l->went_at)
        return;
    l->went_at = INT64_MAX;
    say_went(l->armed_for, l->gone_step, fx);
}

void link_gang_on_disarm(struct link *l, uint64_t gang)
{
    if (gang > l->gang_ended)
        l->gang_ended = gang;
    if (gang && gang < l->armed_for)
        return;
    l->armed_for = 0;
    l->gone_step = 0;
    l->said_armed = false;
    l->went_at = INT64_MAX;
}

// The new one knows nothing of our gang: what its predecessor may still have on
// the way to us leads nowhere.  Armed we stay until told.
void link_gang_on_restart(struct link *l)
{
    if (l->armed_for > l->gang_ended)
        l->gang_ended = l->armed_for;
}

void link_gang_on_done(struct link *l, uint64_t gang)
{
    for (struct link_lease *x = l->held, *next; x; x = next) {
        next = x->next;
        if (x->state != LEASE_GONE || x->gang != gang)
            continue;
        link_lease_unhold(l, x);
        link_lease_free(l, x);
    }
}
