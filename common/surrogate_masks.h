// SPDX-License-Identifier: MIT
// surrogate_masks.h - an ensemble of small trees evaluated without a walk.
//
// The leaves of a tree are the bits of a word, from left to right.  Every place between two
// thresholds of a column has one word a tree, without the leaves that no row with such a
// value reaches; the words of a row's columns, and-ed, leave its leaf as the lowest bit.
//
// Source     Lucchese et al., "QuickScorer: a fast algorithm to rank documents with
//            additive ensembles of regression trees", SIGIR 2015, sections 3 and 4; here the
//            words of all thresholds that fail are and-ed beforehand.
// Ownership  The arena's.
// Threads    Any; read-only once made.

#ifndef COMMON_SURROGATE_MASKS_H
#define COMMON_SURROGATE_MASKS_H

#include "common/surrogate_parts.h"

struct forest_tree {
    uint32_t n;
    const struct forest_node *nodes; // children behind their parents
};

struct masks;

// NULL: a tree has too many leaves, or the words would be too many.
struct masks *masks_create(const struct surrogate_data *shape,
                           const struct forest_tree *trees,
                           uint32_t n_trees,
                           struct arena *a);
// The sum of the trees' answers at the row, in their order.
double masks_sum(const struct masks *m, const double *x);

#endif
