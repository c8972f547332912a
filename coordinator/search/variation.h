// SPDX-License-Identifier: MIT
// variation.h - a new point from one or two old ones.
//
// A walk takes at each decision what a parent has there under the same name, crosses
// numbers (SBX), and mutates some; what no parent has is drawn by chance, and what a
// mask forbids is repaired to the nearest option left.  So a mutation that opens another
// branch keeps everything outside of it.
//
// Source     Deb and Agrawal, Complex Systems 9 (1995): SBX and polynomial mutation;
//            Muehlenbein and Schlierkamp-Voosen, Evolutionary Computation 1 (1993),
//            section 4: the mutation of the breeder genetic algorithm.
// Ownership  Borrows the parents.
// Threads    The holder's.

#ifndef COORDINATOR_SEARCH_VARIATION_H
#define COORDINATOR_SEARCH_VARIATION_H

#include "coordinator/search/algorithm.h"

struct variation {
    const struct space *space;
    const struct point *a, *b; // b NULL: one parent
    double eta;                // distribution index of crossover and mutation of numbers
    double reach;              // > 0: numbers move by reach * 2^-(10 u) instead
    double rate;               // chance of a gene to mutate
    uint32_t forced;           // the gene of a that mutates in any case; UINT32_MAX: none
    struct rng rng;
    // its own
    uint32_t swap; // permutation: the slot that takes what a mutation gave up
    uint64_t swapped;
    bool has_swap;
};

// For walk_run; ctx is a struct variation.
struct gene variation_choose(void *ctx, const struct decision *d);
// One parent with one decision changed (and what follows from it), and `more` others on
// average; false: nothing came of it.
struct step {
    double reach; // as above
    double more;
};
bool variation_step(const struct history *h,
                    const struct point *from,
                    const struct step *step,
                    struct rng rng,
                    struct point *out);
// For walk_run: by chance; ctx is a struct rng.
struct gene variation_random(void *ctx, const struct decision *d);

#endif
