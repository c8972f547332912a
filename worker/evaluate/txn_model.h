// SPDX-License-Identifier: MIT
// txn_model.h - transactions in an order: when the last of them ends.
//
// The transaction-scheduling problem of the ADRS suite (Cheng et al., "Barbarians at
// the gate", 2025).  A transaction takes `len` steps and reads or writes a key at some
// of them.  In a given order each starts as early as its keys allow:
//
//     start = max(1, wrote[key] - pos + 2 over its reads, used[key] - pos + 2 over its writes)
//
// and then every operation happens at start + pos - 1, which used[key] (and for a write
// wrote[key]) follows.  The makespan is the end of the last one; less is better.
// Everything is whole numbers.
//
// Ownership  Workloads live in the arena they were read into.
// Threads    Any; pure.

#ifndef WORKER_EVALUATE_TXN_MODEL_H
#define WORKER_EVALUATE_TXN_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/error.h"
#include "common/value.h"

enum { TXN_WORKLOADS_MAX = 1000, TXN_COUNT_MAX = 4096, TXN_OPS_MAX = 1024 };

struct txn_op {
    bool writes;
    uint32_t key; // dense
    int32_t pos;  // 1 … len
};

struct txn {
    int32_t len;
    uint32_t n;
    const struct txn_op *ops;
};

struct txn_workload {
    uint32_t n, n_keys;
    const struct txn *txns;
};

struct txn_set {
    uint32_t n;
    const struct txn_workload *workloads;
};

// {workloads: [w, …]}; w is a list, or a map whose keys are skipped, of transactions:
// {len, ops: [["r" or "w", key, pos], …]}, or a text "w-17 r-5 * r-3" with one
// operation, or none, a step.  ERR_INVALID with the place; ERR_LIMIT.
MUST_CHECK enum error
txn_read(const struct value *v, struct arena *a, struct txn_set *out, struct errtext *t);

// A schedule so far.
struct txn_time {
    int32_t *wrote, *used; // [n_keys]
    int32_t makespan;
};
struct txn_time txn_begin(const struct txn_workload *w, struct arena *a); // room, all 0
void txn_clear(const struct txn_workload *w, struct txn_time *t);
int32_t txn_start(const struct txn_time *t, const struct txn *x);
void txn_append(struct txn_time *t, const struct txn *x);

// Of a whole order; stops where it comes above `most` and returns what it then is.
int32_t txn_makespan(const struct txn_workload *w,
                     const uint32_t *order,
                     struct txn_time *room,
                     int32_t most);

// An answer is a list with every transaction's number, from 0 on, once.  order[w->n].
MUST_CHECK enum error txn_verify(const struct txn_workload *w,
                                 const struct value *answer,
                                 uint32_t *order,
                                 struct errtext *t);

#endif
