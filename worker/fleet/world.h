// SPDX-License-Identifier: MIT
// world.h - what holds on every day of a scenario: distances, flight times, energies,
// fares, expected demand, and which vertiports are within reach.
//
// Specification fleet/1, section 4, rules 1 to 5 and 7; section 6, rules 2, 5 and 6.
//
// A link is an ordered pair of vertiports that some type of aircraft can fly with a full
// battery; links are numbered by (from, to) ascending, so that what an aircraft looks at
// in one decision lies together.  Sets of vertiports are bits, 64 a word.
//
// Ownership  The world copies nothing of the scenario: that must outlive it.
// Threads    Read-only after create: shared by all running days.

#ifndef WORKER_FLEET_WORLD_H
#define WORKER_FLEET_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "worker/fleet/draws.h"
#include "worker/fleet/scenario.h"

#define WORLD_NO_LINK UINT32_MAX

struct world_link {
    int64_t dist_m;
    int64_t fare0_uusd;  // of a passenger, without surge
    int64_t opcost_uusd; // of a passenger
    uint32_t demand;     // row of passengers, or WORLD_NO_LINK: none
    uint32_t from, to;
    uint8_t of_class; // of expected demand: 2 · core(from) + core(to)
};

// Of one type on one link.
struct world_leg {
    int64_t flight_ms, trip_j;
    int64_t need_j;   // to be allowed there: trip, reserve and escape
    int64_t cycle_ms; // take-off, flight, landing and charging again, without delay
};

// Passengers of an imported demand.
struct world_given {
    uint32_t row, bin, passengers;
};

// A pair with demand.
struct world_demand {
    uint32_t entity; // from · V + to, the counter's word
    uint32_t of_class;
};

struct world {
    const struct scenario *scenario;
    const struct draws_kernels *draws;
    uint32_t n_ports, n_aircraft, n_types;
    uint32_t n_words; // of a set of vertiports
    uint32_t n_bins;
    uint32_t n_bins_padded; // to a multiple of 16
    uint32_t n_links;
    uint32_t *link_of;        // [V][V], or WORLD_NO_LINK
    struct world_link *links; // [n_links]
    struct world_leg *legs;   // [T][n_links]
    uint64_t *reach;          // [T][V][n_words]: allowed with a full battery
    int64_t *most_need_j;     // [T][V]: of all that is within reach
    uint32_t n_demand;
    struct world_given *given;   // [scenario->n_demand]; NULL: demand is drawn
    struct world_demand *demand; // by entity
    uint32_t *demand_entity;     // [n_demand padded to 16]
    uint32_t *lam;               // [4][n_bins_padded], Q16: expected passengers of a cell
    uint32_t *surge_pct;         // [4][n_bins]
    uint32_t *numbers;           // 0, 1, …: as many as vertiports or aircraft, padded to 16
    uint32_t n_pairs;            // unordered, of links: what weather can close
    uint32_t *pair_entity;       // [n_pairs padded to 16]: min · V + max
    int64_t headway_ms[SCENARIO_TYPES_MAX];
    uint64_t close_threshold, fail_threshold;
    int64_t *boundary_ms; // of explicit closures, ascending
    uint32_t n_boundaries;
};

// ERR_LIMIT where the tables would be too large, ERR_PARSE where an imported demand does
// not fit the scenario.
MUST_CHECK enum error
world_create(const struct scenario *s, struct world **out, struct errtext *t);
void world_destroy(struct world *w); // NULL is fine

int64_t world_distance(const struct world *w, uint32_t i, uint32_t j);
int64_t world_isqrt(int64_t n); // the integer part of the root, exactly

static inline const struct world_leg *
world_leg(const struct world *w, uint32_t type, uint32_t link)
{
    return &w->legs[(size_t)type * w->n_links + link];
}

static inline uint32_t world_link(const struct world *w, uint32_t i, uint32_t j)
{
    return w->link_of[(size_t)i * w->n_ports + j];
}

static inline const uint64_t *world_reach(const struct world *w, uint32_t type, uint32_t i)
{
    return &w->reach[((size_t)type * w->n_ports + i) * w->n_words];
}

// Of bin b, with its surge but without the day's multiplier.
static inline int64_t
world_fare(const struct world *w, const struct world_link *l, uint32_t bin)
{
    return l->fare0_uusd * w->surge_pct[l->of_class * w->n_bins + bin] / 100;
}

static inline bool world_is_core(const struct world *w, uint32_t i)
{
    return w->scenario->ports[i].core != 0;
}

#endif
