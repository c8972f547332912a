// SPDX-License-Identifier: MIT
// sum.h - exact sums: order, grouping and machine never show.
//
// A superaccumulator holds every bit of every finite double, and of every
// square of one, in a wide fixed-point number and rounds once, when read
// (Neal, "Fast exact summation using small and large superaccumulators",
// 2015).  Infinities and NaN are kept apart and win.
//
// Ownership  In the caller's storage, no pointers: copy freely.
// Threads    Confined to the owner's thread.

#ifndef COMMON_SUM_H
#define COMMON_SUM_H

#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/error.h"

// Digits of 32 bits, kept in 64 so that carries can wait: limb i weighs
// 2^(32 i - 2176).  The least bit of a square is 2^-2148, the largest square
// lies below 2^2048, and the limbs above hold more adds than a machine can do.
enum { SUM_LIMBS = 136 };

struct sum {
    int64_t limb[SUM_LIMBS];
    uint32_t n_pending; // adds since the last carry pass
    uint32_t special;   // bit 0: +inf seen, bit 1: -inf seen, bit 2: NaN seen
};

void sum_init(struct sum *s);
void sum_add(struct sum *s, double x);
void sum_add_square(struct sum *s, double x); // exact x*x, also where a double would overflow
// Both at once for x[0], x[stride], …: what a fold does all day.
void sum_add_run(struct sum *s, struct sum *squares, const double *x, size_t n, size_t stride);
void sum_merge(struct sum *s, const struct sum *other);
double sum_value(const struct sum *s); // rounded once, to nearest even

// (n Σx² - (Σx)²) / (n (n - 1)): the difference is formed exactly, so a large
// mean costs no digits; NaN for n < 2 or infinities.
double sum_variance(const struct sum *s, const struct sum *squares, uint64_t n);

// Canonical bytes: the same number gives the same bytes whatever the path to
// it.  Sparse: an ordinary sum takes 8 to 24 bytes.
void sum_pack(const struct sum *s, struct buf *out);
MUST_CHECK enum error sum_unpack(struct sum *s, const uint8_t *p, size_t n, size_t *used);

#endif
