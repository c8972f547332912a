// SPDX-License-Identifier: MIT
// ga.h - a steady-state population, for the algorithms that keep one.
//
// One objective: the best survive.  Several: the first fronts, within the last one those
// that stand freest (crowding distance); infeasible and failed ones behind all others.
//
// Source     Deb, Pratap, Agarwal and Meyarivan, IEEE TEC 6 (2002), sections III A-C, VI.
// Ownership  The creator's; borrows the history.
// Threads    Confined to the search's step.

#ifndef COORDINATOR_SEARCH_GA_H
#define COORDINATOR_SEARCH_GA_H

#include "coordinator/search/algorithm.h"

struct ga_settings {
    uint32_t size, tournament, n_startup;
    double crossover, eta, mutations;
    double reach; // > 0: how numbers mutate, as in variation.h
};

void *ga_create(const struct history *h, const struct ga_settings *s);
void ga_destroy(void *state); // NULL is fine
void ga_tell(void *state, uint32_t record);
bool ga_ask(void *state, const struct ask *q, struct point *out);

#endif
