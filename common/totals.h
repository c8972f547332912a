// SPDX-License-Identifier: MIT
// totals.h - sums of whole numbers that a workload keeps over its items, in any order.
//
// 128 bits: 2^53 items of 64 bits each cannot overflow.  A sum that is meant modulo
// 2^64 (a digest) is the low half, whatever was lost above.
//
// Ownership  The caller's storage.
// Threads    Any; pure.

#ifndef COMMON_TOTALS_H
#define COMMON_TOTALS_H

#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/error.h"
#include "common/value.h"

enum { TOTALS_MAX = 512 }; // numbers of a workload

struct total {
    uint64_t low, high;
};

static inline void totals_add(struct total *t, struct total x)
{
    t->low += x.low;
    t->high += x.high + (t->low < x.low);
}

double totals_f64(const struct total *t); // rounded twice at most
// An integer; above 2^64 - 1 its decimal digits as a string.
struct value totals_value(const struct total *t, struct arena *a);

// Wire form: little-endian base 128, seven bits a byte, the shortest.
void totals_pack(const struct total *t, uint32_t n, struct buf *out);
// `out` may be NULL: only where they end.  ERR_PROTO: cut off, or no shortest form.
MUST_CHECK enum error
totals_read(const uint8_t *p, size_t size, uint32_t n, struct total *out, size_t *used);

#endif
