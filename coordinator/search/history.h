// SPDX-License-Identifier: MIT
// history.h - what a search has asked and been told.
//
// Records stand in the order they were asked: first those of `warm_start`, told
// at once, then trial 0, 1, …  Told is always a prefix, so that what follows it
// is what is pending.  An algorithm sees nothing else.
//
// Ownership  The search's; genes live until it ends.
// Threads    Confined to the search's step.

#ifndef COORDINATOR_SEARCH_HISTORY_H
#define COORDINATOR_SEARCH_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/map.h"
#include "coordinator/search/objective.h"
#include "coordinator/search/space.h"

struct record {
    struct point point;
    struct score score; // once known; algorithms look only once it is told
};

struct prior;
struct gene_block;

struct history {
    const struct space *space;
    const struct objectives *objectives;
    const struct prior *prior; // what earlier jobs say (prior.h), or NULL
    uint64_t seed;
    // Trial i is asked once the trials up to i - window are told; 0: not known.
    uint32_t window;
    uint32_t n_warm;
    uint32_t n_asked; // records
    uint32_t n_told;
    uint32_t cap;
    struct record *records;
    struct map by_key; // a point's key -> its first record
    // Points that an endpoint proposed with the trials told (endpoint.h), in their order:
    // valid, and some of them asked since.
    struct point *proposals;
    uint32_t n_proposals, cap_proposals;
    struct walk *walk;         // for whoever asks
    struct arena *arena;       // the first genes
    struct gene_block *blocks; // what came when those were many
};

void history_init(struct history *h,
                  const struct space *s,
                  const struct objectives *o,
                  uint64_t seed);
void history_fini(struct history *h);
uint32_t history_ask(struct history *h, const struct point *p); // copies; returns the record
uint32_t history_tell(struct history *h); // the first pending, whose score is known
void history_propose(struct history *h, const struct point *p); // copies
// Was the point asked before?  NULL: no.
const struct record *
history_find(const struct history *h, const struct point *p, uint32_t *record);

#endif
