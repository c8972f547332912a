// SPDX-License-Identifier: MIT
// standing.h - how good a told record is among those told before it.
//
// A utility in [0, 1] that no monotone change of a loss alters: the share of the earlier
// feasible records that it beats (ties count half), averaged over the objectives.  An
// infeasible or failed one has 0.
//
// Ownership  The creator's; borrows the history.
// Threads    Confined to the search's step.

#ifndef COORDINATOR_SEARCH_STANDING_H
#define COORDINATOR_SEARCH_STANDING_H

#include "coordinator/search/history.h"

struct standing;

struct standing *standing_create(const struct history *h);
void standing_destroy(struct standing *s); // NULL is fine
// The record's utility; from now on it is one of those told.  In order.
double standing_add(struct standing *s, uint32_t record);
// The loss that a share q of the feasible told ones do not exceed; 0 without any.
double standing_quantile(const struct standing *s, uint32_t objective, double q);
uint32_t standing_count(const struct standing *s); // feasible ones

#endif
