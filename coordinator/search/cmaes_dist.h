// SPDX-License-Identifier: MIT
// cmaes_dist.h - the normal distribution that CMA-ES learns: mean, step size, covariance.
//
// Sampling and paths use the Cholesky factor of the covariance instead of its
// symmetric root, so that no eigenvalues are needed.  Above CMAES_DENSE dimensions
// the covariance is a diagonal (sep-CMA-ES).
//
// Source     Hansen, "The CMA Evolution Strategy: A Tutorial" (2016), equations 24 to 47
//            with Table 1 (active weights); Krause, Arbonès and Igel, NIPS 2016 (factor);
//            Ros and Hansen, PPSN 2008 (diagonal).
// Ownership  The creator's.
// Threads    Confined to the search's step.

#ifndef COORDINATOR_SEARCH_CMAES_DIST_H
#define COORDINATOR_SEARCH_CMAES_DIST_H

#include <stdbool.h>
#include <stdint.h>

enum { CMAES_DENSE = 128 };

struct cmaes_dist {
    uint32_t d;
    bool is_dense;
    uint32_t lambda, mu;
    double *weights; // [lambda], best first, the last ones negative
    double mu_eff, c_sigma, d_sigma, c_c, c_1, c_mu, chi;
    double *mean;
    double sigma;
    double *cov;    // [d][d], lower triangle; or [d]
    double *factor; // its Cholesky factor; or the roots
    double *path_sigma, *path_c;
    double *scratch; // [2 d]
    uint32_t generation;
};

void cmaes_dist_init(struct cmaes_dist *c, uint32_t d);
void cmaes_dist_fini(struct cmaes_dist *c);
// A fresh start: covariance 1.
void cmaes_dist_begin(struct cmaes_dist *c, uint32_t lambda, const double *mean, double sigma);
// y = factor z: a step in units of sigma.
void cmaes_dist_step(const struct cmaes_dist *c, const double *z, double *y);
// |factor^-1 y|, the length of a step by the distribution's own measure.
double cmaes_dist_length(const struct cmaes_dist *c, const double *y);
double cmaes_dist_spread(const struct cmaes_dist *c, uint32_t j); // sigma sqrt(C_jj)
// One generation: lambda steps (x - mean) / sigma, best first.  False: the covariance
// is worn out (not positive definite to rounding, or conditioned above 1e14).
bool cmaes_dist_update(struct cmaes_dist *c, const double *steps);

#endif
