// SPDX-License-Identifier: MIT
// prior.h - what earlier jobs on other instances say about a search's next decision.
//
// An earlier job is a list of features of what it was about (a circuit, a network) and its
// trials.  The one whose features point most nearly the same way is retrieved; delta is
// one minus the cosine between its features and this job's.  Its policy pi is a
// hierarchical Dirichlet estimate over its best tenth of trials, which shrinks the shares
// after the same path towards those after the same last decision, those at the same
// decision whatever came before, and equal ones.  How far to trust it is alpha(delta); the
// prior is pi^alpha, made to sum to one again (the published code leaves it unnormalised,
// which multiplies the exploration term by up to the number of options).
//
// Source     Chowdhury et al., Retrieval-Guided Reinforcement Learning for Boolean Circuit
//            Minimization, ICLR 2024, section 3 (alpha, pi^alpha), with counts in place of
//            their network; MacKay and Peto, Natural Language Engineering 1 (1995) (counts).
// Ownership  Lives in the arena it was parsed into; borrows the space.
// Threads    Read-only after parsing.

#ifndef COORDINATOR_SEARCH_PRIOR_H
#define COORDINATOR_SEARCH_PRIOR_H

#include "coordinator/search/objective.h"
#include "coordinator/search/space.h"

enum {
    PRIOR_FEATURES_MAX = 1024,
    PRIOR_EARLIER_MAX = 1000,
    PRIOR_BEST_MAX = 256,
    PRIOR_OPTIONS_MAX = SPACE_VALUES_MAX, // a decision with more has equal shares
};

struct prior;

// What the points of an earlier job are read with.
struct prior_reader {
    const struct space *space;
    const struct objectives *objectives;
    struct walk *walk;
    struct arena *arena;
};

// From the job's `prior`; *out NULL when there is none.
MUST_CHECK enum error
prior_parse(const struct spec *job, const struct prior_reader *r, const struct prior **out);

double prior_distance(const struct prior *p);  // delta, in [0, 2]
uint32_t prior_earlier(const struct prior *p); // which earlier job was retrieved
uint32_t prior_n_best(const struct prior *p);  // at least 1
const struct point *prior_best(const struct prior *p, uint32_t i); // the best first

// alpha = 1 - sigma(temperature (delta - threshold)), in (0, 1).
double prior_trust(double delta, double temperature, double threshold);

// pi of each option of the decision behind `path` into share[slot's n <= PRIOR_OPTIONS_MAX];
// they sum to 1.  Not of a SLOT_FLOAT.
void prior_policy(const struct prior *p,
                  const struct point *path,
                  const struct decision *d,
                  double *share);

// pi -> pi^alpha over the options that are left, summing to 1; 0 for those that are not.
void prior_temper(const struct decision *d, double alpha, double *share);

#endif
