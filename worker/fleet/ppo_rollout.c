// SPDX-License-Identifier: MIT
#include <string.h>

#include "common/mem.h"
#include "worker/fleet/draws.h"
#include "worker/fleet/lookahead.h"
#include "worker/fleet/pilot.h"
#include "worker/fleet/ppo_blob.h"

struct lane {
    struct day *day;
    struct buf steps, worths;
    uint32_t n;
};

// Who flies, and in a lesson who looks ahead.
struct flight {
    struct pilot *pilot;
    struct lookahead *lookahead; // or NULL
    int64_t *worth;              // [V]
};

static uint32_t draw_of(const struct day *d)
{
    const struct epoch *e = day_epoch(d);
    const struct address at = {e->number, e->aircraft, STREAM_PPO, day_episode(d)};
    uint32_t w[4];
    draws_block(day_seed(d), at, w);
    return w[0];
}

static void put_worths(struct lookahead *l, const struct day *d, int64_t *worth, struct buf *b)
{
    lookahead(l, d, worth);
    for (uint32_t j = 0; j < day_world(d)->n_ports; j++) {
        const float x = (float)((double)worth[j] / 1e6);
        buf_put(b, &x, sizeof x);
    }
}

// All lanes to their days' ends, as many in a look as still fly.
static enum error fly(const struct ppo *p, struct flight *f, struct lane *lanes, struct run *r)
{
    struct pilot *pilot = f->pilot;
    struct day **days = mem_alloc(p->days * sizeof *days);
    uint32_t *who = mem_alloc(p->days * sizeof *who), n = 0;
    enum error e = OK;

    for (uint64_t looks = 0; !e; looks++) {
        n = 0;
        for (uint32_t i = 0; i < p->days; i++)
            if (lanes[i].day && day_next(lanes[i].day)) {
                days[n] = lanes[i].day;
                who[n++] = i;
            } else {
                day_destroy(lanes[i].day);
                lanes[i].day = NULL;
            }
        if (!n || run_cancelled(r))
            break;
        const struct pilot_view v = pilot_look(pilot, days, n);
        for (uint32_t i = 0; i < n && !e; i++) {
            struct ppo_step s = {.action = pilot_draw(pilot, &v, i, draw_of(days[i])),
                                 .value = v.value[i]};
            s.log_p = v.log_p[i * p->world->n_ports + s.action];
            if (f->lookahead)
                put_worths(f->lookahead, days[i], f->worth, &lanes[who[i]].worths);
            e = day_act(days[i], s.action);
            buf_put(&lanes[who[i]].steps, &s, sizeof s);
            lanes[who[i]].n++;
        }
        if (looks % 16 == 0)
            run_progress(r);
    }
    mem_free(days);
    mem_free(who);
    return e;
}

enum error ppo_first_episode(const struct ppo *p,
                             const struct ppo_part *at,
                             uint32_t *out,
                             struct errtext *t)
{
    if (at->iteration >= UINT32_MAX / ((uint64_t)at->of * p->days))
        return errtext_set(t, FAULT_JOB, "round %llu has episodes behind the last, 2^32 - 1",
                           (unsigned long long)at->iteration);
    *out = ((uint32_t)at->iteration * at->of + at->part) * p->days;
    return OK;
}

enum error ppo_rollout(const struct ppo *p,
                       const struct ppo_part *at,
                       const struct bin *checkpoint,
                       struct run *r,
                       struct buf *out,
                       struct errtext *t)
{
    struct ppo_model m;
    uint32_t first = 0;
    enum error e = ppo_first_episode(p, at, &first, t);
    if (e || (e = ppo_model_read(&m, p->shape, p->seed, checkpoint, t)))
        return e;
    const bool lesson = at->iteration < p->lessons;
    struct flight f = {
        .pilot = pilot_create(p->world, p->shape, m.w, p->days),
        .lookahead = lesson ? lookahead_create(p->world, p->ahead_ms) : NULL,
        .worth = mem_alloc(p->world->n_ports * sizeof *f.worth),
    };
    struct lane *lanes = mem_alloc(p->days * sizeof *lanes);
    for (uint32_t i = 0; i < p->days; i++) {
        buf_init(&lanes[i].steps, SIZE_MAX / 4);
        buf_init(&lanes[i].worths, SIZE_MAX / 4);
        lanes[i].day = day_create(p->world);
        day_set_hash(lanes[i].day, false);
        day_reset(lanes[i].day, p->seed, first + i);
    }
    if (fly(p, &f, lanes, r))
        e = errtext_set(t, FAULT_JOB, "the network chose a destination that is not feasible");
    const struct ppo_head head = {PPO_MAGIC, p->days, lesson ? p->world->n_ports : 0};
    buf_put(out, &head, sizeof head);
    for (uint32_t i = 0; i < p->days; i++)
        buf_put(out, &lanes[i].n, sizeof lanes[i].n);
    for (uint32_t i = 0; i < p->days; i++)
        buf_put(out, lanes[i].steps.bytes, lanes[i].steps.n);
    for (uint32_t i = 0; i < p->days; i++) {
        buf_put(out, lanes[i].worths.bytes, lanes[i].worths.n);
        buf_fini(&lanes[i].steps);
        buf_fini(&lanes[i].worths);
        day_destroy(lanes[i].day);
    }
    mem_free(lanes);
    pilot_destroy(f.pilot);
    lookahead_destroy(f.lookahead);
    mem_free(f.worth);
    ppo_model_fini(&m);
    return e;
}
