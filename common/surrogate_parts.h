// SPDX-License-Identifier: MIT
// surrogate_parts.h - what the files of surrogates share.
//
// Ownership  As in surrogate.h.
// Threads    As in surrogate.h.

#ifndef COMMON_SURROGATE_PARTS_H
#define COMMON_SURROGATE_PARTS_H

#include "common/surrogate.h"

struct surrogate_column {
    const char *name;
    uint32_t n_levels; // 0: a number
    const char **levels;
    double low, high, mean; // of a number; a count that is not there is 0
};

// surrogate_sequence.c: lists, and texts that hardly ever recur (sequences that were
// joined), as columns.  Columns with this in their name are counts.
#define SURROGATE_COUNT "::"
// The names of such texts, a list; the first trial's names are looked at.
struct value surrogate_joined(const struct surrogate_trials *from, struct arena *a);
// A trial's parameters as columns; themselves where none is a sequence.
const struct value *
surrogate_unroll(const struct value *params, const struct value *joined, struct arena *a);

// A row as numbers: those of a category are the level's place, n_levels: none of them.
struct surrogate_data {
    uint32_t n_rows, n_columns;
    struct surrogate_column *columns;
    double *x; // [n_rows][n_columns]
    double *y;
};

struct forest_node { // left < 0: a leaf, whose value is `at`
    double at;       // threshold, or the level that goes left
    int32_t column, left, right, unused;
};

// A model's parameters as doubles, and back.
struct surrogate_kind {
    const char *name;
    enum error (*fit)(const struct surrogate_data *d,
                      const struct surrogate_options *o,
                      struct arena *a,
                      struct value *out,
                      struct errtext *t);
    // NULL: what the value holds makes no sense.
    void *(*open)(const struct surrogate_data *shape, const struct value *v, struct arena *a);
    double (*predict)(const void *model, const struct surrogate_data *shape, const double *x);
};

extern const struct surrogate_kind surrogate_ridge, surrogate_forest, surrogate_boost,
    surrogate_gp;

// One-hot and scaled to [0, 1]: the width, and a row of it.
uint32_t surrogate_width(const struct surrogate_data *d);
void surrogate_expand(const struct surrogate_data *d, const double *x, double *out);

#endif
