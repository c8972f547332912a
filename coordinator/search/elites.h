// SPDX-License-Identifier: MIT
// elites.h - islands of MAP-Elites grids: for each cell of complexity by diversity the best
// point found there.
//
// Complexity is the number of decisions of a point (of a program: its nodes, constants not
// counted), as a part of the most that its space allows.  Diversity is how far the point's
// bag of decisions is from those of the first points told, 0 to 1.  So a cell holds what is
// best among its like, and a simple or strange point need not beat the champion to breed.
//
// Record i belongs to island i mod n; every so many trials of an island its best move to the
// next one, where they compete for the same cells.
//
// Source     Mouret and Clune, arXiv 1504.04909 (2015): MAP-Elites; the two axes and the
//            ring of islands as OpenEvolve has them.
// Ownership  The creator's; borrows the history.
// Threads    Confined to the search's step.

#ifndef COORDINATOR_SEARCH_ELITES_H
#define COORDINATOR_SEARCH_ELITES_H

#include "coordinator/search/history.h"

enum { ISLANDS_MAX = 64, BINS_MAX = 32 };

struct elites;

struct elites_settings {
    uint32_t n_islands, bins;
    uint32_t period; // trials of an island between migrations
    double rate;     // share of an island's elites that migrates
};

struct elites *elites_create(const struct history *h, const struct elites_settings *s);
void elites_destroy(struct elites *e);              // NULL is fine
void elites_add(struct elites *e, uint32_t record); // told; in order
// The records in an island's cells, best first.
uint32_t elites_of(const struct elites *e, uint32_t island, const uint32_t **records);

#endif
