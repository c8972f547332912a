// SPDX-License-Identifier: MIT
// cafe_model.h - the café Monte Carlo of section 14 of the fleet specification (`fleet/1`):
// what a simulation draws, what its draw scores, what is kept of many.
//
// A café of one to five stars has 11 to 16 roles of three traits each, whole numbers from
// 1 to 10, drawn uniformly by Philox at (block, simulation low, 10 + 256 tier, simulation
// high).  Everything is whole numbers: satisfaction is kept times 120, performance as
// numerator and denominator; sums are additive, so that no order and no split shows.
//
// Source: Pearl, Murphy, Intriligator, arXiv 2508.01581 (formulas and numbers).
// Threads    Any; pure.

#ifndef WORKER_FLEET_CAFE_MODEL_H
#define WORKER_FLEET_CAFE_MODEL_H

#include <stdbool.h>
#include <stdint.h>

enum {
    CAFE_TIERS = 5,
    CAFE_TRAITS = 48, // at most, a multiple of what a block of Philox has
    CAFE_BINS = 41,   // minutes
    CAFE_LANES = 8,   // simulations drawn at once
};

// A score is a constant and weights of some traits; weight 0 ends the list.
struct cafe_term {
    uint8_t trait;
    int8_t weight;
};

struct cafe_tier {
    uint32_t n_roles;            // of three traits each
    uint32_t n_factors, factors; // how many, and their sum
    struct cafe_term time[5];    // minutes
    struct cafe_term sat120[12];
    int32_t sat120_base;
    // Implausible: both of a pair, one trait at most 2 and the other at least 9.
    struct {
        uint8_t low, high;
    } never[2];
};

const struct cafe_tier *cafe_tier(uint32_t tier); // 1 to 5

struct cafe_score {
    uint32_t time, sat120, performance, per; // performance / per
    bool implausible;
};

struct cafe_score cafe_score(const struct cafe_tier *t, const uint8_t *traits);

// What the sums are over.
struct cafe_plan {
    uint64_t seed;
    uint32_t tier;  // 1 to 5
    uint32_t adapt; // lowest traits that are drawn again, once, and kept if higher
    bool prune;     // implausible draws are counted, and left out of all else
};

// The traits of simulations [first, first + CAFE_LANES): 10 + 256 tier + `retry` is the
// stream, retry 0 or 128.
typedef void (*cafe_draw_fn)(const struct cafe_plan *p,
                             uint32_t retry,
                             uint64_t first,
                             uint8_t out[CAFE_LANES][CAFE_TRAITS]);

// The m lowest traits, by value and then index, are replaced where `again` is higher.
void cafe_adapt(uint8_t *traits, const uint8_t *again, uint32_t n_traits, uint32_t m);

// In the order of the workload's table of totals.
struct cafe_sums {
    uint64_t draws, implausible, sims;
    uint64_t time, sat120, time2, sat120_2, time_sat120;
    uint64_t performance, per, sat120_drawn;
    uint64_t time_hist[CAFE_BINS];
};

// Adds simulations [first, first + n) of the plan.
void cafe_run(const struct cafe_plan *p, uint64_t first, uint64_t n, struct cafe_sums *s);
// The scores of simulations [first, first + CAFE_LANES).
void cafe_scores(const struct cafe_plan *p, uint64_t first, struct cafe_score out[CAFE_LANES]);

#endif
