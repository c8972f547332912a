// SPDX-License-Identifier: MIT
// sweep_totals.h - the sums that a workload keeps (its catalog's `totals`) and what follows
// from them (`figures`: expressions over their names).
//
// In the result: totals: {name: number, list or 16 hexadecimal digits}, figures: {name:
// number or null}; of every point, and pooled over all of them.
//
// Ownership  What is made lives in the arena given.
// Threads    As sweep.h.

#ifndef COORDINATOR_DRIVERS_SWEEP_TOTALS_H
#define COORDINATOR_DRIVERS_SWEEP_TOTALS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/outcome.h"
#include "common/totals.h"
#include "common/value.h"

struct sweep_totals;

// NULL: the workload keeps none, or its catalog entry makes no sense.
struct sweep_totals *sweep_totals_create(const struct value *catalog, struct arena *a);
uint32_t sweep_totals_count(const struct sweep_totals *s); // numbers; 0 of NULL
bool sweep_totals_only(const struct sweep_totals *s);      // there are no metrics without rows
// Adds what a run brought: as many as there are, found good by outcome_view.
void sweep_totals_add(const struct sweep_totals *s,
                      struct total *sums,
                      const struct outcome_view *v,
                      struct arena *scratch);
// Sets `totals` and `figures` in the map.
void sweep_totals_put(const struct sweep_totals *s,
                      const struct total *sums,
                      struct arena *a,
                      struct value *map);

#endif
