// SPDX-License-Identifier: MIT
#include "worker/fleet/lookahead.h"

#include "common/mem.h"
#include "worker/fleet/day_state.h"

struct lookahead {
    const struct world *world;
    int64_t horizon_ms;
    struct day *copy;
};

struct lookahead *lookahead_create(const struct world *w, int64_t horizon_ms)
{
    struct lookahead *l = mem_alloc(sizeof *l);
    *l = (struct lookahead){w, horizon_ms, day_create(w)};
    return l;
}

void lookahead_destroy(struct lookahead *l)
{
    if (!l)
        return;
    day_destroy(l->copy);
    mem_free(l);
}

// Acts, and returns what the flight earns before `until`.
static int64_t act(struct day *d, uint32_t to, int64_t until)
{
    const struct world *w = d->world;
    const int64_t begin = d->t, money = d->money_uusd, price = d->price;
    const struct epoch e = d->epoch;
    if (day_act(d, to) || to == e.place)
        return 0;
    const struct aircraft *x = &d->aircraft[e.aircraft];
    const struct world_leg *leg = world_leg(w, e.type, x->link);
    const int64_t profit = d->money_uusd - money - leg->trip_j * price / 3600000;
    const int64_t charge = leg->trip_j * 1000 / w->scenario->types[e.type].charge_w;
    const int64_t end = x->since_ms + charge;
    return end <= until ? profit : profit * (until - begin) / (end - begin);
}

static int64_t fly_on(struct day *d, uint32_t to, int64_t until)
{
    int64_t worth = act(d, to, until);
    while (day_next(d) && d->t < until)
        worth += act(d, policy_greedy_rate.choose(NULL, d), until);
    return worth;
}

void lookahead(struct lookahead *l, const struct day *d, int64_t *worth)
{
    const int64_t end = l->world->scenario->t_end_ms;
    int64_t until = d->t + l->horizon_ms;
    if (until > end - l->horizon_ms / 3)
        until = INT64_MAX;
    for (uint32_t j = 0; j < l->world->n_ports; j++) {
        worth[j] = 0;
        if (!(d->epoch.feasible[j / 64] >> j % 64 & 1))
            continue;
        day_copy(l->copy, d);
        worth[j] = fly_on(l->copy, j, until);
    }
}
