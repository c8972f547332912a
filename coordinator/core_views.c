// SPDX-License-Identifier: MIT
// core_views.c - what others may see of the core, and the laws it must keep.
#include <inttypes.h>
#include <string.h>

#include "coordinator/core_state.h"

uint32_t core_n_ranks(const struct core *c)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->n_pods; i++)
        n += c->pods[i]->n_here;
    return n;
}

uint32_t core_n_open_jobs(const struct core *c)
{
    return c->n_open;
}

bool core_job_view(const struct core *c, uint64_t number, struct job_view *out)
{
    const struct job *j = job_find(c, number);
    if (!j)
        return false;
    *out = (struct job_view){
        .number = number,
        .name = j->spec.name,
        .workload = j->spec.workload,
        .state = j->state,
        .n_items = j->n_items,
        .n_done = j->settled.total,
        .n_failed = j->failed.total,
        .n_leased = j->n_leased,
        .n_retries = j->n_retries,
        .n_copies = j->n_copies,
        .n_quarantined = j->n_quarantined,
        .n_lost = j->n_lost,
        .submitted = j->submitted,
        .rank_ns = (int64_t)j->rank_ns,
        .priority = j->spec.priority,
        .gang = j->spec.gang,
    };
    return true;
}

static const char *rank_state(const struct rank *r)
{
    if (r->suspect || r->stalled)
        return "suspect";
    if (r->gang)
        return r->gang->state == GANG_GOING ? "gang" : "armed";
    if (r->held)
        return "busy";
    return r->pod->draining ? "draining" : "idle";
}

uint32_t core_rank_views(const struct core *c, struct arena *a, struct rank_view **out)
{
    struct rank_view *list = arena_alloc(a, (core_n_ranks(c) + 1) * sizeof *list);
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->n_pods; i++)
        for (uint32_t k = 0; k < c->pods[i]->n_ranks; k++) {
            const struct rank *r = c->pods[i]->ranks[k];
            if (!r)
                continue;
            list[n++] = (struct rank_view){
                .instance = r->pod->instance,
                .rank = r->index,
                .n_ranks = r->pod->n_ranks,
                .host = r->pod->host,
                .pid = r->pid,
                .state = rank_state(r),
                .job = r->held ? r->held->job->spec.number : 0,
                .n_held = r->n_held,
                .n_items_done = r->n_items_done,
                .seen = r->seen,
                .version = r->pod->version,
                .numerics = r->pod->numerics,
            };
        }
    *out = list;
    return n;
}

static const char *why_no_pod(const struct core *c, const struct job *j, struct arena *a)
{
    uint32_t largest = 0;
    for (uint32_t i = 0; i < c->n_pods; i++) {
        if (roster_fits(c->pods[i], &j->spec))
            return NULL;
        largest = c->pods[i]->n_ranks > largest ? c->pods[i]->n_ranks : largest;
    }
    if (j->spec.gang > largest)
        return arena_printf(a,
                            "It needs a gang of %u ranks in one pod; the largest pod has %u.",
                            j->spec.gang, largest);
    return "No worker has the CPUs, memory or resources that it asks for.";
}

const char *core_why(const struct core *c, uint64_t number, int64_t now, struct arena *a)
{
    const struct job *j = job_find(c, number);
    if (!j)
        return "There is no such job.";
    if (j->state != JOB_RUNNING)
        return "It has ended.";
    if (c->disk_full)
        return "The coordinator's disk is full: nothing is granted until there is room.";
    if (c->recovering)
        return "The coordinator has just restarted and waits for the workers it knew.";
    if (!c->n_pods)
        return "No worker is connected.";
    const char *why = why_no_pod(c, j, a);
    if (why)
        return why;
    if (j->leases)
        return arena_printf(a, "It is running: %" PRIu64 " items are out on leases.",
                            j->n_leased);
    if (job_next_due(j) != INT64_MAX && job_next_due(j) > now && j->fresh >= j->n_items)
        return arena_printf(a, "It backs off: the next retry is due in %.1f s.",
                            (double)(job_next_due(j) - now) / 1e9);
    if (j->settled.total == j->n_items)
        return "All of its items are settled; its driver thinks about the next.";
    for (uint32_t i = 0; i < c->n_jobs; i++)
        if (c->jobs[i] != j && c->jobs[i]->leases)
            return arena_printf(a, "The ranks are busy with job \"%s\" and others before it.",
                                c->jobs[i]->spec.name);
    return "It is next in line.";
}

// ---- laws ----------------------------------------------------------------------

static enum error check_job(const struct core *c, const struct job *j, struct errtext *t)
{
    uint64_t leased = 0;
    struct ranges all;
    ranges_init(&all);
    for (const struct lease *l = j->leases; l; l = l->job_next) {
        leased += l->unit.count;
        ranges_add(&all, l->unit.first, l->unit.first + l->unit.count);
        if (lease_find(c, l->number) != l) {
            ranges_fini(&all);
            return errtext_set(t, ERR_INVALID, "lease %" PRIu64 " is not in the table",
                               l->number);
        }
        if (ranges_covered(&j->settled, l->unit.first, l->unit.first + l->unit.count)) {
            ranges_fini(&all);
            return errtext_set(t, ERR_INVALID, "lease %" PRIu64 " holds a settled item",
                               l->number);
        }
    }
    for (uint32_t i = 0; i < j->n_units; i++)
        ranges_add(&all, j->units[i].first, j->units[i].first + j->units[i].count);
    ranges_add(&all, j->fresh, j->n_items);
    for (uint32_t i = 0; i < j->settled.n; i++)
        ranges_add(&all, j->settled.list[i].lo, j->settled.list[i].hi);
    uint64_t total = all.total;
    ranges_fini(&all);
    if (leased != j->n_leased)
        return errtext_set(t, ERR_INVALID, "job %" PRIu64 ": leased count is off",
                           j->spec.number);
    if (j->state == JOB_RUNNING && !c->recovering && total != j->n_items)
        return errtext_set(t, ERR_INVALID,
                           "job %" PRIu64 ": %" PRIu64 " of %" PRIu64
                           " items are neither settled, leased nor waiting",
                           j->spec.number, j->n_items - total, j->n_items);
    if (j->state != JOB_RUNNING && j->leases)
        return errtext_set(t, ERR_INVALID, "job %" PRIu64 " has ended with leases out",
                           j->spec.number);
    return OK;
}

static enum error check_rank(const struct rank *r, struct errtext *t)
{
    uint32_t n = 0;
    bool alone = false;
    for (const struct lease *l = r->held; l; l = l->rank_next) {
        n++;
        alone |= l->unit.alone;
        if (l->rank != r || (l->gang && l->gang != r->gang))
            return errtext_set(t, ERR_INVALID, "a lease and its rank disagree");
    }
    if (n != r->n_held)
        return errtext_set(t, ERR_INVALID, "a rank's count of leases is off");
    if (alone && n > 1)
        return errtext_set(t, ERR_INVALID, "a suspect shard is not alone");
    return OK;
}

enum error core_check(const struct core *c, struct errtext *t)
{
    for (uint32_t i = 0; i < c->n_jobs; i++) {
        enum error e = check_job(c, c->jobs[i], t);
        if (e)
            return e;
    }
    for (uint32_t i = 0; i < c->n_pods; i++)
        for (uint32_t k = 0; k < c->pods[i]->n_ranks; k++) {
            enum error e = c->pods[i]->ranks[k] ? check_rank(c->pods[i]->ranks[k], t) : OK;
            if (e)
                return e;
        }
    return OK;
}

bool core_lease_peer(const struct core *c, uint64_t lease, uint64_t job, uint64_t *peer)
{
    const struct lease *l = lease_find(c, lease);
    if (!l || l->job->spec.number != job)
        return false;
    *peer = l->rank->peer;
    return true;
}
