// SPDX-License-Identifier: MIT
// heuristic.h - problems that a priority function decides step by step.
//
// Instances are made from their number alone, the same in every job.  A step offers some
// places; the program scores them, the highest score wins, of equal ones the first; a score
// that is no number never wins against one.
//
// Ownership  A problem's instances live in the arena they were made in.
// Threads    Main thread.

#ifndef WORKER_EVALUATE_HEURISTIC_H
#define WORKER_EVALUATE_HEURISTIC_H

#include "common/arena.h"
#include "common/expr.h"
#include "common/rng.h"

struct heuristic_job {
    uint32_t n_items;     // of an instance
    uint32_t n_instances; // the first of them
    uint64_t first;
    uint32_t n_devices; // packing
    double exponent;    // packing: of Zipf's law
    const char *sizes;  // binpack: how items are distributed
};

struct heuristic_cost {
    double cost;      // mean over the instances, percent above a bound; less is better
    double undefined; // share of the scores that were no number
};

struct heuristic_problem {
    const char *name;
    const char *const *inputs; // NULL-ended: what the program may use
    const char *usual;         // the program that everybody uses
    void *(*make)(const struct heuristic_job *job, struct arena *a);
    struct heuristic_cost (*cost)(const void *made,
                                  const struct expr *e,
                                  struct arena *scratch);
    double (*simple)(const void *made, struct arena *scratch); // a rule without a program
};

extern const struct heuristic_problem heuristic_binpack, heuristic_packing;

static inline struct rng heuristic_rng(uint64_t instance, uint32_t stream)
{
    return rng_at(0x68657572, stream, (uint32_t)(instance >> 32), (uint32_t)instance);
}

// Is a score better than the best so far?
static inline bool heuristic_wins(double score, double best)
{
    return score > best || (best != best && score == score);
}

#endif
