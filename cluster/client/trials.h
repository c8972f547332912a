// SPDX-License-Identifier: MIT
// trials.h - a history of trials: from a job, a history.jsonl or a table (CSV).
//
// A table's first line names its columns; --metric says which one was measured, all
// others are parameters.  Values that read as numbers are numbers.
//
// Ownership  Everything lives in the caller's arena.
// Threads    One.

#ifndef CLUSTER_CLIENT_TRIALS_H
#define CLUSTER_CLIENT_TRIALS_H

#include "cluster/client/target.h"
#include "common/value.h"

struct trials {
    uint32_t n;
    const struct value **params; // maps
    double *targets;
    const char *metric;
};

struct trials_source {
    const char *name;   // of a file when there is one, else of a job
    const char *metric; // NULL: the first one of the first trial
    const char *ignore; // columns of a table that are no parameters, commas between, or NULL
};

// Trials that failed or have no finite value of the metric are left out.
MUST_CHECK enum error trials_load(const struct target *g,
                                  const struct trials_source *s,
                                  struct arena *a,
                                  struct trials *out,
                                  struct errtext *t);

#endif
