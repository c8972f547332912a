// SPDX-License-Identifier: MIT
// hypervolume.h - the volume that a set of losses dominates up to a reference.
//
// Exact.  Two objectives: a sweep, O(n log n).  Three and more: slices along the
// last objective, each a problem of one objective less.
//
// Threads    Any; pure.

#ifndef COORDINATOR_SEARCH_HYPERVOLUME_H
#define COORDINATOR_SEARCH_HYPERVOLUME_H

#include <stdbool.h>
#include <stdint.h>

// points: n rows of m losses.  Points that do not lie below the reference in
// every objective add nothing.
double hypervolume_of(const double *points, uint32_t n, uint32_t m, const double *reference);

// Which of the rows no other row dominates (equal rows: the first stays).
void hypervolume_front(const double *points, uint32_t n, uint32_t m, bool *is_front);

// The k rows that keep most of the hypervolume, greedily, into chosen[k]; k <= n.
void hypervolume_subset(const double *points,
                        uint32_t n,
                        uint32_t m,
                        const double *reference,
                        uint32_t k,
                        uint32_t *chosen);

#endif
