// SPDX-License-Identifier: MIT
// parzen.h - the one-dimensional density of tree-structured Parzen estimators.
//
// A mixture of normals truncated to [0, 1], one per observation and a prior in
// the middle as wide as the range.  Widths come from the gaps to the sorted
// neighbours; weights from age.  The large mixture (of what was not good) is
// kept sorted and updated in place, because rebuilding it is what makes other
// implementations slow after a thousand trials.
//
// Bergstra, Bardenet, Bengio, Kegl, "Algorithms for hyper-parameter
// optimization", NIPS 2011; the constants are those in wide use today.
//
// Ownership  The creator's.
// Threads    Confined to the owner's.

#ifndef COORDINATOR_SEARCH_PARZEN_H
#define COORDINATOR_SEARCH_PARZEN_H

#include <stdbool.h>
#include <stdint.h>

#include "common/rng.h"
#include "coordinator/search/parzen_sum.h"

// The best up to 25 and the prior fit.
enum { PARZEN_GOOD_MAX = 25, PARZEN_KERNELS = PARZEN_GOOD_MAX + 1, PARZEN_PADDED = 32 };

struct kernel {
    double mu, sigma;
    double weight;
    double low, high; // the normal distribution function at the ends of the range
};

// --- few kernels, made anew each time -------------------------------------------
// Sorts kernels whose mu and weight are set (the prior is added as one more: room
// for n + 1) and fills in the rest.  Returns n + 1.
uint32_t parzen_build(struct kernel *k, uint32_t n);
double parzen_sample(const struct kernel *k, uint32_t n, struct rng *r);
double parzen_mass(const struct kernel *k, uint32_t n, double a, double b); // of an interval

// The same laid out for summing.
struct parzen_few {
    uint32_t n; // padded
    double mu[PARZEN_PADDED], rate[PARZEN_PADDED], height[PARZEN_PADDED];
};

void parzen_stretch(const struct kernel *k, uint32_t n, struct parzen_few *out);
double parzen_density(const struct parzen_few *few, double x); // times a constant

// Age weights: observation `rank` (0: oldest) of n.
double parzen_weight(uint32_t rank, uint32_t n);

// --- many kernels, kept ----------------------------------------------------------
struct parzen;

struct parzen *parzen_create(void);
void parzen_destroy(struct parzen *p); // NULL is fine
// Observations are told apart by their record, which also is their age.
void parzen_insert(struct parzen *p, double mu, uint32_t record);
// The same for many at once: put in order when next looked at.
void parzen_append(struct parzen *p, double mu, uint32_t record);
void parzen_remove(struct parzen *p, double mu, uint32_t record);
// After changes, before asking for densities; `pending` observations count as
// the newest until the next call.
void parzen_prepare(struct parzen *p, const double *pending, uint32_t n_pending);
double parzen_density_of(const struct parzen *p, double x);
double parzen_mass_of(const struct parzen *p, double a, double b);

#endif
