// SPDX-License-Identifier: MIT
// ngram.h - a linear model of a loss on what stands in a point and what stands side by
// side there.
//
// Features of a point: a constant; each option taken, by its decision; numbers as a
// parabola and hat functions over knots; each pair of neighbouring options, by their
// decisions; and within a sequence how often each pair of values occurs, wherever.
// Features are numbered as they are first seen; beyond NGRAM_MAX they share numbers.
//
// Ridge regression by recursive least squares: the inverse of the Gram matrix is kept
// up to date, O(d^2) a point whatever the number of points, in the order they were told.
//
// Source     Negrinho and Gordon, arXiv:1704.08792, section 5 (n-grams, ridge); Plackett,
//            Biometrika 37 (1950): recursive least squares.
// Ownership  The creator's; borrows the history.
// Threads    Confined to the search's step.

#ifndef COORDINATOR_SEARCH_NGRAM_H
#define COORDINATOR_SEARCH_NGRAM_H

#include "coordinator/search/history.h"

enum { NGRAM_MAX = 768 };

struct ngram;

// One coefficient vector an objective.
struct ngram *ngram_create(const struct history *h, double ridge);
void ngram_destroy(struct ngram *g); // NULL is fine
void ngram_add(struct ngram *g, const struct point *p, const double *losses);

// The mean of each objective, and the variance in units of the noise's.
struct ngram_guess {
    double mean[OBJECTIVES_MAX];
    double variance;
};
struct ngram_guess ngram_guess(struct ngram *g, const struct point *p);

#endif
