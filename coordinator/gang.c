// SPDX-License-Identifier: MIT
// gang.c - ranks held together for collective shards: reserve, PREPARE, GO.
//
// A set is `gang` consecutive ranks of one pod, aligned to their number.  It is
// reserved first; while the longest of its ranks still works, others of it may
// be backfilled with short solo work (gang_lets).  When what is left is
// short, all get PREPARE, and GO when all are ARMED.  PREPARE and GO are
// repeated until answered.  A gang is kept for its job's next shards.
#include <inttypes.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "coordinator/core_state.h"

// Repetition of PREPARE and GO: rare (only after a loss), so unhurried.
#define RESEND (500 * INT64_C(1000000))
// Stop backfilling when the set could be free within this time.
#define ALMOST_FREE (50 * INT64_C(1000000))
// A gang gives way after this long when others wait for its ranks.
#define HOLD_MAX (5 * INT64_C(1000000000))

static struct rank *member(const struct gang *g, uint32_t i)
{
    return g->pod->ranks[g->first_rank + i];
}

static struct msg_go go_message(const struct gang *g, struct arena *a)
{
    struct msg_go m = g->go;
    m.leases = arena_copy(a, g->go_leases, m.n_leases * sizeof *m.leases);
    for (uint32_t i = 0; i < m.n_leases; i++) {
        struct bin *params = &m.leases[i].params;
        params->p = arena_copy(a, params->p, params->n);
    }
    return m;
}

static void send_all(struct gang *g, enum message_type type, struct effects *fx)
{
    for (uint32_t i = 0; i < g->n_ranks; i++) {
        struct rank *r = member(g, i);
        struct message *m;
        if (!r || (type == MSG_PREPARE && g->armed[i]) || (type == MSG_GO && g->went[i]))
            continue;
        (void)core_send(fx, r->peer, type, &m);
        if (type == MSG_PREPARE) {
            m->prepare.gang = g->number;
            m->prepare.first_rank = g->first_rank;
            m->prepare.n_ranks = g->n_ranks;
        } else if (type == MSG_GO) {
            m->go = go_message(g, fx->arena);
        } else {
            m->disarm.gang = g->number;
        }
    }
}

// When could the rank be free, as far as the averages tell?
static int64_t free_at(const struct core *c, const struct rank *r)
{
    double ns = 0;
    for (const struct lease *l = r->held; l; l = l->rank_next)
        ns += l->job->item_ns > 0 ? l->job->item_ns * l->unit.count
                                  : (double)c->o.shard_target_ns;
    return c->now + (int64_t)(ns < 1e18 ? ns : 1e18);
}

static int64_t set_free_at(const struct core *c, const struct gang *g)
{
    int64_t latest = c->now;
    for (uint32_t i = 0; i < g->n_ranks; i++) {
        int64_t t = free_at(c, member(g, i));
        latest = t > latest ? t : latest;
    }
    return latest;
}

bool gang_lets(const struct core *c, const struct rank *r)
{
    const struct gang *g = r->gang;
    return !g
           || (g->state == GANG_RESERVED && !r->n_held && c->now - g->since <= HOLD_MAX
               && set_free_at(c, g) >= c->now + 2 * c->o.shard_target_ns);
}

static bool is_usable(const struct pod *p, uint32_t first, uint32_t n)
{
    for (uint32_t i = first; i < first + n; i++) {
        const struct rank *r = p->ranks[i];
        if (!r || r->gang || r->adopted_gang || r->suspect || r->stalled)
            return false;
    }
    return true;
}

static struct gang *gang_create(struct core *c, struct job *j, struct pod *p, uint32_t first)
{
    struct gang *g = mem_alloc(sizeof *g);
    g->number = c->next_lease++;
    g->job = j;
    g->pod = p;
    g->first_rank = first;
    g->n_ranks = j->spec.gang;
    g->armed = mem_alloc(g->n_ranks);
    g->went = mem_alloc(g->n_ranks);
    g->go_params = arena_create();
    g->since = c->now;
    g->next = c->gangs;
    c->gangs = g;
    for (uint32_t i = 0; i < g->n_ranks; i++)
        member(g, i)->gang = g;
    return g;
}

// The usable set that is free soonest.
static struct gang *reserve(struct core *c, struct job *j)
{
    struct pod *best = NULL;
    uint32_t best_first = 0;
    int64_t best_at = INT64_MAX;
    uint32_t n = j->spec.gang;
    for (uint32_t i = 0; i < c->n_pods; i++) {
        struct pod *p = c->pods[i];
        if (p->draining || p->alone || p == c->alone_pod || !roster_fits(p, &j->spec))
            continue;
        for (uint32_t first = 0; first + n <= p->n_ranks; first += n) {
            if (!is_usable(p, first, n))
                continue;
            struct gang probe = {.pod = p, .first_rank = first, .n_ranks = n};
            int64_t at = set_free_at(c, &probe);
            if (at >= best_at)
                continue;
            best = p;
            best_first = first;
            best_at = at;
        }
    }
    return best ? gang_create(c, j, best, best_first) : NULL;
}

static void advance_reserved(struct core *c, struct gang *g, struct effects *fx)
{
    if (set_free_at(c, g) > c->now + ALMOST_FREE && c->now - g->since < HOLD_MAX)
        return;
    g->state = GANG_PREPARING;
    g->since = c->now;
    g->resend = c->now + RESEND;
    send_all(g, MSG_PREPARE, fx);
}

static void add_lease(struct core *c, struct gang *g, const struct unit *u)
{
    struct lease *l = lease_create(c, g->job, member(g, 0), u);
    l->gang = g;
    g->go_leases[g->go.n_leases++] =
        (struct rec_lease){.lease = l->number,
                           .job = g->job->spec.number,
                           .first = u->first,
                           .count = u->count,
                           .attempt = u->attempt,
                           .params = job_params(g->job, u, g->go_params)};
}

// How many leases of the job one GO may have: what takes about GO_TIME, and no more
// than leaves something for its other gangs.
static uint32_t go_size(const struct core *c, const struct gang *own, const struct unit *u)
{
    const struct job *j = own->job;
    uint64_t gangs = 1, left = j->n_items - j->fresh + j->n_units;
    for (const struct gang *g = c->gangs; g; g = g->next)
        gangs += g->job == j && g != own;
    double fit = j->item_ns > 0 ? (double)GO_TIME / (j->item_ns * u->count) : 1;
    uint64_t share = left / (2 * gangs) + 1, most = GO_LEASES_MAX;
    if (u->lone_go || fit < 2)
        return 1;
    most = fit < (double)most ? (uint64_t)fit : most;
    return (uint32_t)(share < most ? share : most);
}

// False: nothing for a gang is there.
static bool take_leases(struct core *c, struct gang *g)
{
    struct unit u;
    struct job *j = g->job;
    uint32_t most = 1;
    g->go.n_leases = 0;
    arena_reset(g->go_params);
    while (g->go.n_leases < most && job_has_work(c, j) && job_goes_ganged(c, j)
           && job_take(c, j, false, &u)) {
        if (!g->go.n_leases) {
            most = go_size(c, g, &u);
        } else if (u.lone_go) {
            job_push_unit(j, &u, true);
            break;
        }
        add_lease(c, g, &u);
    }
    return g->go.n_leases > 0;
}

static void go(struct core *c, struct gang *g, struct effects *fx)
{
    if (!take_leases(c, g))
        return;
    for (uint32_t i = 0; i < g->n_ranks; i++) {
        schedule_send_job(c, member(g, i), g->job, fx);
        member(g, i)->moved = c->now;
    }
    g->go.gang = g->number;
    g->go.step = ++g->step;
    g->go.first_rank = g->first_rank;
    g->go.n_ranks = g->n_ranks;
    g->n_left = g->go.n_leases;
    memset(g->answered, 0, sizeof g->answered);
    g->state = GANG_GOING;
    g->since = c->now;
    g->resend = c->now + RESEND;
    g->n_went = 0;
    memset(g->went, 0, g->n_ranks);
    send_all(g, MSG_GO, fx);
}

void gang_schedule(struct core *c, struct job *j, struct effects *fx)
{
    for (struct gang *g = c->gangs; g; g = g->next)
        if (g->job == j && g->state == GANG_HELD)
            go(c, g, fx);
    uint32_t waiting = 0; // gangs on their way take one shard each
    for (struct gang *g = c->gangs; g; g = g->next)
        waiting += g->job == j && (g->state == GANG_RESERVED || g->state == GANG_PREPARING);
    uint64_t shards = j->n_items - j->fresh + j->n_units;
    while (waiting < shards && job_has_work(c, j)) {
        struct gang *g = reserve(c, j);
        if (!g)
            return;
        waiting++;
        advance_reserved(c, g, fx);
    }
}

void gang_give_up(struct core *c, struct job *j, struct effects *fx)
{
    for (struct gang *g = c->gangs, *next; g; g = next) {
        next = g->next;
        if (g->job == j && g->state != GANG_GOING)
            gang_dissolve(c, g, fx);
    }
}

void gang_on_armed(struct core *c, struct rank *r, uint64_t number, struct effects *fx)
{
    struct gang *g = r->gang;
    if (!g || g->number != number || g->state == GANG_RESERVED) {
        struct message *m; // dissolved meanwhile, or of another incarnation
        (void)core_send(fx, r->peer, MSG_DISARM, &m);
        m->disarm.gang = number;
        return;
    }
    uint32_t i = r->index - g->first_rank;
    if (g->state != GANG_PREPARING || g->armed[i])
        return;
    g->armed[i] = 1;
    if (++g->n_armed < g->n_ranks)
        return;
    g->state = GANG_HELD;
    g->since = c->now;
    c->work_changed = true;
}

void gang_on_went(struct core *c, struct rank *r, const struct msg_went *w)
{
    struct gang *g = r->gang;
    (void)c;
    if (!g || g->number != w->gang || g->step != w->step)
        return;
    uint32_t i = r->index - g->first_rank;
    g->n_went += !g->went[i];
    g->went[i] = 1;
}

void gang_dissolve(struct core *c, struct gang *g, struct effects *fx)
{
    struct gang **at = &c->gangs;
    while (*at != g)
        at = &(*at)->next;
    *at = g->next;
    if (g->state != GANG_RESERVED)
        send_all(g, MSG_DISARM, fx);
    for (uint32_t i = 0; i < g->n_ranks; i++)
        if (member(g, i))
            member(g, i)->gang = NULL;
    mem_free(g->armed);
    mem_free(g->went);
    arena_destroy(g->go_params);
    mem_free(g);
    c->work_changed = true;
}

// A rank that went into a gang before our restart holds nothing any more.
void gang_free_adopted(struct core *c, struct rank *r, struct effects *fx)
{
    struct message *m;
    (void)core_send(fx, r->peer, MSG_DISARM, &m); // gang 0: whichever
    r->adopted_gang = false;
    c->work_changed = true;
}

// True: a lease of the present step, heard of for the first time.
static bool answers(struct gang *g, uint64_t lease)
{
    for (uint32_t i = 0; g->state == GANG_GOING && i < g->go.n_leases; i++)
        if (g->go_leases[i].lease == lease && !g->answered[i])
            return g->answered[i] = true;
    return false;
}

void gang_on_result(struct core *c, uint64_t lease, struct effects *fx)
{
    struct gang *g = c->gangs;
    while (g && !answers(g, lease))
        g = g->next;
    if (!g || --g->n_left)
        return;
    g->state = GANG_HELD;
    g->since = c->now;
    c->work_changed = true;
    if (g->job->state != JOB_RUNNING)
        gang_dissolve(c, g, fx);
}

static bool others_wait(const struct core *c, const struct gang *g)
{
    for (uint32_t i = 0; i < c->n_jobs; i++)
        if (c->jobs[i] != g->job && c->jobs[i]->spec.priority >= g->job->spec.priority
            && job_has_work(c, c->jobs[i]))
            return true;
    return false;
}

static bool does_not_arm(const struct core *c, const struct gang *g)
{
    if (g->state != GANG_PREPARING || c->now - g->since < GANG_STALL)
        return false;
    for (uint32_t i = 0; i < g->n_ranks; i++)
        if (!g->armed[i] && !member(g, i)->n_held && c->now - member(g, i)->moved > GANG_STALL)
            return true;
    return false;
}

void gang_tick(struct core *c, struct effects *fx)
{
    for (struct gang *g = c->gangs, *next; g; g = next) {
        next = g->next;
        if (does_not_arm(c, g)) {
            liveness_lose_pod(c, g->pod, "a rank does not arm", fx);
            return; // the list changed: the next tick goes on
        }
        bool repeat = c->now >= g->resend;
        if (repeat)
            g->resend = c->now + RESEND;
        if (g->state == GANG_RESERVED)
            advance_reserved(c, g, fx);
        else if (g->state == GANG_PREPARING && repeat)
            send_all(g, MSG_PREPARE, fx);
        else if (g->state == GANG_GOING && repeat && g->n_went < g->n_ranks)
            send_all(g, MSG_GO, fx);
        else if (g->state == GANG_HELD && (!job_has_work(c, g->job) || others_wait(c, g))
                 && c->now - g->since >= ALMOST_FREE)
            gang_dissolve(c, g, fx);
    }
}
