// SPDX-License-Identifier: MIT
// warm_study.h - a study of Optuna's relational storage (SQLite) as the list `warm_start`
// of a search.
//
// Read-only.  Optuna's tables (releases 2.4 to 4): studies, study_directions, trials,
// trial_values, trial_params.  Trials that are complete, with finite values; the study's
// objectives are the job's, in order, and must be as many and go the same way; parameters
// go by name and must be in the space.  A value stands in the table as a number, which the
// distribution beside it makes a float, an integer or one of a list of choices.
//
// Threads    Any.

#ifndef PROTOCOL_WARM_STUDY_H
#define PROTOCOL_WARM_STUDY_H

#include <stdbool.h>
#include <stddef.h>

#include "common/arena.h"
#include "common/error.h"
#include "common/value.h"

struct warm_study {
    const char *path;
    const char *name;        // of the study; NULL: the only one
    const struct value *job; // its space and objectives
};

// Do a file's first bytes say that it is such a database?
bool warm_study_is(const void *bytes, size_t n);

// *out: a list of {params, metrics}.  ERR_PARSE, ERR_LIMIT: "path: what".
MUST_CHECK enum error warm_study_read(const struct warm_study *study,
                                      struct arena *a,
                                      struct value *out,
                                      struct errtext *t);

#endif
