// SPDX-License-Identifier: MIT
// gp_state.h - what the files of the Gaussian process search share.
//
// Ownership  The algorithm's state.
// Threads    Confined to the search's step.

#ifndef COORDINATOR_SEARCH_GP_STATE_H
#define COORDINATOR_SEARCH_GP_STATE_H

#include "common/kriging.h"
#include "coordinator/search/algorithm.h"

struct gp {
    const struct history *history;
    uint32_t n_startup, n_global, n_local, n_rows_max, n_learn_max;
    uint64_t scramble; // of the points before the model
    // columns of the model: numbers, then choices
    uint32_t n_cols, n_numbers;
    uint32_t *slot_of;
    double *features; // [records][n_cols]
    uint32_t n_features, cap_features;
    uint32_t *order; // told records, best first
    uint32_t cap_order;
    // The model, a function of the history that is brought up to date by an ask.
    struct kriging *model;
    uint32_t n_learned; // told records that the lengths were learned from
    uint32_t *rows;     // records behind the model's rows: told ones, then pending ones
    uint32_t *wanted;   // scratch
    uint32_t n_told;    // rows whose outcome is known
    double *alpha;      // weights of the mean
    double *alpha_bad;  // of the mean of -1: feasible, 1: not
    double *y;          // scratch of both
    double best;        // least target of a feasible row
    double scale;       // root of the targets' variance by the model
    double mean_bad, scale_bad;
    bool has_feasible, has_bad;
};

// Is the model there for this ask, and what is its target for several objectives?
void gp_model_refresh(struct gp *g, uint64_t trial);
void gp_model_features(const struct gp *g, const struct point *p, double *row);
// Scores of n points by their rows: the logarithm of expected improvement times the
// probability to be feasible; greater is better.
void gp_model_score(const struct gp *g, const double *rows, uint32_t n, double *out);

#endif
