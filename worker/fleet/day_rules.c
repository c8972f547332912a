// SPDX-License-Identifier: MIT
// day_rules.c - stands, chargers and who waits for them (specification 5.3).
//
// The order of calls decides the order of records: it is the specification's, to the
// letter.
#include "worker/fleet/day_state.h"

static void start_charge(struct day *d, uint32_t a, int64_t t)
{
    const struct scenario_type *y = &d->world->scenario->types[d->aircraft[a].type];
    struct aircraft *x = &d->aircraft[a];
    int64_t need = y->battery_j - x->energy_j;
    int64_t cost = need * d->price / 3600000;

    if (x->status == DAY_WAITCHG)
        d->m.charge_wait_ms += t - x->since_ms;
    d->m.elec_uusd += cost;
    d->money_uusd -= cost;
    d->m.energy_charged_j += need;
    d->m.charge_sessions++;
    x->status = DAY_CHARGING;
    day_log_here(d, a, TRACE_CHARGE);
    int64_t end = t + (need * 1000 + y->charge_w - 1) / y->charge_w;
    queue_set(&d->queue, a, queue_key(end, EVENT_CHARGED, a));
}

// Rule (d): of those who hold a charger at v and do not need it, the least.
static uint32_t find_idler(const struct day *d, uint32_t v)
{
    const uint32_t idle = 1u << DAY_IDLE | 1u << DAY_DOWN | 1u << DAY_RETIRED;
    const uint32_t head = day_ring(d, v, DAY_CHARGER);
    uint32_t least = NOBODY;

    for (uint32_t b = d->rings[head].next; b != head; b = d->rings[b].next) {
        bool idles = idle >> d->aircraft[b].status & 1;
        least = idles && b < least ? b : least;
    }
    return least;
}

// `a` gets a charger of its vertiport if one is free or held for nothing.
static bool take_charger(struct day *d, uint32_t a)
{
    struct aircraft *x = &d->aircraft[a];
    struct port *p = &d->ports[x->place];

    if (port_has(p, DAY_CHARGER)) {
        day_stand_up(d, a);
        day_stand_on(d, a, DAY_CHARGER);
        return true;
    }
    uint32_t b = find_idler(d, x->place);
    if (b == NOBODY)
        return false;
    day_stand_up(d, b);
    day_stand_up(d, a);
    day_stand_on(d, b, DAY_PLAIN);
    day_stand_on(d, a, DAY_CHARGER);
    d->m.swaps++;
    day_log_here(d, b, TRACE_SWAP);
    return true;
}

void day_request_charge(struct day *d, uint32_t a, int64_t t)
{
    struct aircraft *x = &d->aircraft[a];
    struct port *p = &d->ports[x->place];

    if (p->n_stands[DAY_CHARGER] == 0
        || x->energy_j == d->world->scenario->types[x->type].battery_j) {
        x->status = DAY_IDLE;
        queue_set(&d->queue, a, queue_key(t, EVENT_DECIDE, a));
        return;
    }
    if (x->stand == DAY_CHARGER || take_charger(d, a)) {
        start_charge(d, a, t);
        return;
    }
    x->status = DAY_WAITCHG;
    x->since_ms = t;
    x->next = NOBODY;
    if (p->queue_first == NOBODY)
        p->queue_first = a;
    else
        d->aircraft[p->queue_last].next = a;
    p->queue_last = a;
    queue_set(&d->queue, a, QUEUE_NONE);
    day_log_here(d, a, TRACE_WAIT);
}

void day_release(struct day *d, uint32_t v, int64_t t)
{
    struct port *p = &d->ports[v];

    while (p->queue_first != NOBODY) {
        uint32_t head = p->queue_first;
        uint32_t next = d->aircraft[head].next;
        if (!take_charger(d, head)) // changes `next` only when it takes one
            return;
        p->queue_first = next;
        start_charge(d, head, t);
    }
}
