// SPDX-License-Identifier: MIT
// ranges.h - a set of item numbers as sorted, disjoint intervals.
//
// Sweeps settle nearly in order, so the set stays a handful of intervals and
// finding a place from the back is O(1) in practice; binary search bounds the
// rest.
//
// Ownership  In the caller's storage; fini frees the intervals.
// Threads    Confined to the owner's thread.

#ifndef COORDINATOR_RANGES_H
#define COORDINATOR_RANGES_H

#include <stdbool.h>
#include <stdint.h>

struct range {
    uint64_t lo;
    uint64_t hi; // one behind the last
};

struct ranges {
    struct range *list;
    uint32_t n;
    uint32_t cap;
    uint64_t total; // numbers in the set
};

void ranges_init(struct ranges *r);
void ranges_fini(struct ranges *r);
void ranges_add(struct ranges *r, uint64_t lo, uint64_t hi); // overlap is fine
void ranges_remove(struct ranges *r, uint64_t lo, uint64_t hi);
uint64_t
ranges_covered(const struct ranges *r, uint64_t lo, uint64_t hi); // how many of [lo, hi)
// The first gap within [lo, hi): false when the set covers all of it.
bool ranges_gap(const struct ranges *r, uint64_t lo, uint64_t hi, struct range *gap);

#endif
