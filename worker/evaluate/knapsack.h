// SPDX-License-Identifier: MIT
// knapsack.h - what to take when not everything fits: as it comes, and knowing all.
//
// Online: items come one by one and are taken or left for good.  With densities value /
// cost known to lie in [low, high], an item that fits is taken when its density is at
// least
//
//     Psi(z) = (high e / low)^z (low / e)
//
// at the part z of the budget that is spent (Zhou, Chakrabarty and Lukose, "Budget
// constrained bidding in keyword auctions and online knapsack problems", 2008).  Small
// items then lose at most a factor ln(high / low) + 1 against the optimum.
//
// Offline: of each group at most one, so that the values add up to the most: exact, by
// dynamic programming over whole costs.  Groups of one are the plain knapsack.
//
// Threads    Any; pure.

#ifndef WORKER_EVALUATE_KNAPSACK_H
#define WORKER_EVALUATE_KNAPSACK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/arena.h"

struct knapsack_online {
    double low, high; // densities, 0 < low <= high
    double budget;
    double spent; // so far
};

double knapsack_threshold(const struct knapsack_online *k);
// Take it if it fits and is worth it.
bool knapsack_offer(struct knapsack_online *k, double value, double cost);

struct knapsack_item {
    double value; // >= 0
    uint32_t cost;
    uint32_t group; // items of a group stand together
};

enum { KNAPSACK_BUDGET_MAX = 1 << 20, KNAPSACK_CELLS_MAX = 1 << 26 };

// taken[n]; the sum of values.  n * (budget + 1) is at most KNAPSACK_CELLS_MAX.  Of equal
// sums the one that takes fewer of the last items.
double knapsack_best(const struct knapsack_item *items,
                     uint32_t n,
                     uint32_t budget,
                     struct arena *scratch,
                     bool *taken);

#endif
