// SPDX-License-Identifier: MIT
// day.c - the events of a day, in order (specification 5).
#include "worker/fleet/day.h"

#include <assert.h>

#include "worker/fleet/day_state.h"

// ---- what an aircraft may do -----------------------------------------------------

// Bits of `set` that `x` lacks the energy for.
static uint64_t
too_far(const struct day *d, const struct aircraft *x, uint64_t set, uint32_t word)
{
    const struct world *w = d->world;
    uint64_t out = 0;

    for (uint64_t left = set; left; left &= left - 1) {
        uint32_t j = word * 64 + (uint32_t)__builtin_ctzll(left);
        const struct world_leg *leg = world_leg(w, x->type, world_link(w, x->place, j));
        if (x->energy_j < leg->need_j)
            out |= left & -left;
    }
    return out;
}

// Specification 5.4: each destination is refused for the first reason that holds.
static void find_feasible(struct day *d, uint32_t a)
{
    const struct world *w = d->world;
    const struct aircraft *x = &d->aircraft[a];
    const uint64_t *reach = world_reach(w, x->type, x->place);
    const uint64_t *closed = d->closed + (size_t)x->place * w->n_words;
    bool weak = x->energy_j < w->most_need_j[(size_t)x->type * w->n_ports + x->place];
    uint32_t n = 1;

    for (uint32_t k = 0; k < w->n_words; k++) {
        uint64_t set = reach[k];
        uint64_t full = set & ~d->has_room[k];
        set &= ~full;
        uint64_t shut = set & closed[k];
        set &= ~shut;
        uint64_t far = weak ? too_far(d, x, set, k) : 0;
        set &= ~far;
        d->m.blocked_full += count_bits(full);
        d->m.blocked_closed += count_bits(shut);
        d->m.blocked_energy += weak ? count_bits(far) : 0;
        n += count_bits(set);
        d->feasible[k] = set;
    }
    d->feasible[x->place / 64] |= UINT64_C(1) << (x->place % 64);
    d->epoch = (struct epoch){
        .t = d->t,
        .aircraft = a,
        .place = x->place,
        .type = x->type,
        .number = x->n_decisions,
        .n_feasible = n,
        .feasible = d->feasible,
    };
}

// ---- dispatch --------------------------------------------------------------------

#define BYTES(x) (UINT64_C(0x0101010101010101) * (x))

// Of each byte the lesser of itself and `most`, which is at most 64.
static uint64_t least_bytes(uint64_t x, uint64_t most)
{
    uint64_t over = (((x | BYTES(0x80)) - BYTES(most)) | x) & BYTES(0x80);
    uint64_t mask = (over >> 7) * 0xff;
    return (x & ~mask) | (BYTES(most) & mask);
}

static uint64_t sum_bytes(uint64_t x)
{
    const uint64_t even = UINT64_C(0x00ff00ff00ff00ff);
    return ((x & even) + (x >> 8 & even)) * UINT64_C(0x0001000100010001) >> 48;
}

// Oldest bin first; the passengers wait no more.  Eight bins at once: with as many on
// board behind bin k as wait in all bins up to it, but for the seats, it is no loop over
// passengers whose end nobody can predict.
static uint32_t board(struct day *d, const struct world_link *l, uint32_t seats)
{
    const struct scenario *s = d->world->scenario;
    uint32_t p = 0;

    if (l->demand == WORLD_NO_LINK)
        return 0;
    uint8_t *row = d->waiting + (size_t)l->demand * d->world->n_bins_padded;
    for (uint32_t b = d->bin_from; b <= d->bin; b += 8) {
        uint64_t x = row_bytes(row, b, d->bin), kept;
        uint64_t aboard = least_bytes(x * BYTES(1), seats - p);
        memcpy(&kept, row + b, sizeof kept);
        kept -= aboard - (aboard << 8);
        memcpy(row + b, &kept, sizeof kept);
        uint32_t n = (uint32_t)(aboard >> 56);
        // Sum of the numbers of their bins, from b: of each bin, those who are not behind it.
        int64_t bins = 8 * (int64_t)n - (int64_t)sum_bytes(aboard);
        d->m.pax_wait_ms += n * (d->t - s->t_start_ms - b * s->bin_ms) - bins * s->bin_ms;
        p += n;
    }
    return p;
}

static int64_t greater(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

// When `a` may enter a lane, no earlier than `ready`: behind the last one by the last
// one's headway at the entry, and by its own at the exit (5.3; both signed).
static int64_t
take_lane(struct day *d, struct aircraft *x, const struct world_leg *leg, int64_t ready)
{
    const int64_t *headway = d->world->headway_ms;
    uint32_t n = (uint32_t)d->world->scenario->lanes, least = 0;
    struct lane *lanes = d->lanes + (size_t)x->link * n;
    int64_t behind = headway[x->type] - leg->flight_ms, best = INT64_MAX;

    for (uint32_t k = 0; k < n; k++) {
        int64_t at_entry = lanes[k].entry_ms + headway[lanes[k].type];
        int64_t entry = greater(ready, greater(at_entry, lanes[k].exit_ms + behind));
        least = entry < best ? k : least;
        best = entry < best ? entry : best;
    }
    lanes[least] = (struct lane){best, best + leg->flight_ms, x->type};
    x->lane = (uint8_t)least;
    return best;
}

// The take-off delay's two words, summed; sixteen dispatches are drawn at once.
static uint64_t draw_tod(struct day *d, uint32_t a)
{
    uint32_t n = d->aircraft[a].n_dispatches++;
    struct draws *ahead = &d->draws[a];

    if (n % DRAWS_LANES == 0) {
        uint32_t w[4][DRAWS_LANES];
        struct address at = {n, a, STREAM_TOD, d->episode};
        d->world->draws->run(d->seed, at, w);
        for (int k = 0; k < DRAWS_LANES; k++)
            ahead->tod[k] = (uint64_t)w[0][k] + w[1][k];
    }
    return ahead->tod[n % DRAWS_LANES];
}

// Another one is on its way to v, where one stand less is left.
static void expect(struct day *d, uint32_t v)
{
    struct port *p = &d->ports[v];
    const uint32_t *all = p->n_stands, *on = p->n_on;
    uint64_t is_full =
        on[DAY_PLAIN] + on[DAY_CHARGER] + ++p->n_in >= all[DAY_PLAIN] + all[DAY_CHARGER];
    d->has_room[v / 64] &= ~(is_full << (v % 64));
}

static void dispatch(struct day *d, uint32_t a, uint32_t j)
{
    const struct world *w = d->world;
    const struct scenario *s = w->scenario;
    struct aircraft *x = &d->aircraft[a];
    uint32_t i = x->place;

    x->link = world_link(w, i, j);
    const struct world_link *l = &w->links[x->link];
    const struct world_leg *leg = world_leg(w, x->type, x->link);
    uint32_t pax = board(d, l, (uint32_t)s->types[x->type].seats);
    int64_t revenue = pax * world_fare(w, l, d->bin);
    int64_t op = pax * l->opcost_uusd;
    uint64_t mean = (uint64_t)d->ports[i].tod_mean_ms;
    int64_t tod = (int64_t)((mean * draw_tod(d, a)) >> 32);
    int64_t ready = d->t + s->takeoff_ms + tod;

    x->dest = j;
    x->pax = (uint8_t)pax;
    x->status = DAY_PREP;
    expect(d, j);
    int64_t entry = take_lane(d, x, leg, ready);
    x->since_ms = entry + leg->flight_ms + s->landing_ms;
    d->m.revenue_uusd += revenue;
    d->m.op_uusd += op;
    d->money_uusd += revenue - op;
    d->m.flights++;
    d->m.empty_flights += pax == 0;
    d->m.pax_m += pax * l->dist_m;
    d->m.aircraft_m += l->dist_m;
    d->m.tod_ms += tod;
    d->m.sep_wait_ms += entry - ready;
    day_log(d, a, TRACE_DISPATCH, (struct day_leg){i, j, (int)pax, x->lane});
    queue_set(&d->queue, a, queue_key(entry, EVENT_TAKEOFF, a));
}

enum error day_act(struct day *d, uint32_t j)
{
    const struct epoch *e = &d->epoch;
    uint32_t a = e->aircraft;

    if (!d->acting || j >= d->world->n_ports || !(d->feasible[j / 64] >> (j % 64) & 1))
        return ERR_INVALID;
    d->acting = false;
    d->m.decisions++;
    d->aircraft[a].n_decisions++;
    if (j != e->place) {
        dispatch(d, a, j);
        return OK;
    }
    d->m.holds++;
    day_log_here(d, a, TRACE_HOLD);
    queue_set(&d->queue, a, queue_key(d->t + d->world->scenario->hold_ms, EVENT_DECIDE, a));
    return OK;
}

static void release(struct day *d, uint32_t v)
{
    if (d->ports[v].queue_first != NOBODY)
        day_release(d, v, d->t);
}

// ---- events ----------------------------------------------------------------------

static void take_off(struct day *d, uint32_t a)
{
    struct aircraft *x = &d->aircraft[a];
    const struct world_leg *leg = world_leg(d->world, x->type, x->link);

    x->energy_j -= leg->trip_j;
    d->m.energy_used_j += leg->trip_j;
    day_stand_up(d, a);
    d->has_room[x->place / 64] |= UINT64_C(1) << (x->place % 64);
    x->status = DAY_FLY;
    day_log(d, a, TRACE_TAKEOFF, (struct day_leg){x->place, x->dest, x->pax, x->lane});
    queue_set(&d->queue, a, queue_key(x->since_ms, EVENT_LAND, a));
    release(d, x->place);
}

// Both words of this landing's failure draw; sixteen landings are drawn at once.
static const uint32_t *draw_failure(struct day *d, uint32_t a)
{
    uint32_t n = d->aircraft[a].n_landings++;
    struct draws *ahead = &d->draws[a];

    if (n % DRAWS_LANES == 0) {
        uint32_t w[4][DRAWS_LANES];
        struct address at = {n, a, STREAM_FAILURE, d->episode};
        d->world->draws->run(d->seed, at, w);
        memcpy(ahead->failure, w, sizeof ahead->failure);
    }
    return &ahead->failure[0][n % DRAWS_LANES];
}

static void fail(struct day *d, uint32_t a, uint32_t w1)
{
    const struct scenario *s = d->world->scenario;
    int64_t down = s->down_min_ms + draws_scale(w1, s->down_max_ms - s->down_min_ms + 1);

    d->aircraft[a].status = DAY_DOWN;
    d->m.failures++;
    d->m.down_ms += down;
    day_log_here(d, a, TRACE_FAIL);
    queue_set(&d->queue, a, queue_key(d->t + down, EVENT_REPAIRED, a));
    release(d, d->aircraft[a].place);
}

static void land(struct day *d, uint32_t a)
{
    const struct world *w = d->world;
    struct aircraft *x = &d->aircraft[a];
    struct port *p = &d->ports[x->dest];
    uint32_t from = x->place;

    p->n_in--;
    x->place = x->dest;
    const uint32_t *draw = draw_failure(d, a);
    bool failed = draw[0] < w->fail_threshold;
    bool wants = !failed && x->energy_j < w->scenario->types[x->type].battery_j;
    bool charger = (wants && port_has(p, DAY_CHARGER)) || !port_has(p, DAY_PLAIN);
    day_stand_on(d, a, charger ? DAY_CHARGER : DAY_PLAIN);
    d->m.served += x->pax;
    day_log(d, a, TRACE_LAND, (struct day_leg){from, x->place, x->pax, x->lane});
    x->pax = 0;
    if (failed)
        fail(d, a, draw[DRAWS_LANES]);
    else
        day_request_charge(d, a, d->t);
}

static void repaired(struct day *d, uint32_t a)
{
    day_log_here(d, a, TRACE_REPAIRED);
    d->aircraft[a].status = DAY_IDLE;
    day_request_charge(d, a, d->t);
}

static void charged(struct day *d, uint32_t a)
{
    struct aircraft *x = &d->aircraft[a];

    x->energy_j = d->world->scenario->types[x->type].battery_j;
    x->status = DAY_IDLE;
    day_log_here(d, a, TRACE_CHARGED);
    queue_set(&d->queue, a, queue_key(d->t, EVENT_DECIDE, a));
    release(d, x->place);
}

static void retire(struct day *d, uint32_t a)
{
    d->aircraft[a].status = DAY_RETIRED;
    day_log_here(d, a, TRACE_RETIRE);
    queue_set(&d->queue, a, QUEUE_NONE);
}

// Specification 5.5.
static void close_day(struct day *d)
{
    const struct scenario *s = d->world->scenario;
    int64_t price = s->elec_uusd_per_kwh[s->t_end_ms / 3600000 % 24];

    for (uint32_t a = 0; a < d->world->n_aircraft; a++) {
        int64_t need = s->types[d->aircraft[a].type].battery_j - d->aircraft[a].energy_j;
        d->m.terminal_j += need;
        d->m.terminal_elec_uusd += need * price / 3600000;
    }
    d->m.end_ms = d->t;
    d->m.unserved = d->m.generated - d->m.served;
    d->m.profit_uusd =
        d->m.revenue_uusd - d->m.op_uusd - d->m.elec_uusd - d->m.terminal_elec_uusd;
}

// True: it is a decision, and d waits for it.
static bool happens(struct day *d, enum event event, uint32_t a)
{
    switch (event) {
    case EVENT_LAND:
        land(d, a);
        return false;
    case EVENT_CHARGED:
        charged(d, a);
        return false;
    case EVENT_REPAIRED:
        repaired(d, a);
        return false;
    case EVENT_TAKEOFF:
        take_off(d, a);
        return false;
    default: // EVENT_DECIDE
        if (d->t >= d->world->scenario->t_end_ms) {
            retire(d, a);
            return false;
        }
        find_feasible(d, a);
        return d->acting = true;
    }
}

bool day_next(struct day *d)
{
    assert(!d->acting);
    for (;;) {
        uint64_t key = queue_first(&d->queue);
        if (key == QUEUE_NONE)
            break;
        d->t = queue_time(key);
        if (d->t >= d->next_change_ms)
            day_advance(d, d->t);
        if (happens(d, queue_event(key), queue_aircraft(key)))
            return true;
    }
    if (!d->m.end_ms)
        close_day(d);
    return false;
}
