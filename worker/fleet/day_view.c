// SPDX-License-Identifier: MIT
// day_view.c - what can be seen of a running day.
#include <assert.h>

#include "worker/fleet/day_state.h"

const struct epoch *day_epoch(const struct day *d)
{
    return &d->epoch;
}

void day_set_hash(struct day *d, bool on)
{
    d->hashing = on;
}

void day_set_trace(struct day *d, day_trace_fn trace, void *ctx)
{
    d->trace = trace;
    d->trace_ctx = ctx;
}

void day_tell(const struct day *d, uint32_t a, enum trace_event ev, struct day_leg leg)
{
    const struct record r = day_record(d, a, ev, leg);
    d->trace(d->trace_ctx, &r);
}

void day_mask(const struct day *d, uint8_t *mask)
{
    for (uint32_t v = 0; v < d->world->n_ports; v++)
        mask[v] = d->feasible[v / 64] >> (v % 64) & 1;
}

uint32_t day_feasible(const struct day *d, uint32_t k)
{
    const uint64_t *set = d->feasible;
    uint32_t at = 0, n;

    for (; d->world->n_words > 1 && k >= (n = count_bits(*set)); set++, at += 64)
        k -= n;
    uint64_t left = *set;
    uint32_t pairs, fours;
    for (;; k -= n, at += 8, left >>= 8) {
        uint32_t byte = (uint32_t)left & 0xff;
        pairs = byte - (byte >> 1 & 0x55);
        fours = (pairs & 0x33) + (pairs >> 2 & 0x33);
        n = (fours + (fours >> 4)) & 15;
        if (k < n)
            break;
    }
    // Down the tree of the byte's counts: a loop over its bits would end where no CPU
    // foresees it.
    uint32_t bit = 0;
    n = fours & 15;
    bit += (k >= n) * 4u;
    k -= k >= n ? n : 0;
    n = pairs >> bit & 3;
    bit += (k >= n) * 2u;
    k -= k >= n ? n : 0;
    bit += k >= (left >> bit & 1);
    return at + bit;
}

uint32_t day_policy_draw(struct day *d)
{
    uint32_t n = d->epoch.number;
    struct draws *ahead = &d->draws[d->epoch.aircraft];

    uint32_t block = n / DRAWS_LANES + 1;
    if (d->aircraft[d->epoch.aircraft].policy_block != block) {
        uint32_t w[4][DRAWS_LANES];
        struct address at = {n - n % DRAWS_LANES, d->epoch.aircraft, STREAM_POLICY, d->episode};
        d->aircraft[d->epoch.aircraft].policy_block = block;
        d->world->draws->run(d->seed, at, w);
        memcpy(ahead->policy, w[0], sizeof ahead->policy);
    }
    return ahead->policy[n % DRAWS_LANES];
}

void day_run(struct day *d, const struct policy *p, void *state)
{
    while (day_next(d)) {
        enum error e = day_act(d, p->choose(state, d));
        assert(!e); // a policy answers with what is feasible
    }
}

struct day_aircraft day_aircraft(const struct day *d, uint32_t a)
{
    const struct aircraft *x = &d->aircraft[a];
    uint64_t key = queue_of(&d->queue, a);
    bool away = x->status == DAY_PREP || x->status == DAY_FLY;

    return (struct day_aircraft){
        .energy_j = x->energy_j,
        .next_ms = key == QUEUE_NONE ? -1 : queue_time(key),
        .place = x->place,
        .dest = away ? x->dest : x->place,
        .type = x->type,
        .status = (enum day_status)x->status,
        .stand = (enum day_stand)x->stand,
        .pax = x->pax,
        .n_decisions = x->n_decisions,
        .n_dispatches = x->n_dispatches,
        .n_landings = x->n_landings,
    };
}

struct day_port day_port(const struct day *d, uint32_t v)
{
    const struct port *p = &d->ports[v];
    uint32_t n = 0;

    for (uint32_t a = p->queue_first; a != NOBODY; a = d->aircraft[a].next)
        n++;
    return (struct day_port){
        .charge = p->n_stands[DAY_CHARGER],
        .park = p->n_stands[DAY_PLAIN],
        .n_charge = p->n_on[DAY_CHARGER],
        .n_park = p->n_on[DAY_PLAIN],
        .n_in = p->n_in,
        .n_queue = n,
        .tod_mean_ms = p->tod_mean_ms,
    };
}

const struct world *day_world(const struct day *d)
{
    return d->world;
}

uint64_t day_seed(const struct day *d)
{
    return d->seed;
}

uint32_t day_episode(const struct day *d)
{
    return d->episode;
}

int64_t day_time(const struct day *d)
{
    return d->t;
}

int64_t day_profit(const struct day *d)
{
    return d->money_uusd - d->m.terminal_elec_uusd;
}

uint32_t day_waiting(const struct day *d, uint32_t i, uint32_t j)
{
    uint32_t link = i == j ? WORLD_NO_LINK : world_link(d->world, i, j);
    return link == WORLD_NO_LINK ? 0 : link_waiting(d, &d->world->links[link]);
}

int64_t day_fare(const struct day *d, uint32_t i, uint32_t j)
{
    uint32_t link = i == j ? WORLD_NO_LINK : world_link(d->world, i, j);
    return link == WORLD_NO_LINK ? 0 : world_fare(d->world, &d->world->links[link], d->bin);
}

bool day_closed(const struct day *d, uint32_t i, uint32_t j)
{
    return d->closed[(size_t)i * d->world->n_words + j / 64] >> (j % 64) & 1;
}

int64_t day_price(const struct day *d)
{
    return d->price;
}

const struct metrics *day_metrics(const struct day *d)
{
    return &d->m;
}

uint64_t day_hash(const struct day *d)
{
    return d->hash;
}
