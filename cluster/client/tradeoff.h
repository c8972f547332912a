// SPDX-License-Identifier: MIT
// tradeoff.h - what moves what in a job's points: sensitivity points, trade-off points,
// risks, and who is not beaten (ATAM's analysis, mechanised).
//
// Rows that differ in one parameter alone and are neighbours in it tell what it does:
// over all such pairs the attribute's change is summed, as a part of its range.  One that
// is moved by more than TRADEOFF_MOVES of it is sensitive to the parameter; a parameter
// that makes one attribute better and another worse is a trade-off point.  A scenario is
// at risk from a parameter when changing that alone, from the base, breaks its bound (or
// the base breaks it); so a tighter bound never removes a risk.
//
// Ownership  The table's arrays are the caller's.
// Threads    Any; pure.

#ifndef CLUSTER_CLIENT_TRADEOFF_H
#define CLUSTER_CLIENT_TRADEOFF_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/client/utility.h"

#define TRADEOFF_MOVES 0.01

struct tradeoff_table {
    uint32_t n_rows, n_params, n_attributes;
    const double *x;            // [n_rows][n_params]
    const double *y;            // [n_rows][n_attributes]
    const bool *less_is_better; // [n_attributes]
};

// How much better (above 0) attribute a gets as p grows over all it took: parts of range.
double tradeoff_effect(const struct tradeoff_table *t, uint32_t p, uint32_t a);

enum tradeoff_kind { TRADEOFF_NEITHER, TRADEOFF_SENSITIVITY, TRADEOFF_POINT };
enum tradeoff_kind tradeoff_kind(const struct tradeoff_table *t, uint32_t p);

// dy/dx at a row, from its neighbours in p: three points, also unevenly spaced; two at an
// end; NaN where there is none.
double tradeoff_slope(const struct tradeoff_table *t, uint32_t row, uint32_t p, uint32_t a);

bool tradeoff_breaks(const struct tradeoff_table *t,
                     const struct utility_scenario *s,
                     uint32_t row,
                     uint32_t a);
// Whether changing p alone from the base can break the scenario on attribute a.
bool tradeoff_risk(const struct tradeoff_table *t,
                   const struct utility_scenario *s,
                   uint32_t base,
                   uint32_t p,
                   uint32_t a);

// No other row is as good everywhere and better somewhere.
bool tradeoff_is_front(const struct tradeoff_table *t, uint32_t row);

#endif
