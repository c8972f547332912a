// SPDX-License-Identifier: MIT
// compose.h - which components make up a system that fits a budget.
//
// Automated composition as an online knapsack (arXiv 2510.16499): for every skill the
// components whose descriptions are most similar are probed, and each is taken or left by
// the threshold of knapsack.h; its value is the weight of the skills that are not covered
// yet times the part of its probes that helped.  Beside it the baselines:
//
//   online     as above
//   retrieval  for each skill the most similar component that fits, unprobed
//   identity   all components, whatever they cost
//   offline    the best multiple-choice knapsack on similarity, unprobed
//   probed     the same on what the probes showed: all are known before any is taken
//
// Threads    Any; pure.

#ifndef WORKER_EVALUATE_COMPOSE_H
#define WORKER_EVALUATE_COMPOSE_H

#include "worker/evaluate/inventory.h"

enum compose_policy {
    COMPOSE_ONLINE,
    COMPOSE_RETRIEVAL,
    COMPOSE_IDENTITY,
    COMPOSE_OFFLINE,
    COMPOSE_PROBED,
};

enum { COMPOSE_BUDGET_MAX = 100000, COMPOSE_TOP_MAX = 64 };

struct compose_knobs {
    enum compose_policy policy;
    uint32_t budget;
    uint32_t top_k; // candidates a skill
};

struct composed {
    double success; // weight of the skills that work, as a part of all
    uint32_t cost;  // of what was taken
    uint32_t n_taken;
    uint32_t n_probes; // put to components
    uint32_t n_failed; // taken although broken, or without a skill that its probes showed
};

// taken[k->n].
struct composed compose_choose(const struct inventory *k,
                               const struct compose_knobs *knobs,
                               bool *taken,
                               struct arena *scratch);

#endif
