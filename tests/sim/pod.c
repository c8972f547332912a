// SPDX-License-Identifier: MIT
// pod.c - ranks: the real link, and a main thread that takes its time.
#include <string.h>

#include "common/mem.h"
#include "common/outcome.h"
#include "tests/sim/sim.h"

static struct link_effects fx;

static void take_effects(struct sim *s, uint32_t k);

static void step(struct sim *s, uint32_t k, struct link_event e)
{
    struct sim_rank *r = &s->ranks[k];
    if (!r->link)
        return;
    e.now = s->now;
    e.progress = r->progress;
    fx = (struct link_effects){.arena = s->arena};
    link_step(r->link, &e, &fx);
    take_effects(s, k);
    if (!r->link) // it was told to end
        return;
    e.type = LINK_EVENT_TURN_END;
    fx = (struct link_effects){.arena = s->arena};
    link_step(r->link, &e, &fx);
    take_effects(s, k);
}

void pod_start(struct sim *s, uint32_t pod)
{
    s->pods[pod].instance = ++s->next_instance;
    for (uint32_t i = 0; i < RANKS; i++) {
        struct link_options o = {
            .instance = s->next_instance,
            .rank = i,
            .n_ranks = RANKS,
            .host = "sim",
            .numerics = "portable",
            .cpus = 2,
            .catalog = {(const uint8_t *)"\x80", 1},
        };
        struct sim_rank *r = &s->ranks[pod * RANKS + i];
        *r = (struct sim_rank){.link = link_create(&o), .done_at = INT64_MAX, .progress = 1};
    }
    for (uint32_t i = 0; i < RANKS; i++)
        step(s, pod * RANKS + i, (struct link_event){.type = LINK_EVENT_TICK});
    sim_trace(s, 3, pod, s->next_instance);
}

void pod_kill(struct sim *s, uint32_t pod)
{
    for (uint32_t i = 0; i < RANKS; i++) {
        link_destroy(s->ranks[pod * RANKS + i].link);
        s->ranks[pod * RANKS + i].link = NULL;
        s->ranks[pod * RANKS + i].n_queue = 0;
        s->ranks[pod * RANKS + i].done_at = INT64_MAX;
    }
    s->pods[pod].instance = 0;
    s->pods[pod].up_at = s->now + (int64_t)(200 + sim_draw(s, 500)) * CLOCK_MS;
    s->n_pod_losses++;
    sim_trace(s, 4, pod, 0);
}

static void push_work(struct sim *s, struct sim_rank *r, const struct work *w)
{
    if (r->n_queue == MAIN_QUEUE) {
        sim_break(s, "a rank was given more than its credit");
        return;
    }
    r->queue[r->n_queue] = *w;
    r->queue[r->n_queue].lease.params = (struct bin){0};
    r->n_queue++;
}

static void drop(struct sim *s, uint32_t k, uint32_t i)
{
    struct sim_rank *r = &s->ranks[k];
    uint64_t lease = r->queue[i].lease.lease;
    memmove(r->queue + i, r->queue + i + 1, (--r->n_queue - i) * sizeof *r->queue);
    if (!i)
        r->done_at = INT64_MAX;
    step(s, k, (struct link_event){.type = LINK_EVENT_DROPPED, .lease = lease});
}

// A queued or running solo lease goes; a gang that has gone runs to its end.
static void on_revoke(struct sim *s, uint32_t k, uint64_t lease)
{
    struct sim_rank *r = &s->ranks[k];
    for (uint32_t i = 0; i < r->n_queue; i++)
        if (r->queue[i].lease.lease == lease && !r->queue[i].gang) {
            drop(s, k, i);
            return;
        }
}

static void take_effects(struct sim *s, uint32_t k)
{
    struct sim_rank *r = &s->ranks[k];
    struct link_effects now = fx; // steps below may start others
    for (uint32_t i = 0; i < now.n; i++) {
        const struct link_effect *e = &now.list[i];
        if (e->type == LINK_EFFECT_SEND)
            network_send(s, true, k, e->message);
        if (e->type == LINK_EFFECT_WORK || e->type == LINK_EFFECT_GANG)
            for (uint32_t q = 0; q < e->n_leases; q++)
                push_work(s, r,
                          &(struct work){e->leases[q],
                                         e->type == LINK_EFFECT_GANG ? e->gang : 0,
                                         e->first_rank, e->n_ranks});
        if (e->type == LINK_EFFECT_REVOKE)
            on_revoke(s, k, e->lease);
        if (e->type == LINK_EFFECT_END) {
            pod_kill(s, k / RANKS);
            return;
        }
    }
}

void pod_receive(struct sim *s, uint32_t link, const struct message *m)
{
    step(s, link, (struct link_event){.type = LINK_EVENT_MESSAGE, .message = m});
}

// Does every member of the rank's gang stand at the same GO?
static bool gang_is_there(const struct sim *s, uint32_t k)
{
    const struct sim_rank *r = &s->ranks[k];
    const struct work *w = &r->queue[0];
    uint32_t base = k / RANKS * RANKS + w->first_rank;
    for (uint32_t i = 0; i < w->n_ranks; i++) {
        const struct sim_rank *q = &s->ranks[base + i];
        bool went = q->n_queue && q->queue[0].lease.lease == w->lease.lease;
        if (!went && q->last_gang_lease != w->lease.lease)
            return false;
    }
    return true;
}

static void begin(struct sim *s, uint32_t k)
{
    struct sim_rank *r = &s->ranks[k];
    if (!r->n_queue || r->done_at != INT64_MAX || s->now < r->hangs_until)
        return;
    if (r->queue[0].gang && !gang_is_there(s, k))
        return;
    r->done_at = s->now + (int64_t)(1 + sim_draw(s, 30)) * CLOCK_MS;
    if (sim_faulty(s) && sim_draw(s, 60) == 0) // stands still, perhaps for good
        r->hangs_until = r->done_at = s->now + (int64_t)sim_draw(s, 20) * CLOCK_SECOND;
    step(s, k,
         (struct link_event){.type = LINK_EVENT_STARTED, .lease = r->queue[0].lease.lease});
}

static void finish(struct sim *s, uint32_t k)
{
    struct sim_rank *r = &s->ranks[k];
    struct rec_lease l = r->queue[0].lease;
    uint64_t gang = r->queue[0].gang;
    bool is_root = !gang || k % RANKS == r->queue[0].first_rank;
    r->last_gang_lease = gang ? l.lease : r->last_gang_lease;
    memmove(r->queue, r->queue + 1, --r->n_queue * sizeof *r->queue);
    r->done_at = INT64_MAX;
    r->progress++;
    double *rows = arena_alloc(s->arena, l.count * sizeof *rows);
    for (uint32_t i = 0; i < l.count; i++)
        rows[i] = (double)(l.first + i);
    struct buf data;
    buf_init(&data, 1 << 20);
    outcome_put_rows(&data, rows, l.count, 1);
    bool fault = sim_faulty(s) && sim_draw(s, 50) == 0;
    struct rec_result res = {.lease = l.lease,
                             .job = l.job,
                             .first = l.first,
                             .count = l.count,
                             .elapsed_ns = 100000, // short: a GO has several
                             .data = {data.bytes, (uint32_t)data.n},
                             .worker_fault = str_of(fault ? "flaky" : NULL)};
    if (is_root)
        step(s, k, (struct link_event){.type = LINK_EVENT_RESULT, .result = &res});
    bool through = !r->n_queue || r->queue[0].gang != gang;
    if (gang && through && s->ranks[k].link)
        step(s, k, (struct link_event){.type = LINK_EVENT_GANG_DONE, .gang = gang});
    buf_fini(&data);
}

int64_t pod_next(const struct sim *s)
{
    int64_t at = INT64_MAX;
    for (uint32_t p = 0; p < PODS; p++)
        if (!s->pods[p].instance && s->pods[p].up_at < at)
            at = s->pods[p].up_at;
    for (uint32_t k = 0; k < LINKS; k++) {
        const struct sim_rank *r = &s->ranks[k];
        if (!r->link)
            continue;
        int64_t tick = link_next_deadline(r->link);
        at = tick < at ? tick : at;
        at = r->done_at < at ? r->done_at : at;
    }
    return at > s->now ? at : s->now + 1;
}

void pod_step(struct sim *s)
{
    for (uint32_t p = 0; p < PODS; p++)
        if (!s->pods[p].instance && s->pods[p].up_at <= s->now)
            pod_start(s, p);
    for (uint32_t k = 0; k < LINKS; k++) {
        struct sim_rank *r = &s->ranks[k];
        if (r->link && r->done_at <= s->now)
            finish(s, k);
        if (r->link && link_next_deadline(r->link) <= s->now)
            step(s, k, (struct link_event){.type = LINK_EVENT_TICK});
        if (r->link)
            begin(s, k);
    }
}
