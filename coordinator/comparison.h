// SPDX-License-Identifier: MIT
// comparison.h - statistics of methods that were tried on the same items.
//
// Of each method the mean with its 95 % interval (Student's t); of each pair the mean
// paired difference with its interval, the paired t test, Wilcoxon's signed-rank test and
// Cohen's d_z; p-values corrected after Holm (Scandinavian Journal of Statistics 6, 1979)
// over the pairs; of all together Friedman's and Kruskal-Wallis' tests.  Distributions are
// GSL's.  All tests are two-sided and ties get mean ranks.  Such figures stand in a job's
// statistics, never in what is digested.
//
// Ownership  Borrows; the result lives in the arena.
// Threads    Any.

#ifndef COORDINATOR_COMPARISON_H
#define COORDINATOR_COMPARISON_H

#include <stdint.h>

#include "common/arena.h"
#include "common/value.h"

// Methods by name, their values of the same n items.
struct comparison {
    const char *const *names;  // [n_methods]
    const double *const *rows; // [n_methods][n]
    uint32_t n_methods, n;
};

// {n, policies: {NAME: {mean, sd, half_95}}, pairs: [{a, b, difference, half_95, d_z, t, t_p,
// t_p_holm, wilcoxon_w, wilcoxon_p, wilcoxon_p_holm}], friedman: {statistic, p},
// kruskal_wallis: {statistic, p}}.  What is no number (n of 1, no difference) is null.
struct value comparison_value(const struct comparison *c, struct arena *a);

// Wilcoxon's signed-rank test of paired differences: exact up to 50 without zeros and
// ties, else the normal approximation with the ties' correction (zeros are left out).
struct signed_rank {
    double w, p; // w: the smaller of the two sums of ranks
};
struct signed_rank comparison_wilcoxon(const double *difference, uint32_t n, struct arena *a);

#endif
