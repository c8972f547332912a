// SPDX-License-Identifier: MIT
// day_state.h - for day*.c and the policies: what a running day is made of.
//
// One block of memory, laid out at create.  Everything is kept as it is asked for most
// often: sets of vertiports as bits, the passengers of a pair as one row of bytes, the
// draws of an aircraft sixteen at a time.
//
// Threads    As day.h.

#ifndef WORKER_FLEET_DAY_STATE_H
#define WORKER_FLEET_DAY_STATE_H

#include "worker/fleet/day.h"
#include "worker/fleet/queue.h"

#define NOBODY UINT32_MAX

enum { SEATS_MAX = 64 };

struct aircraft {
    int64_t energy_j;
    int64_t since_ms; // WAITCHG: begin; PREP, FLY: when it lands
    uint32_t place, dest;
    uint32_t link; // under way
    uint32_t n_decisions, n_dispatches, n_landings;
    uint32_t policy_block; // whose draws are ahead, from 1; 0: none
    uint32_t next;         // in the queue for a charger
    uint8_t status, stand, type, pax, lane;
};
_Static_assert(sizeof(struct aircraft) <= 96, "specification section 13");

// Stands of a vertiport by kind (enum day_stand; NONE has none).
struct port {
    uint32_t n_stands[3];
    uint32_t n_on[3]; // taken
    uint32_t n_in;
    uint32_t queue_first, queue_last;
    int64_t tod_mean_ms;
};

// Who stands on a vertiport's stands of one kind, in no order: a ring of aircraft and,
// as its head, the kind's own link (day_ring), so that none is a special case.
struct ring {
    uint32_t next, previous;
};

// A corridor: who used it last; LANE_UNUSED lies before any time a headway reaches.
struct lane {
    int64_t entry_ms, exit_ms;
    uint32_t type;
};
#define LANE_UNUSED (INT64_MIN / 2)

// Draws ahead: of the next sixteen dispatches, landings and decisions.
struct draws {
    uint64_t tod[DRAWS_LANES]; // w0 + w1
    uint32_t failure[2][DRAWS_LANES];
    uint32_t policy[DRAWS_LANES];
};

struct day {
    const struct world *world;
    uint64_t seed;
    uint32_t episode;
    bool hashing, acting; // acting: an epoch waits for its action
    day_trace_fn trace;
    void *trace_ctx;
    // Now
    int64_t t;
    int64_t next_change_ms; // when one of the following changes
    int64_t next_closed_ms; // when `closed` does
    uint32_t bin;           // of now, the last one after the end
    uint32_t bin_from;      // the oldest whose passengers still wait
    int64_t price;
    int64_t money_uusd;
    uint64_t hash;
    struct epoch epoch;
    struct metrics m;
    struct queue queue;
    struct aircraft *aircraft;
    struct port *ports;
    struct ring *rings;  // [N + 3 V]
    struct lane *lanes;  // [n_links][lanes]
    uint8_t *waiting;    // [n_demand][n_bins_padded], and 8 bytes behind
    uint64_t *has_room;  // [n_words]
    uint64_t *closed;    // [V][n_words], of now
    uint64_t *feasible;  // [n_words]
    struct draws *draws; // [N]
    uint32_t *scratch;   // [the most of pairs, ports, aircraft, padded]
    size_t n_bytes;
};

static inline uint32_t count_bits(uint64_t x)
{
    x -= x >> 1 & UINT64_C(0x5555555555555555);
    x = (x & UINT64_C(0x3333333333333333)) + (x >> 2 & UINT64_C(0x3333333333333333));
    x = (x + (x >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return (uint32_t)(x * UINT64_C(0x0101010101010101) >> 56);
}

// A row's bytes of bins from .. from + 7, those behind `to` as 0.
static inline uint64_t row_bytes(const uint8_t *row, uint32_t from, uint32_t to)
{
    uint64_t x;
    memcpy(&x, row + from, sizeof x);
    uint32_t n = to - from + 1;
    return n < 8 ? x & ((UINT64_C(1) << (8 * n)) - 1) : x;
}

// Passengers of a row in bins [from, to]; the sum of eight fits a byte.
static inline uint32_t row_sum(const uint8_t *row, uint32_t from, uint32_t to)
{
    uint32_t sum = 0;
    for (; from <= to; from += 8)
        sum += (uint32_t)(row_bytes(row, from, to) * UINT64_C(0x0101010101010101) >> 56);
    return sum;
}

static inline uint32_t link_waiting(const struct day *d, const struct world_link *l)
{
    if (l->demand == WORLD_NO_LINK)
        return 0;
    const uint8_t *row = d->waiting + (size_t)l->demand * d->world->n_bins_padded;
    return row_sum(row, d->bin_from, d->bin);
}

static inline uint32_t day_ring(const struct day *d, uint32_t v, enum day_stand stand)
{
    return d->world->n_aircraft + 3 * v + stand;
}

static inline void day_stand_up(struct day *d, uint32_t a)
{
    const struct aircraft *x = &d->aircraft[a];
    struct ring r = d->rings[a];

    d->rings[r.previous].next = r.next;
    d->rings[r.next].previous = r.previous;
    d->ports[x->place].n_on[x->stand]--;
}

// Takes a free one where it is.
static inline void day_stand_on(struct day *d, uint32_t a, enum day_stand stand)
{
    struct aircraft *x = &d->aircraft[a];
    uint32_t head = day_ring(d, x->place, stand), next = d->rings[head].next;

    d->rings[a] = (struct ring){next, head};
    d->rings[next].previous = a;
    d->rings[head].next = a;
    d->ports[x->place].n_on[stand]++;
    x->stand = (uint8_t)stand;
}

static inline bool port_has(const struct port *p, enum day_stand stand)
{
    return p->n_on[stand] < p->n_stands[stand];
}

// day_reset.c: the parts of a new day.
void day_place_all(struct day *d);
void day_draw_demand(struct day *d);
// day_clock.c: what changes with time alone.
void day_advance(struct day *d, int64_t t);
// day_rules.c: who charges, and who waits for it.
void day_request_charge(struct day *d, uint32_t a, int64_t t);
void day_release(struct day *d, uint32_t v, int64_t t);

// ---- records ---------------------------------------------------------------------

struct day_leg {
    uint32_t from, to;
    int pax, lane;
};

// day_view.c: a record to whoever listens.
void day_tell(const struct day *d, uint32_t a, enum trace_event ev, struct day_leg leg);

static inline struct record
day_record(const struct day *d, uint32_t a, enum trace_event ev, struct day_leg leg)
{
    return (struct record){
        .t = d->t,
        .a = a,
        .ev = ev,
        .from = leg.from,
        .to = leg.to,
        .pax = leg.pax,
        .lane = leg.lane,
        .energy_j = d->aircraft[a].energy_j,
        .money_uusd = d->money_uusd,
    };
}

static inline void day_log(struct day *d, uint32_t a, enum trace_event ev, struct day_leg leg)
{
    d->m.events++;
    if (d->hashing) {
        const struct record r = day_record(d, a, ev, leg); // never leaves the registers
        d->hash = trace_hash(d->hash, &r);
    }
    if (d->trace)
        day_tell(d, a, ev, leg);
}

static inline void day_log_here(struct day *d, uint32_t a, enum trace_event ev)
{
    day_log(d, a, ev, (struct day_leg){d->aircraft[a].place, d->aircraft[a].place, 0, -1});
}

#endif
