// SPDX-License-Identifier: MIT
// train.h - the worker's side of `kind: train` (coordinator/drivers/train.h): a
// workload that learns says what a rollout, an update and a test are; blobs come and go
// here.
//
// A trainee's results depend on the job, the phase and the blobs alone.  An update runs
// on every rank of its gang with the same arguments; what it writes on rank 0 counts,
// and ranks add floats by group_tree_sum over a number of logical parts that belongs to
// the job, so the number of ranks never shows.
//
// Ownership  A call's blobs live in the run's arena.
// Threads    Main thread only.

#ifndef WORKER_EVALUATE_TRAIN_H
#define WORKER_EVALUATE_TRAIN_H

#include "common/buf.h"
#include "protocol/message.h"
#include "worker/evaluate/evaluate.h"

enum { TRAIN_BLOB_MAX = 1 << 30, TRAIN_BLOBS_MAX = 4096 };

struct train_call {
    struct run *run;
    uint64_t iteration;         // of rollout and update
    uint32_t part, of;          // of rollout and evaluate
    uint64_t seed;              // of evaluate
    struct bin checkpoint;      // empty: none yet
    const struct bin *rollouts; // of update, in the order of their parts
    uint32_t n_rollouts;
    struct buf *out;       // rollout, update: the blob
    struct value *numbers; // a map for what else is to be known: loss, reward, …
};

struct trainee {
    enum error (*rollout)(void *state, const struct train_call *c, struct errtext *t);
    enum error (*update)(void *state, const struct train_call *c, struct errtext *t);
    enum error (*evaluate)(void *state, const struct train_call *c, struct errtext *t);
};

// What a trainee's `run` is.  `scratch`: the job's.
MUST_CHECK enum error train_run(const struct trainee *what,
                                void *state,
                                const char *scratch,
                                struct run *r,
                                struct errtext *t);
void train_number(const struct train_call *c, const char *name, double x);

#endif
