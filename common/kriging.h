// SPDX-License-Identifier: MIT
// kriging.h - Gaussian process regression on numbers and categories, same bits everywhere.
//
// Covariance: Matérn 5/2 of a distance with one length for each column (ARD); a
// category is as far from every other one.  Targets are the caller's, best with mean 0.
// Rows are added one at a time to the factor of the covariance, and the last ones can
// be dropped again, so that points whose targets are not known yet (fantasies) cost no
// refactoring.
//
// Shapes     A row is n_cols doubles: numbers in [0, 1], categories as small integers;
//            numbers come first, n_numbers of them.
// Source     Rasmussen and Williams, "Gaussian Processes for Machine Learning" (2006),
//            algorithm 2.1, equations 4.17 and 5.9; lengths by MAP with iRprop- (Igel and
//            Hüsken, 2000).
// Ownership  The creator's.
// Threads    Confined to the holder's.

#ifndef COMMON_KRIGING_H
#define COMMON_KRIGING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kriging {
    uint32_t n_cols, n_numbers;
    uint32_t cap, n;  // rows of room, rows there
    double *scales;   // [n_cols], 1 / length
    double noise;     // variance of the targets' noise, relative to the covariance
    double *rows;     // [cap][n_cols]
    double *factor;   // [cap][cap], lower triangle
    double *distance; // [n_cols] scratch
};

enum { KRIGING_ROWS_MAX = 4096, KRIGING_LEARN_MAX = 512 };

// Lengths as usual for so many columns, noise 1e-6.
struct kriging *kriging_create(uint32_t n_cols, uint32_t n_numbers, uint32_t cap);
void kriging_destroy(struct kriging *k); // NULL is fine
// Lengths and noise that explain y[n] at rows x[n][n_cols] best; drops all rows.
// At most KRIGING_LEARN_MAX of them: cost grows with the cube.
void kriging_learn(struct kriging *k, const double *x, const double *y, uint32_t n);
void kriging_keep(struct kriging *k, uint32_t n); // the first n rows
void kriging_add(struct kriging *k, const double *row);
// Weights of the first n rows: alpha = (K + noise)^-1 y; then a mean is cross . alpha.
void kriging_weights(const struct kriging *k, const double *y, uint32_t n, double *alpha);
// Covariance of a point with every row, out[i * stride].
void kriging_cross(const struct kriging *k, const double *point, double *out, size_t stride);
// From `width` columns of covariances side by side, which are destroyed: what variance
// (of 1) the rows leave.
void kriging_variances(const struct kriging *k, double *cross, size_t width, double *out);

#endif
