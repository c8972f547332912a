// SPDX-License-Identifier: MIT
// objective.h - what a search is after: objectives, constraints, derived metrics.
//
// Every objective becomes a loss (smaller is better).  A trial is feasible,
// infeasible (it says `status: infeasible`, or violates a constraint) or failed
// (it ended badly, says `status: error`, or an objective is missing or not
// finite), and that order comes before any loss: an infeasible or failed trial
// is never best, and never vanishes.
//
// Ownership  Objectives live in the arena they were parsed into.
// Threads    Read-only after parsing.

#ifndef COORDINATOR_SEARCH_OBJECTIVE_H
#define COORDINATOR_SEARCH_OBJECTIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/error.h"
#include "common/value.h"
#include "coordinator/spec.h"

enum { OBJECTIVES_MAX = 8, CONSTRAINTS_MAX = 64, DERIVED_MAX = 64 };

struct goal {
    const char *metric;
    bool is_maximized;
};

struct constraint {
    const char *metric;
    double min, max; // infinite: none
};

struct expr;

struct derived {
    const char *name;
    const struct expr *expr;
};

struct objectives {
    uint32_t n;
    struct goal goals[OBJECTIVES_MAX];
    uint32_t n_constraints;
    struct constraint constraints[CONSTRAINTS_MAX];
    uint32_t n_derived;
    struct derived derived[DERIVED_MAX];
};

enum verdict { SCORE_FEASIBLE, SCORE_INFEASIBLE, SCORE_FAILED };

struct score {
    enum verdict verdict;
    double violation; // how far beyond the constraints, relative to them; 0: not at all
    double losses[OBJECTIVES_MAX];
};

// From the job's `objectives`, `constraints`, `derived`.  `metrics` (NULL-ended)
// is what the workload measures, NULL: unknown before it runs.
MUST_CHECK enum error objective_parse(const struct spec *job,
                                      const char *const *metrics,
                                      struct arena *a,
                                      struct objectives *out);

// Adds the derived metrics to the map; NULL metrics: the trial failed.
struct score objective_score(const struct objectives *o,
                             struct value *metrics,
                             const struct value *params,
                             struct arena *a);

// < 0: a is better.  Total for one objective; by the first that differs for more.
int score_compare(const struct score *a, const struct score *b, uint32_t n);
// Better in one thing, worse in none.
bool score_dominates(const struct score *a, const struct score *b, uint32_t n);

#endif
