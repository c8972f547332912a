// SPDX-License-Identifier: MIT
// txn_rule.h - heuristics that put transactions in order, with their knobs.
//
//   order    the order that is given
//   greedy   next comes whichever makes the least of
//                makespan + start_weight start + hot_weight hotness,
//            of equals the one that the given order has first; hotness is the part of
//            the other transactions that a transaction conflicts with
//
// `noise` adds up to so much to the cost; `tries` > 1 repeats that and keeps the best.
// Then `moves` random ones take a transaction out and put it in elsewhere, kept when
// the makespan is at most `slack` above what it was; slack falls to 0 on the way
// (threshold accepting, Dueck and Scheuer, J. Comput. Phys. 90, 1990).
//
// Threads    Any; pure: a function of workload, knobs, order and seed.

#ifndef WORKER_EVALUATE_TXN_RULE_H
#define WORKER_EVALUATE_TXN_RULE_H

#include "worker/evaluate/txn_model.h"

enum txn_rule { TXN_ORDER, TXN_GREEDY };

struct txn_knobs {
    enum txn_rule rule;
    double start_weight, hot_weight, noise, slack;
    uint32_t tries, moves;
};

// order[w->n]: in, the given one; out, what came of it.  `stream` tells apart the
// workloads of a set.  The makespan.
int32_t txn_order(const struct txn_workload *w,
                  const struct txn_knobs *knobs,
                  uint64_t seed,
                  uint32_t stream,
                  uint32_t *order,
                  struct arena *scratch);

#endif
