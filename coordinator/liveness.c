// SPDX-License-Identifier: MIT
// liveness.c - silence, standing still, and what becomes of a lost pod's work.
#include <inttypes.h>

#include "common/log.h"
#include "coordinator/core_state.h"

// A grant older than this that the rank knows nothing of was lost on the way.
#define RECONCILE_AFTER (2 * INT64_C(1000000000))
// After its connection closed a rank has this long to connect again.
#define CLOSED_GRACE (300 * INT64_C(1000000))
// Back to the slow pace only after a while without work.
#define PACE_DOWN_AFTER (1 * INT64_C(1000000000))

void liveness_pace(struct core *c, struct rank *r, struct effects *fx)
{
    bool busy = r->n_held || r->gang || r->adopted_gang;
    // Many ranks: at most 5,000 beats a second in all.
    uint32_t busy_ms = BEAT_BUSY_MS + core_n_ranks(c) / 5;
    uint32_t want = busy ? busy_ms : BEAT_IDLE_MS;
    if (want == r->beat_ms || (!busy && c->now - r->moved < PACE_DOWN_AFTER))
        return;
    struct message *m;
    r->beat_ms = want;
    r->seen = c->now; // the old pace is no reason for suspicion under the new one
    (void)core_send(fx, r->peer, MSG_PACE, &m);
    m->pace.beat_ms = want;
}

void liveness_hint_closed(struct core *c, struct rank *r)
{
    int64_t lost = BEATS_LOST * r->beat_ms * CLOCK_MS;
    if (c->now - r->seen < lost - CLOSED_GRACE)
        r->seen = c->now - lost + CLOSED_GRACE;
    r->suspect = true;
    c->work_changed = true;
    if (c->next_tick > c->now + CLOSED_GRACE + CLOCK_MS)
        c->next_tick = c->now + CLOSED_GRACE + CLOCK_MS;
}

void liveness_reconcile(struct core *c, struct rank *r, struct effects *fx)
{
    for (struct lease *l = r->held; l; l = l->rank_next)
        if (!l->gang)
            schedule_grant(c, r, l->job, l, fx);
}

static struct gang *gang_of(struct core *c, const struct pod *p)
{
    for (struct gang *g = c->gangs; g; g = g->next)
        if (g->pod == p)
            return g;
    return NULL;
}

// The shard that ran when its pod went.  First it becomes suspect and runs
// alone; lost alone it is halved, and a single item counts its crashes.
static void suspect(struct core *c, struct lease *l, struct effects *fx)
{
    struct job *j = l->job;
    struct unit u = l->unit;
    bool gang = job_gangs_item(j, u.first); // has its ranks to itself anyway
    // What served in peace for so long did not die of itself.
    if (j->spec.serves && c->now - l->granted > SERVED_WELL)
        u.crashes = 0;
    bool counted = u.alone || (gang && (!l->gang || l->gang->go.n_leases == 1));
    u.alone = !gang;
    u.lone_go = gang;
    if (counted && u.count == 1 && ++u.crashes >= j->spec.max_crashes) {
        char *text = arena_printf(
            fx->arena, "took %u pods with it while it ran alone: quarantined", u.crashes);
        uint64_t item = u.first;
        lease_end(c, l);
        settle_failed(c, j, item, text, fx);
        return;
    }
    if (counted && u.count > 1 && !l->is_copy && !l->has_copy) {
        job_push_halves(j, &u);
    } else {
        lease_give_back(c, l, &u);
    }
    lease_end(c, l);
}

static void lose_leases(struct core *c, struct rank *r, struct effects *fx)
{
    bool running = true; // the oldest; the rest only queued
    while (r->held) {
        struct lease *l = r->held;
        l->job->n_lost++;
        if (running) {
            suspect(c, l, fx);
        } else {
            struct unit u = l->unit;
            u.lone_go = l->gang != NULL; // which of its GO it was cannot be told
            lease_give_back(c, l, &u);
            lease_end(c, l);
        }
        running = false;
    }
}

void liveness_lose_pod(struct core *c, struct pod *p, const char *why, struct effects *fx)
{
    LOG_WARN("pod.lost", "instance=%016" PRIx64 " host=%s why=%s", p->instance, p->host, why);
    for (uint32_t i = 0; i < p->n_ranks; i++) {
        struct message *m;
        if (!p->ranks[i])
            continue;
        lose_leases(c, p->ranks[i], fx);
        (void)core_send(fx, p->ranks[i]->peer, MSG_GOODBYE, &m);
        m->goodbye.why = str_of(arena_printf(fx->arena, "this pod is lost: %s", why));
    }
    for (struct gang *g; (g = gang_of(c, p));) {
        g->state = GANG_RESERVED; // nobody to disarm
        gang_dissolve(c, g, fx);
    }
    roster_forget(c, p->instance, fx);
    roster_remove_pod(c, p);
    c->work_changed = true;
}

// The main thread stands still: first take the lease away, then the pod.
static bool check_stall(struct core *c, struct rank *r, struct effects *fx)
{
    struct lease *l = r->held;
    int64_t stall = l ? l->job->spec.stall_ns : 0;
    if (r->adopted_gang && c->now - r->moved > GANG_STALL) {
        // Perhaps its GO reached only some ranks before we restarted.
        liveness_lose_pod(c, r->pod, "a gang from before the restart stands still", fx);
        return true;
    }
    if (r->stalled
        && c->now - r->moved > r->pod->n_ranks * BEAT_BUSY_MS * CLOCK_MS
                                   + BEATS_LOST * BEAT_BUSY_MS * CLOCK_MS) {
        liveness_lose_pod(c, r->pod, "a rank stands still", fx);
        return true;
    }
    if (!l || stall <= 0 || r->stalled || c->now - r->moved <= stall)
        return false;
    if (l->gang) {
        liveness_lose_pod(c, r->pod, "a gang stands still", fx);
        return true;
    }
    LOG_WARN("lease.stalled", "lease=%" PRIu64 " job=%" PRIu64 " first=%" PRIu64, l->number,
             l->job->spec.number, l->unit.first);
    r->stalled = true;
    r->moved = c->now;
    lease_revoke(c, l, "stands still", fx);
    lose_leases(c, r, fx);
    return false;
}

static bool check_rank(struct core *c, struct rank *r, struct effects *fx)
{
    int64_t silent = c->now - r->seen;
    int64_t beat = r->beat_ms * CLOCK_MS;
    if (silent > BEATS_LOST * beat) {
        liveness_lose_pod(c, r->pod, "a rank is silent", fx);
        return true;
    }
    if (silent > BEATS_SUSPECT * beat && !r->suspect) {
        r->suspect = true;
        c->work_changed = true;
        LOG_INFO("rank.suspect", "instance=%016" PRIx64 " rank=%u", r->pod->instance, r->index);
    }
    if (check_stall(c, r, fx))
        return true;
    liveness_pace(c, r, fx);
    return false;
}

static bool check_pod(struct core *c, struct pod *p, struct effects *fx)
{
    for (uint32_t k = 0; k < p->n_ranks; k++)
        if (p->ranks[k] && check_rank(c, p->ranks[k], fx))
            return true;
    return false;
}

void liveness_tick(struct core *c, struct effects *fx)
{
    for (uint32_t i = 0; i < c->n_pods;)
        if (!check_pod(c, c->pods[i], fx))
            i++;
}
