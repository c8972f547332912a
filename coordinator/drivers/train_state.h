// SPDX-License-Identifier: MIT
// train_state.h - for train*.c only: rounds and what became of their items.
//
// Threads    As train.h.

#ifndef COORDINATOR_DRIVERS_TRAIN_STATE_H
#define COORDINATOR_DRIVERS_TRAIN_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/fold.h"
#include "common/hash.h"
#include "common/value.h"
#include "coordinator/driver.h"

enum {
    TRAIN_ITEMS_MAX = 1000000,
    TRAIN_ROLLOUTS_MAX = 4096,
    TRAIN_CURVE_INLINE = 1000, // rounds in the result itself; more are a blob
};

struct train_item {
    bool told;
    bool has_blob;
    struct sha256 blob; // a rollout's, or an update's checkpoint
    uint64_t size;
};

struct train {
    struct arena *arena; // lives as long as the state
    struct arena *scratch;
    uint64_t n_iterations;
    uint64_t n_rollouts;   // of a round
    uint64_t n_evaluation; // items at the end
    uint64_t evaluation_seed;
    struct train_item *items; // [n_items], of all there will be
    uint64_t n_items, n_asked;
    uint64_t n_whole;    // items from 0 on that were told, without a gap
    struct value *curve; // [n_iterations] map of the update's numbers, or null
    struct value *tests; // [n_evaluation] map of an evaluation item's numbers, or null
    struct buf lines;    // curve.jsonl
    const char *failed;  // the first item's fault in order, NULL: none
    uint64_t failed_item;
};

static inline uint64_t train_round(const struct train *s)
{
    return s->n_rollouts + 1;
}
static inline bool train_is_update(const struct train *s, uint64_t item)
{
    return item < s->n_iterations * train_round(s) && item % train_round(s) == s->n_rollouts;
}
// The last committed checkpoint before `item`, or NULL.
static inline const struct train_item *train_checkpoint(const struct train *s, uint64_t item)
{
    uint64_t rounds = item / train_round(s);
    rounds = rounds < s->n_iterations ? rounds : s->n_iterations;
    return rounds ? &s->items[rounds * train_round(s) - 1] : NULL;
}

// train_parse.c: ERR_PARSE with the place.
enum error train_parse(struct train *s, const struct driver_setup *setup, struct errtext *t);
// train_result.c
struct value train_blob(struct arena *a, const struct train_item *i); // {hash, size}, or null
struct value train_progress(const struct train *s, struct arena *a);
void train_finish(struct train *s, struct driver_output *out);

#endif
