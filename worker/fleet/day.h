// SPDX-License-Identifier: MIT
// day.h - one operating day of a fleet, run from decision to decision.
//
// The simulator of specification fleet/1, sections 4 to 6 and 8: a state machine of
// integers whose randomness is addressed by (seed, episode), so that any day can be redone
// alone and the weather is the same whatever the policy does.  A decision loop:
//
//   day_reset(d, seed, episode);
//   while (day_next(d)) {                       // up to the next aircraft that must decide
//       const struct epoch *e = day_epoch(d);   // who, where, when, what is feasible
//       …look at the state…
//       day_act(d, destination);                // a feasible vertiport; e->place: hold
//   }
//   m = day_metrics(d);  hash = day_hash(d);
//
// or day_run(d, policy, state) with a row of policy.h.  Days run side by side: create as
// many as wanted on one world, step them in any order.
//
// Ownership  The day borrows its world, which must outlive it, and allocates nothing
//            after create.  What it returns is valid until its next call.
// Threads    One thread a day; the world is shared.

#ifndef WORKER_FLEET_DAY_H
#define WORKER_FLEET_DAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "worker/fleet/metrics.h"
#include "worker/fleet/policy.h"
#include "worker/fleet/trace.h"
#include "worker/fleet/world.h"

struct day;

enum { DAY_EPISODE_BITS = 32 }; // episodes are counter words

size_t day_bytes(const struct world *w); // of a running day, all of it
struct day *day_create(const struct world *w);
void day_destroy(struct day *d); // NULL is fine
// Another day of the same world becomes this one as it stands, options included.
void day_copy(struct day *to, const struct day *from);

// Options, kept over resets.  Off: day_hash is 0.  On by default.
void day_set_hash(struct day *d, bool on);
typedef void (*day_trace_fn)(void *ctx, const struct record *r);
void day_set_trace(struct day *d, day_trace_fn trace, void *ctx); // NULL: none

void day_reset(struct day *d, uint64_t seed, uint32_t episode);

// ---- decisions -------------------------------------------------------------------

struct epoch {
    int64_t t;
    uint32_t aircraft;
    uint32_t place;
    uint32_t type;            // of the aircraft
    uint32_t number;          // of this decision among the aircraft's own, from 0
    uint32_t n_feasible;      // at least 1: place itself is always there (hold)
    const uint64_t *feasible; // bits of vertiports, world->n_words words
};

bool day_next(struct day *d);                       // false: the day has ended
const struct epoch *day_epoch(const struct day *d); // after day_next said true
// ERR_INVALID, and nothing happens, when it is not feasible.
MUST_CHECK enum error day_act(struct day *d, uint32_t destination);
void day_mask(const struct day *d, uint8_t *mask); // [V] of 0 and 1
// The k-th feasible vertiport in ascending order, k < n_feasible.
uint32_t day_feasible(const struct day *d, uint32_t k);
// The draw of this decision on the policies' stream (9), 32 bits.
uint32_t day_policy_draw(struct day *d);
void day_run(struct day *d, const struct policy *p, void *state);

// ---- what can be seen ------------------------------------------------------------

enum day_status {
    DAY_IDLE,
    DAY_PREP, // dispatched, still on its stand
    DAY_FLY,
    DAY_CHARGING,
    DAY_WAITCHG, // waiting for a charger
    DAY_DOWN,
    DAY_RETIRED,
};
enum day_stand { DAY_NONE, DAY_PLAIN, DAY_CHARGER };

struct day_aircraft {
    int64_t energy_j;
    int64_t next_ms; // its next event; -1: none
    uint32_t place;  // where it stands, or came from when it flies
    uint32_t dest;   // where it flies to (status PREP, FLY), else place
    uint32_t type;
    enum day_status status;
    enum day_stand stand;
    uint32_t pax; // on board
    uint32_t n_decisions, n_dispatches, n_landings;
};
struct day_port {
    uint32_t charge, park; // its stands
    uint32_t n_charge, n_park, n_in, n_queue;
    int64_t tod_mean_ms;
};

struct day_aircraft day_aircraft(const struct day *d, uint32_t a);
struct day_port day_port(const struct day *d, uint32_t v);
const struct world *day_world(const struct day *d);
uint64_t day_seed(const struct day *d);
uint32_t day_episode(const struct day *d);
int64_t day_time(const struct day *d);
int64_t day_profit(const struct day *d); // so far; at the end, terminal electricity is off
// Now: passengers who wait at i for j; the fare of one; what the weather or an explicit
// closure forbids; the price of a kWh.
uint32_t day_waiting(const struct day *d, uint32_t i, uint32_t j);
int64_t day_fare(const struct day *d, uint32_t i, uint32_t j);
bool day_closed(const struct day *d, uint32_t i, uint32_t j);
int64_t day_price(const struct day *d);

// ---- the end ---------------------------------------------------------------------

const struct metrics *day_metrics(const struct day *d); // complete when the day has ended
uint64_t day_hash(const struct day *d);

#endif
