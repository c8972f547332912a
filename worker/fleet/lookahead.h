// SPDX-License-Identifier: MIT
// lookahead.h - what each destination is worth at a decision, found by flying on.
//
// The rollout algorithm (Tesauro and Galperin, NIPS 1996; Bertsekas, Tsitsiklis and Wu,
// Journal of Heuristics 3, 1997): every feasible destination is tried on a copy of the
// day, which greedy_rate then flies for a horizon; its worth is what the flights of that
// time earn.  A flight's profit, electricity included, counts evenly over the time from
// its decision to the full battery, so that one just begun is no windfall; up to the
// day's end, when that is less than 4/3 of a horizon away, flights count in full.
//
// All copies see the day's own future: worth is a clairvoyant's.  Only differences between
// destinations mean something, and their mean over days is what one who does not know the
// future should choose by.
//
// Ownership  Borrows the world.
// Threads    One at a time.

#ifndef WORKER_FLEET_LOOKAHEAD_H
#define WORKER_FLEET_LOOKAHEAD_H

#include <stdint.h>

#include "worker/fleet/day.h"

struct lookahead;

struct lookahead *lookahead_create(const struct world *w, int64_t horizon_ms);
void lookahead_destroy(struct lookahead *l); // NULL is fine
// At a decision of d, which stays as it is: worth[V] in micro-dollars, of infeasible ones 0.
void lookahead(struct lookahead *l, const struct day *d, int64_t *worth);

#endif
