// SPDX-License-Identifier: MIT
// math_parts.h - what the files of math.h share: numbers in two doubles.
//
// hi + lo with |lo| at most half a unit in the last place of hi carries about
// 106 bits.  No FMA: where the hardware lacks it a call would cost more than
// the splitting (Dekker 1971), and the bits are the same.
//
// Threads    Any; pure.

#ifndef COMMON_MATH_PARTS_H
#define COMMON_MATH_PARTS_H

#include <stdint.h>
#include <string.h>

struct two {
    double hi, lo;
};

// y = e^(h + l) 2^-*k with y in [1/2, 2]; |h| <= 746, |l| tiny.  (math.c)
double math_exp_parts(double h, double l, int *k);
// y 2^k, rounded once.  (math.c)
double math_scale(double y, int k);

static inline uint64_t math_bits(double x)
{
    uint64_t b;
    memcpy(&b, &x, sizeof b);
    return b;
}

static inline double math_from_bits(uint64_t b)
{
    double x;
    memcpy(&x, &b, sizeof x);
    return x;
}

static inline double math_abs(double x)
{
    return math_from_bits(math_bits(x) & ~(UINT64_C(1) << 63));
}

static inline double math_with_sign(double x, double sign)
{
    return math_from_bits((math_bits(x) & ~(UINT64_C(1) << 63))
                          | (math_bits(sign) & UINT64_C(1) << 63));
}

// a + b exactly.
static inline struct two two_sum(double a, double b)
{
    double s = a + b;
    double t = s - a;
    return (struct two){s, (a - (s - t)) + (b - t)};
}

// a + b exactly, for |a| >= |b| or a = 0.
static inline struct two two_sum_fast(double a, double b)
{
    double s = a + b;
    return (struct two){s, b - (s - a)};
}

// a × b exactly, for |a|, |b| < 2^996 and no underflow.
static inline struct two two_product(double a, double b)
{
    double p = a * b;
    double ca = a * 134217729.0, cb = b * 134217729.0; // 2^27 + 1
    double ah = ca - (ca - a), bh = cb - (cb - b);
    double al = a - ah, bl = b - bh;
    return (struct two){p, ((ah * bh - p) + ah * bl + al * bh) + al * bl};
}

static inline double math_horner(const double *c, int n, double x)
{
    double y = c[n - 1];
    for (int i = n - 2; i >= 0; i--)
        y = y * x + c[i];
    return y;
}

#endif
