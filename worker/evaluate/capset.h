// SPDX-License-Identifier: MIT
// capset.h - cap sets: vectors over GF(3) of which no three lie on a line.
//
// Three different vectors lie on a line if and only if their sum is zero.  A greedy walk
// takes vectors in the order of a priority, each that is on no line with two before it.
// Priorities are polynomials over GF(3) of degree 2: the first one's value comes first
// (0 before 1 before 2), the next ones break ties, at last the vector's number.  Vectors
// of a list of their own may come before all others.
//
// A vector's number is its coordinates as digits of base 3, the first one lowest.
//
// Source     Romera-Paredes et al., "Mathematical discoveries from program search with
//            large language models", Nature 625 (2024): greedy by a priority; the largest
//            sizes are 4, 9, 20, 45, 112 for n = 2 to 6 (Edel et al. 2002; Potechin 2008).
// Threads    Any; pure.

#ifndef WORKER_EVALUATE_CAPSET_H
#define WORKER_EVALUATE_CAPSET_H

#include <stdbool.h>
#include <stdint.h>

enum {
    CAPSET_DIMENSION_MAX = 6,
    CAPSET_VECTORS_MAX = 729,
    CAPSET_FORMS_MAX = 4,
    CAPSET_TERMS_MAX = 28, // 1, x_i and x_i x_j, i <= j: (n + 1) (n + 2) / 2
};

struct capset_order {
    uint32_t dimension;
    uint32_t n_forms;
    uint8_t forms[CAPSET_FORMS_MAX][CAPSET_TERMS_MAX]; // coefficients 0..2, in the order above
    uint32_t n_first;
    uint32_t first[CAPSET_VECTORS_MAX]; // numbers; twice is as once
};

uint32_t capset_vectors(uint32_t dimension); // 3^n
uint32_t capset_terms(uint32_t dimension);

// The third vector on a line with two.
uint32_t capset_third(uint32_t dimension, uint32_t a, uint32_t b);

// Into set[CAPSET_VECTORS_MAX]; returns how many.
uint32_t capset_greedy(const struct capset_order *o, uint32_t *set);

// By all pairs, each with the third of its line; knows nothing of how it was made.  False
// also where a vector comes twice or is none.
bool capset_is_cap(uint32_t dimension, const uint32_t *set, uint32_t n);

#endif
