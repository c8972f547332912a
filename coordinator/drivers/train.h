// SPDX-License-Identifier: MIT
// train.h - the driver of `kind: train`: rounds of rollouts and an update each, then
// an evaluation.
//
//   iterations     rounds (required)
//   rollouts       solo items a round (default 8), on any ranks
//   evaluate       {items: N (100), seed: S}: solo items at the end, left out: none
//   gang           ranks that an update takes
//
// Item numbers: round i has the rollouts i (R + 1) … i (R + 1) + R - 1 and the update
// i (R + 1) + R; the evaluation's items follow the last round.  What an item is called
// with, over the job's params:
//
//   rollout   {phase, iteration, part, of, checkpoint}
//   update    {phase, iteration, checkpoint, rollouts: list}
//   evaluate  {phase, part, of, seed, checkpoint}
//
// where a blob is {hash: 32 bytes, size}, and the first round has no checkpoint.  A
// rollout returns a blob "rollout", an update a blob "checkpoint"; every phase may
// return numbers, by names of its own.  The curve is what the updates return.
//
// A round asks for its update when all its rollouts are committed, and the next round
// starts from the update's committed checkpoint: whatever dies, the job goes on from the
// last one, and no result depends on how many ranks there are.  An item that fails ends
// the job, which keeps its last checkpoint.
//
// Threads    As driver.h.

#ifndef COORDINATOR_DRIVERS_TRAIN_H
#define COORDINATOR_DRIVERS_TRAIN_H

#include "coordinator/driver.h"

extern const struct driver train_driver;

#endif
