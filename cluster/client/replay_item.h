// SPDX-License-Identifier: MIT
// replay_item.h - what an item of a fleet's job was called with beside the job's params.
//
// A grid's point or a search's trial is a map laid over `params`.  A search says with
// `episode` which day its trials share; a day that is replayed is named, so that goes.
//
// Ownership  What is made lives in the arena.
// Threads    One.

#ifndef CLUSTER_CLIENT_REPLAY_ITEM_H
#define CLUSTER_CLIENT_REPLAY_ITEM_H

#include <stdint.h>

#include "common/value.h"
#include "protocol/caller.h"

enum { REPLAY_BEST = -1 };

struct replay_item {
    const char *job;
    int64_t point; // of a grid, from 0, the last key fastest
    int64_t trial; // of a search; REPLAY_BEST: the best so far, or the first of the front
};

// Lays it over *params.  ERR_INVALID: there is no such point or trial.
MUST_CHECK enum error replay_item(const struct replay_item *want,
                                  struct caller *c,
                                  const struct value *spec,
                                  struct arena *a,
                                  struct value *params,
                                  struct errtext *t);

#endif
