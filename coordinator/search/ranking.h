// SPDX-License-Identifier: MIT
// ranking.h - the told records from best to worst, kept up to date.
//
// One objective: a sorted list.  Several: fronts (what nothing dominates, what
// only the first front dominates, …), within the last front wanted by the
// greedy choice that keeps most hypervolume.
//
// Ownership  The creator's; borrows the history.
// Threads    Confined to the search's step.

#ifndef COORDINATOR_SEARCH_RANKING_H
#define COORDINATOR_SEARCH_RANKING_H

#include <stdint.h>

#include "coordinator/search/history.h"

struct ranking;

// For the best `n_most` at most, which are all that is kept where that is possible.
struct ranking *ranking_create(const struct history *h, uint32_t n_most);
void ranking_destroy(struct ranking *r); // NULL is fine
void ranking_add(struct ranking *r, uint32_t record);
// The best k <= n records and their weights: 1 each for one objective, else by
// what each adds to the hypervolume, at most 1.
void ranking_best(const struct ranking *r, uint32_t k, uint32_t *records, double *weights);

#endif
