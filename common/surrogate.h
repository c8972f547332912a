// SPDX-License-Identifier: MIT
// surrogate.h - a model fitted on logged trials that answers in their place.
//
// Columns are numbers or categories (texts, booleans); a value that is missing is a
// category of its own, or the column's mean.  A sequence (a list, or a text that hardly
// ever recurs: its words, or its characters) counts as its length, what stands at each
// place, and how often each value and each pair of neighbours occurs.  Targets may be
// fitted by their logarithm.  Same data, seed and options: same bits.
//
// Source     Hoerl and Kennard 1970 (ridge, one-hot, standardised); Breiman, "Random
//            forests", 2001; common/kriging.h (gp, on at most SURROGATE_GP_ROWS rows).
// Ownership  Made in the caller's arena.
// Threads    Any; read-only once made.

#ifndef COMMON_SURROGATE_H
#define COMMON_SURROGATE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/error.h"
#include "common/value.h"

enum {
    SURROGATE_ROWS_MAX = 1000000,
    SURROGATE_COLUMNS_MAX = 1024,
    SURROGATE_LEVELS_MAX = 1024,
    SURROGATE_GP_ROWS = 1000
};

struct surrogate_options {
    const char *model; // "ridge", "forest", "boost", "gp"
    bool is_log;
    uint64_t seed;
    uint32_t n_trees; // 0: 100, of boost 500
};

extern const char *const surrogate_models[]; // NULL-ended

// From rows of {name: value} maps and their targets: the model as a value, to be written
// to a file.  ERR_INVALID: too few rows, or a target that has no logarithm.
struct surrogate_trials {
    const struct value *const *rows; // [n] maps of parameters
    const double *targets;           // [n]
    uint32_t n;
};
MUST_CHECK enum error surrogate_fit(const struct surrogate_options *o,
                                    const struct surrogate_trials *from,
                                    struct arena *a,
                                    struct value *out,
                                    struct errtext *t);

struct surrogate;
// From such a value, which it borrows; ERR_PARSE: it is none.
MUST_CHECK enum error surrogate_open(const struct value *v,
                                     struct arena *a,
                                     struct surrogate **out,
                                     struct errtext *t);
double surrogate_predict(const struct surrogate *s, const struct value *params);

// How well predictions agree with what was measured.
struct surrogate_quality {
    double rmse, mae, spearman, kendall;
};
struct surrogate_quality
surrogate_quality(const double *predicted, const double *y, uint32_t n);

// How much the squared error on trials that were held out rises, as a part of their
// variance, when one parameter's values are shuffled among them: name -> number, falling.
struct value surrogate_importance(const struct surrogate *s,
                                  const struct surrogate_trials *held_out,
                                  uint64_t seed,
                                  struct arena *a);

#endif
