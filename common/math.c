// SPDX-License-Identifier: MIT
#include "common/math.h"

#include <math.h>

#include "common/math_parts.h"
#include "common/math_tables.h"

#define ROUND_MAGIC 0x1.8p52 // adding it rounds to an integer, to nearest

// log 2 / 128 in 35 bits and the rest: k times the first is exact for |k| < 2^18.
#define STEP_HI      0x1.62e42fefcp-8
#define STEP_LO      (-0x1.c610ca86c3899p-44)
#define STEP_INVERSE 0x1.71547652b82fep+7
// log 2 to 42 binary places and the rest: k times the first plus a table entry
// is exact.
#define LN2_HI          0x1.62e42fefa38p-1
#define LN2_LO          0x1.ef35793c7673p-45
#define LN2             0x1.62e42fefa39efp-1
#define INVERSE_LN2_HI  0x1.71547652b82fep+0
#define INVERSE_LN2_LO  0x1.777d0ffda0d24p-56
#define INVERSE_LN10_HI 0x1.bcb7b1526e50ep-2
#define INVERSE_LN10_LO 0x1.95355baaafad3p-57

static double pow2(int k) // -1022 <= k <= 1023
{
    return math_from_bits((uint64_t)(k + 1023) << 52);
}

double math_scale(double y, int k)
{
    if (k >= -1021 && k <= 1022)
        return y * pow2(k);
    // The first product is exact, so only the second one rounds.
    return y * pow2(k / 2) * pow2(k - k / 2);
}

// e^r - 1 for |r| <= log 2 / 256, by Taylor: the next term is below 2^-60.
static double expm1_small(double r)
{
    double q = 0x1.5555555555555p-3 + r * (0x1.5555555555555p-5 + r * 0x1.1111111111111p-7);
    return r + r * r * (0.5 + r * q);
}

// 2^(n/128) e^r as a mantissa: hi + lo, and the power of two.
static struct two exp_pieces(double n, double r, int *k)
{
    int i = (int)n;
    const double *t = EXP_TABLE[i & 127];

    *k = i >> 7;
    return (struct two){t[0], t[1] + t[0] * expm1_small(r)};
}

double math_exp_parts(double h, double l, int *k)
{
    double n = (h * STEP_INVERSE + ROUND_MAGIC) - ROUND_MAGIC;
    double r = (h - n * STEP_HI) + (l - n * STEP_LO);
    struct two y = exp_pieces(n, r, k);
    return y.hi + y.lo;
}

double math_exp(double x)
{
    if (!(x < 709.79))
        return isnan(x) ? x : INFINITY;
    if (x < -745.2)
        return 0;
    int k;
    double y = math_exp_parts(x, 0, &k);
    return math_scale(y, k);
}

double math_exp2(double x)
{
    if (!(x < 1024))
        return isnan(x) ? x : INFINITY;
    if (x < -1075)
        return 0;
    double n = (x * 128 + ROUND_MAGIC) - ROUND_MAGIC;
    int k;
    struct two y = exp_pieces(n, (x - n * 0x1p-7) * LN2, &k);
    return math_scale(y.hi + y.lo, k);
}

double math_expm1(double x)
{
    double a = math_abs(x);

    if (a < 0.35) {
        if (a < 0x1p-54)
            return x; // also keeps -0
        double q = math_horner(EXPM1_POLY, 12, x);
        return x + x * x * (0.5 + x * q);
    }
    if (!(x < 40)) // the 1 is below the last place
        return math_exp(x);
    if (x < -40)
        return -1;
    int k;
    double n = (x * STEP_INVERSE + ROUND_MAGIC) - ROUND_MAGIC;
    struct two y = exp_pieces(n, (x - n * STEP_HI) - n * STEP_LO, &k);
    double s = pow2(k);
    struct two d = two_sum(s * y.hi, -1);
    return d.hi + (d.lo + s * y.lo);
}

double math_tanh(double x)
{
    double a = math_abs(x);

    if (a < 0x1p-28)
        return x;
    if (isnan(x))
        return x;
    double t = a > 22 ? INFINITY : math_expm1(2 * a);
    double y = a < 0.5 ? t / (t + 2) : 1 - 2 / (t + 2);
    return math_with_sign(y, x);
}

// x = 2^k z, and c z = 1 + r with c from the table; r is exact and |r| <= 2^-8.
struct reduced {
    double k;
    double r;
    const double *row; // c, -log c to 42 places, what is left
};

static struct reduced reduce(double x) // x > 0, finite
{
    uint64_t b = math_bits(x);
    int k = (int)(b >> 52) - 1023;
    if (k < -1022) { // subnormal
        b = math_bits(x * 0x1p54);
        k = (int)(b >> 52) - 1023 - 54;
    }
    uint32_t i = (uint32_t)(b >> 44) & 255;
    // From about sqrt 2 on z is taken below 1, so that x near 1 has k = 0.
    int upper = i >= 106;
    k += upper;
    uint64_t mantissa = b & UINT64_C(0xFFFFFFFFFFFFF);
    double z = math_from_bits(mantissa | (uint64_t)(1023 - upper) << 52);
    double zh = math_from_bits(math_bits(z) & ~UINT64_C(0xFFFFFFFF));
    const double *row = LOG_TABLE[i];
    return (struct reduced){k, (zh * row[0] - 1) + (z - zh) * row[0], row};
}

// log(1 + r) - r for |r| <= 2^-8: the next term is 2^-59 of r.
static double log1p_rest(double r)
{
    double q = -1.0 / 6 + r * (1.0 / 7);
    q = 1.0 / 5 + r * q;
    q = 1.0 / 3 + r * (-0.25 + r * q);
    return r * r * (-0.5 + r * q);
}

static double log_of(const struct reduced *d, double r)
{
    struct two s = two_sum_fast(d->k * LN2_HI + d->row[1], r);
    return s.hi + (s.lo + (d->k * LN2_LO + d->row[2]) + log1p_rest(r));
}

// What log, log2 and log10 do with arguments that have no logarithm.
static double log_special(double x)
{
    if (x == 0)
        return -INFINITY;
    return isnan(x) || x > 0 ? x : (double)NAN;
}

double math_log(double x)
{
    if (!(x > 0 && x < INFINITY))
        return log_special(x);
    struct reduced d = reduce(x);
    return log_of(&d, d.r);
}

double math_log1p(double x)
{
    if (!(x > -1 && x < INFINITY))
        return x == -1 ? -INFINITY : log_special(x);
    if (math_abs(x) < 0x1p-54)
        return x;
    struct two u = two_sum(1, x);
    struct reduced d = reduce(u.hi);
    return log_of(&d, d.r + u.lo * math_scale(d.row[0], -(int)d.k));
}

// log z with k left out, to about 2^-68 of its value.
static struct two log_mantissa(const struct reduced *d)
{
    double r = d->r;
    struct two square = two_product(r, r);
    double q = -1.0 / 8 + r * (1.0 / 9);
    q = -1.0 / 6 + r * (1.0 / 7 + r * q);
    q = 1.0 / 3 + r * (-0.25 + r * (1.0 / 5 + r * q));
    struct two a = two_sum_fast(d->row[1], r);
    struct two s = two_sum(a.hi, -0.5 * square.hi);
    double lo = a.lo + s.lo + d->row[2] - 0.5 * square.lo + r * square.hi * q;
    return two_sum_fast(s.hi, lo);
}

static struct two log_two(double x)
{
    struct reduced d = reduce(x);
    struct two m = log_mantissa(&d);
    struct two s = two_sum(d.k * LN2_HI, m.hi);
    return two_sum_fast(s.hi, s.lo + (m.lo + d.k * LN2_LO));
}

static struct two times(struct two a, double hi, double lo)
{
    struct two p = two_product(a.hi, hi);
    return (struct two){p.hi, p.lo + (a.hi * lo + a.lo * hi)};
}

double math_log2(double x)
{
    if (!(x > 0 && x < INFINITY))
        return log_special(x);
    struct reduced d = reduce(x);
    struct two p = times(log_mantissa(&d), INVERSE_LN2_HI, INVERSE_LN2_LO);
    struct two s = two_sum(d.k, p.hi);
    return s.hi + (s.lo + p.lo);
}

double math_log10(double x)
{
    if (!(x > 0 && x < INFINITY))
        return log_special(x);
    struct two p = times(log_two(x), INVERSE_LN10_HI, INVERSE_LN10_LO);
    return p.hi + p.lo;
}

enum parity { NO_INTEGER, ODD, EVEN };

static enum parity parity_of(double y) // |y| < infinity
{
    double a = math_abs(y);
    if (a >= 0x1p53)
        return EVEN;
    if (a != (double)(int64_t)a)
        return NO_INTEGER;
    return (int64_t)a & 1 ? ODD : EVEN;
}

// Zeros, infinities and NaN, as Annex F has them; x is not 1, y is not 0.
static double pow_special(double x, double y)
{
    double a = math_abs(x);

    if (isnan(x) || isnan(y))
        return x + y;
    if (isinf(y)) {
        if (a == 1)
            return 1;
        return (a > 1) == (y > 0) ? INFINITY : 0;
    }
    double size = (a == 0) == (y > 0) ? 0 : INFINITY; // x is 0 or infinite
    return parity_of(y) == ODD ? math_with_sign(size, x) : size;
}

static double pow_positive(double x, double y)
{
    // Any x but 1 is 2^-53 or more away from it: past 2^64 nothing is finite.
    if (math_abs(y) > 0x1p64)
        return (x > 1) == (y > 0) ? INFINITY : 0;
    struct two l = log_two(x);
    struct two p = two_product(y, l.hi);
    p.lo += y * l.lo;
    if (p.hi > 709.79)
        return INFINITY;
    if (p.hi < -745.2)
        return 0;
    int k;
    double m = math_exp_parts(p.hi, p.lo, &k);
    return math_scale(m, k);
}

double math_pow(double x, double y)
{
    if (y == 0 || x == 1)
        return 1;
    if (x == 0 || !(math_abs(x) < INFINITY) || !(math_abs(y) < INFINITY))
        return pow_special(x, y);
    if (x > 0)
        return pow_positive(x, y);
    enum parity p = parity_of(y);
    if (p == NO_INTEGER)
        return NAN;
    double size = x == -1 ? 1 : pow_positive(-x, y);
    return p == ODD ? -size : size;
}

double math_sqrt(double x)
{
    return sqrt(x);
}

double math_fma(double x, double y, double z)
{
    return fma(x, y, z);
}
