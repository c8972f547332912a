// SPDX-License-Identifier: MIT
#include "common/digits.h"

#include <string.h>

__extension__ typedef unsigned __int128 wide;

enum { FIVES = 28, BIAS = 1075, MANTISSA_BITS = 52 };

static const uint64_t five[FIVES] = {
    UINT64_C(1),
    UINT64_C(5),
    UINT64_C(25),
    UINT64_C(125),
    UINT64_C(625),
    UINT64_C(3125),
    UINT64_C(15625),
    UINT64_C(78125),
    UINT64_C(390625),
    UINT64_C(1953125),
    UINT64_C(9765625),
    UINT64_C(48828125),
    UINT64_C(244140625),
    UINT64_C(1220703125),
    UINT64_C(6103515625),
    UINT64_C(30517578125),
    UINT64_C(152587890625),
    UINT64_C(762939453125),
    UINT64_C(3814697265625),
    UINT64_C(19073486328125),
    UINT64_C(95367431640625),
    UINT64_C(476837158203125),
    UINT64_C(2384185791015625),
    UINT64_C(11920928955078125),
    UINT64_C(59604644775390625),
    UINT64_C(298023223876953125),
    UINT64_C(1490116119384765625),
    UINT64_C(7450580596923828125),
};

static const uint64_t ten_16 = UINT64_C(10000000000000000);

// x * 10^k = whole + part / 2^shift.
struct scaled {
    uint64_t whole, part; // part < 2^shift <= 2^63
    int shift;
};

static bool scale(uint64_t mantissa, int exponent, int k, struct scaled *out)
{
    if (k < 0 || k >= FIVES)
        return false;
    int shift = -(exponent + k);
    if (shift < 1 || shift > 63)
        return false;
    wide n = (wide)mantissa * five[k];
    if (n >> shift >> 63)
        return false;
    out->whole = (uint64_t)(n >> shift);
    out->part = (uint64_t)n & ((UINT64_C(1) << shift) - 1);
    out->shift = shift;
    return true;
}

// The multiple of `step` nearest to s; true: it reads back as x.  Half the distance to x's
// neighbours is 5^k / 2 of the units of `part`, and belongs to an even mantissa.
static bool
nearest(const struct scaled *s, uint64_t step, uint64_t gap, bool even, uint64_t *out)
{
    uint64_t down = s->whole / step * step;
    wide above = ((wide)(s->whole - down) << s->shift) + s->part;
    wide below = ((wide)step << s->shift) - above;
    bool up = above > below || (above == below && down / step % 2);
    wide off = 2 * (up ? below : above);

    *out = up ? down + step : down;
    return off < gap || (off == gap && even);
}

bool digits_shortest(double x, uint64_t *digits, int *point)
{
    uint64_t bits;
    struct scaled s;

    memcpy(&bits, &x, sizeof bits);
    uint64_t fraction = bits & ((UINT64_C(1) << MANTISSA_BITS) - 1);
    int biased = (int)(bits >> MANTISSA_BITS);
    // Below a power of two the next double is nearer than above.
    if (!fraction || biased == 0 || biased >= 2047)
        return false;
    uint64_t mantissa = fraction | UINT64_C(1) << MANTISSA_BITS;
    int exponent = biased - BIAS;
    // The power of ten at or just below x, by 1233 / 4096, which is log10(2): off by one at
    // most, and then seen.
    int power = ((biased - 1023) * 1233) >> 12;
    if (!scale(mantissa, exponent, 16 - power, &s))
        return false;
    if (s.whole >= 10 * ten_16 && !scale(mantissa, exponent, 16 - ++power, &s))
        return false;
    if (s.whole < ten_16 || s.whole >= 10 * ten_16)
        return false;
    // Decimals of 15 digits are all told apart by doubles: if one reads back, none shorter
    // needs to be looked for, since it is the same with zeros behind it.
    uint64_t gap = five[16 - power];
    bool even = !(mantissa & 1);
    if (!nearest(&s, 100, gap, even, digits) && !nearest(&s, 10, gap, even, digits))
        (void)nearest(&s, 1, gap, even, digits);
    if (*digits == 10 * ten_16) {
        *digits = ten_16;
        power++;
    }
    *point = power + 1;
    return true;
}
