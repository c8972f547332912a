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
    // Among those on a charger of its vertiport, or in its queue.
    uint32_t next, previous;
    uint8_t status, stand, type, pax, lane;
};
_Static_assert(sizeof(struct aircraft) <= 96, "specification section 13");

struct port {
    uint32_t charge, park;
    uint32_t n_charge, n_park, n_in;
    uint32_t on_charger; // the first of a list, in no order
    uint32_t queue_first, queue_last;
    int64_t tod_mean_ms;
};

// A corridor: who used it last.
struct lane {
    int64_t entry_ms, exit_ms;
    uint32_t type;
    uint32_t used;
};

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
    struct lane *lanes;  // [n_links][lanes]
    uint8_t *waiting;    // [n_demand][n_bins_padded], and 8 bytes behind
    uint64_t *has_room;  // [n_words]
    uint64_t *closed;    // [V][n_words], of now
    uint64_t *feasible;  // [n_words]
    struct draws *draws; // [N]
    uint32_t *scratch;   // [max(n_demand, n_pairs) padded to 16]
    uint32_t *threshold; // [n_bins_padded]
    size_t n_bytes;
};

static inline uint32_t count_bits(uint64_t x)
{
    x -= x >> 1 & UINT64_C(0x5555555555555555);
    x = (x & UINT64_C(0x3333333333333333)) + (x >> 2 & UINT64_C(0x3333333333333333));
    x = (x + (x >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return (uint32_t)(x * UINT64_C(0x0101010101010101) >> 56);
}

// Passengers of a row in bins [from, to]: eight bytes at a time, each at most 8.
static inline uint32_t row_sum(const uint8_t *row, uint32_t from, uint32_t to)
{
    uint32_t sum = 0;
    while (from <= to) {
        uint32_t n = to - from + 1;
        uint64_t x;
        memcpy(&x, row + from, sizeof x);
        if (n < 8)
            x &= (UINT64_C(1) << (8 * n)) - 1;
        sum += (uint32_t)(x * UINT64_C(0x0101010101010101) >> 56);
        from += 8;
    }
    return sum;
}

static inline uint32_t link_waiting(const struct day *d, const struct world_link *l)
{
    if (l->demand == WORLD_NO_LINK)
        return 0;
    const uint8_t *row = d->waiting + (size_t)l->demand * d->world->n_bins_padded;
    return row_sum(row, d->bin_from, d->bin);
}

// day_reset.c: the parts of a new day.
void day_place_all(struct day *d);
void day_draw_demand(struct day *d);
// day_clock.c: what changes with time alone.
void day_advance(struct day *d, int64_t t);
// day_rules.c: stands and chargers.
void day_request_charge(struct day *d, uint32_t a, int64_t t);
void day_release(struct day *d, uint32_t v, int64_t t);
void day_stand_up(struct day *d, uint32_t a);                       // leaves its stand
void day_stand_on(struct day *d, uint32_t a, enum day_stand stand); // takes one

// ---- records ---------------------------------------------------------------------

struct day_leg {
    uint32_t from, to;
    int pax, lane;
};

static inline void day_log(struct day *d, uint32_t a, enum trace_event ev, struct day_leg leg)
{
    struct record r = {
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
    d->m.events++;
    if (d->hashing)
        d->hash = trace_hash(d->hash, &r);
    if (d->trace)
        d->trace(d->trace_ctx, &r);
}

static inline void day_log_here(struct day *d, uint32_t a, enum trace_event ev)
{
    day_log(d, a, ev, (struct day_leg){d->aircraft[a].place, d->aircraft[a].place, 0, -1});
}

#endif
