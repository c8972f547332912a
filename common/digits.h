// SPDX-License-Identifier: MIT
// digits.h - the shortest decimal digits of a double, in exact integers.
//
// Of the decimals that read back as x, by rounding to nearest and ties to even, those with
// the fewest digits, of these the nearest to x; a tie goes to the even last digit (Steele &
// White, "How to Print Floating-Point Numbers Accurately", PLDI 1990).  Here x times a power
// of ten that gives 17 digits is a fraction of 128 bits, so that nothing is estimated.
//
// Threads    Any; pure.

#ifndef COMMON_DIGITS_H
#define COMMON_DIGITS_H

#include <stdbool.h>
#include <stdint.h>

// x = digits * 10^(point - 17) with 10^16 <= digits < 10^17.  False: x is not between some
// 1e-11 and 1e16, or a power of two, and must be gone about in another way.
bool digits_shortest(double x, uint64_t *digits, int *point);

#endif
