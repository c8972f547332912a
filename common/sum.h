// SPDX-License-Identifier: MIT
// sum.h - exact sums: order, grouping and machine never show.
//
// A superaccumulator holds every bit of every finite double in a wide
// fixed-point number and rounds once, when read (Neal, "Fast exact summation
// using small and large superaccumulators", 2015).  Squares are added exactly
// too: x*x is split by an FMA into two doubles.  Infinities and NaN are kept
// apart and win.
//
// Ownership  In the caller's storage, no pointers: copy freely.
// Threads    Confined to the owner's thread.

#ifndef COMMON_SUM_H
#define COMMON_SUM_H

#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/error.h"

enum { SUM_LIMBS = 70 }; // 70 limbs of 32 bits in int64 carry-save: 2^-1126 … 2^1024 and 2^30 spare adds

struct sum {
    int64_t limb[SUM_LIMBS];
    uint32_t n_pending; // adds since the last carry pass
    uint32_t special;   // bit 0: +inf seen, bit 1: -inf seen, bit 2: NaN seen
};

void sum_init(struct sum *s);
void sum_add(struct sum *s, double x);
void sum_add_square(struct sum *s, double x); // exact x*x (overflow counts as +inf)
void sum_merge(struct sum *s, const struct sum *other);
double sum_value(const struct sum *s); // rounded once, to nearest even

// Canonical bytes: the same number gives the same bytes whatever the path to
// it.  Sparse: an ordinary sum takes 8 to 24 bytes.
void sum_pack(const struct sum *s, struct buf *out);
MUST_CHECK enum error sum_unpack(struct sum *s, const uint8_t *p, size_t n, size_t *used);

#endif
