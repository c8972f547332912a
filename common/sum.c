// SPDX-License-Identifier: MIT
#include "common/sum.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

// Bit 0 of limb 0 weighs 2^-BASE.
enum { BASE = 2176 };

enum { PLUS_INF = 1, MINUS_INF = 2, IS_NAN = 4, NEGATIVE = 8 };

// An add puts less than 2^53 into a limb, a square less than 2^42: so many
// keep |limb| below 2^63.
enum { PENDING_MAX = 512 };

// (Σx)² needs twice the digits; n Σx² two more.
enum { WIDE_LIMBS = 2 * SUM_LIMBS + 2 };

static const uint64_t DIGIT = UINT64_C(0xFFFFFFFF);

void sum_init(struct sum *s)
{
    memset(s, 0, sizeof *s);
}

// Make every limb but the last a digit in [0, 2^32); the last keeps the sign.
// The result depends on the number only: it is the canonical form.
static void carry(struct sum *s)
{
    int64_t c = 0;

    for (int i = 0; i < SUM_LIMBS - 1; i++) {
        int64_t v = s->limb[i] + c;
        c = v >> 32;
        s->limb[i] = (int64_t)((uint64_t)v & DIGIT);
    }
    s->limb[SUM_LIMBS - 1] += c;
    s->n_pending = 0;
}

struct parts {
    uint64_t mantissa; // < 2^53
    uint32_t place;    // x = ±mantissa × 2^(place - 1074)
    bool negative;
};

static inline uint64_t bits_of(double x)
{
    uint64_t b;
    memcpy(&b, &x, sizeof b);
    return b;
}

static inline struct parts split(uint64_t b)
{
    uint32_t e = (uint32_t)(b >> 52) & 0x7FF;
    uint64_t m = b & UINT64_C(0xFFFFFFFFFFFFF);
    return (struct parts){e ? m | UINT64_C(1) << 52 : m, e ? e - 1 : 0, b >> 63};
}

static inline bool is_special(uint64_t b)
{
    return (b >> 52 & 0x7FF) == 0x7FF;
}

static void add_special(struct sum *s, double x)
{
    s->special |= isnan(x) ? IS_NAN : x > 0 ? PLUS_INF : MINUS_INF;
}

static inline void add_parts(struct sum *s, struct parts p)
{
    uint32_t at = p.place + (BASE - 1074);
    uint32_t shift = at & 31;
    int64_t *limb = s->limb + (at >> 5);
    int64_t low = (int64_t)(p.mantissa << shift & DIGIT);
    int64_t high = (int64_t)(p.mantissa >> (32 - shift));
    int64_t sign = -(int64_t)p.negative; // 0 or -1: (v ^ sign) - sign negates

    limb[0] += (low ^ sign) - sign;
    limb[1] += (high ^ sign) - sign;
}

static inline void add_square_parts(struct sum *s, struct parts p)
{
    uint32_t at = 2 * p.place + (BASE - 2148);
    uint32_t shift = at & 31;
    int64_t *limb = s->limb + (at >> 5);
    __extension__ unsigned __int128 q = (unsigned __int128)p.mantissa * p.mantissa;

    limb[0] += (int64_t)((uint64_t)q << shift & DIGIT);
    limb[1] += (int64_t)((uint64_t)(q >> (32 - shift)) & DIGIT);
    limb[2] += (int64_t)((uint64_t)(q >> (64 - shift)) & DIGIT);
    limb[3] += (int64_t)(q >> (96 - shift));
}

static inline void count_pending(struct sum *s)
{
    if (++s->n_pending >= PENDING_MAX)
        carry(s);
}

void sum_add(struct sum *s, double x)
{
    uint64_t b = bits_of(x);
    if (is_special(b)) {
        add_special(s, x);
        return;
    }
    add_parts(s, split(b));
    count_pending(s);
}

void sum_add_square(struct sum *s, double x)
{
    uint64_t b = bits_of(x);
    if (is_special(b)) {
        add_special(s, fabs(x));
        return;
    }
    add_square_parts(s, split(b));
    count_pending(s);
}

void sum_add_run(struct sum *s, struct sum *squares, const double *x, size_t n, size_t stride)
{
    for (size_t i = 0; i < n; i++, x += stride) {
        uint64_t b = bits_of(*x);
        if (is_special(b)) {
            add_special(s, *x);
            add_special(squares, fabs(*x));
            continue;
        }
        struct parts p = split(b);
        add_parts(s, p);
        add_square_parts(squares, p);
        count_pending(s);
        count_pending(squares);
    }
}

void sum_merge(struct sum *s, const struct sum *other)
{
    struct sum o = *other;

    carry(&o);
    carry(s);
    for (int i = 0; i < SUM_LIMBS; i++)
        s->limb[i] += o.limb[i];
    s->special |= o.special;
    s->n_pending = 1;
}

// A natural number in digits of 32 bits, and its sign.
struct digits {
    uint32_t d[WIDE_LIMBS];
    int low, n; // the digits outside [low, n) are zero; d[low], d[n - 1] are not
    bool negative;
};

static void trim(struct digits *g)
{
    while (g->n > 0 && g->d[g->n - 1] == 0)
        g->n--;
    while (g->low < g->n && g->d[g->low] == 0)
        g->low++;
    if (g->n == 0)
        g->low = 0;
}

static void to_digits(const struct sum *s, struct digits *g)
{
    struct sum t = *s;

    carry(&t);
    memset(g, 0, sizeof *g);
    g->negative = t.limb[SUM_LIMBS - 1] < 0;
    if (g->negative) {
        for (int i = 0; i < SUM_LIMBS; i++)
            t.limb[i] = -t.limb[i];
        carry(&t);
    }
    for (int i = 0; i < SUM_LIMBS; i++)
        g->d[i] = (uint32_t)t.limb[i];
    g->d[SUM_LIMBS] = (uint32_t)(t.limb[SUM_LIMBS - 1] >> 32);
    g->n = SUM_LIMBS + 1;
    trim(g);
}

// 64 bits of g from bit `at` up, `at` may be negative (zeros come in).
static uint64_t window(const struct digits *g, int at)
{
    uint64_t w = 0;

    for (int i = 0; i < 3; i++) {
        int first = (at >> 5) + i; // floors, also below zero
        uint64_t d = first >= 0 && first < WIDE_LIMBS ? g->d[first] : 0;
        int shift = 32 * i - (at & 31);
        w |= shift >= 0 ? (shift < 64 ? d << shift : 0) : d >> -shift;
    }
    return w;
}

static bool any_below(const struct digits *g, int at)
{
    if (at <= 0 || g->n == 0)
        return false;
    if (g->low < at >> 5)
        return true;
    return g->low == at >> 5 && (g->d[g->low] & ((UINT32_C(1) << (at & 31)) - 1));
}

// The double nearest to g × 2^-base, ties to even.
static double round_digits(const struct digits *g, int base)
{
    if (g->n == 0)
        return 0;
    int top = 32 * g->n - 1 - __builtin_clz(g->d[g->n - 1]);
    int e = top - base;
    if (e > 1023)
        return g->negative ? -INFINITY : INFINITY;
    // The result's last bit weighs 2^(at - base), never less than 2^-1074.
    int at = (e < -1022 ? -1022 : e) - 52 + base;
    uint64_t q = window(g, at) & ((UINT64_C(1) << 53) - 1);
    bool half = window(g, at - 1) & 1;
    if (half && (q & 1 || any_below(g, at - 1)))
        q++;
    // Adding the mantissa lets a carry run into the exponent, up to infinity.
    uint64_t b = e < -1022 ? q : ((uint64_t)(e + 1022) << 52) + q;
    b |= (uint64_t)g->negative << 63;
    double x;
    memcpy(&x, &b, sizeof x);
    return x;
}

double sum_value(const struct sum *s)
{
    if (s->special & IS_NAN || (s->special & 3) == 3)
        return NAN;
    if (s->special)
        return s->special & PLUS_INF ? INFINITY : -INFINITY;
    struct digits g;
    to_digits(s, &g);
    return round_digits(&g, BASE);
}

// out += a × m × 2^(32 at)
static void add_scaled(struct digits *out, const struct digits *a, uint32_t m, int at)
{
    uint64_t c = 0;
    int i = a->low;

    for (; i < a->n || c; i++) {
        c += out->d[i + at] + (uint64_t)a->d[i] * m;
        out->d[i + at] = (uint32_t)c;
        c >>= 32;
    }
}

// out = a - b for a >= b
static void subtract(struct digits *a, const struct digits *b)
{
    int64_t c = 0;

    for (int i = 0; i < WIDE_LIMBS; i++) {
        c += (int64_t)a->d[i] - b->d[i];
        a->d[i] = (uint32_t)c;
        c >>= 32;
    }
    assert(c == 0); // n Σx² >= (Σx)² by Cauchy and Schwarz
}

double sum_variance(const struct sum *s, const struct sum *squares, uint64_t n)
{
    if (n < 2 || s->special || squares->special)
        return NAN;
    struct digits a, q;
    struct digits left = {.n = WIDE_LIMBS}, right = {.n = WIDE_LIMBS};
    to_digits(s, &a);
    to_digits(squares, &q);
    for (int i = a.low; i < a.n; i++)
        add_scaled(&right, &a, a.d[i], i);
    // Σx² has BASE bits behind the point, the square of Σx twice as many.
    add_scaled(&left, &q, (uint32_t)n, BASE / 32);
    add_scaled(&left, &q, (uint32_t)(n >> 32), BASE / 32 + 1);
    if (a.n == 0 && q.n == 0)
        return 0;
    subtract(&left, &right);
    trim(&left);
    return round_digits(&left, 2 * BASE) / ((double)n * (double)(n - 1));
}

// u8 flags, then, unless the number is zero, u8 first digit, u8 number of
// digits, the digits as u32 little-endian; first and last are not zero.
void sum_pack(const struct sum *s, struct buf *out)
{
    struct digits g;

    to_digits(s, &g);
    assert(g.n <= SUM_LIMBS);
    uint8_t head[3] = {(uint8_t)(s->special | (g.negative ? NEGATIVE : 0)), (uint8_t)g.low,
                       (uint8_t)(g.n - g.low)};
    buf_put(out, head, 3);
    for (int i = g.low; i < g.n; i++) {
        uint8_t b[4] = {(uint8_t)g.d[i], (uint8_t)(g.d[i] >> 8), (uint8_t)(g.d[i] >> 16),
                        (uint8_t)(g.d[i] >> 24)};
        buf_put(out, b, 4);
    }
}

static uint32_t load_u32(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

enum error sum_unpack(struct sum *s, const uint8_t *p, size_t n, size_t *used)
{
    if (n < 3)
        return ERR_PROTO;
    uint32_t flags = p[0], low = p[1], count = p[2];
    // The last limb stays free: a sum so large did not come from doubles.
    if (flags > 15 || low + count > SUM_LIMBS - 1 || n - 3 < 4 * (size_t)count)
        return ERR_PROTO;
    if (count == 0 && (low || flags & NEGATIVE))
        return ERR_PROTO;
    const uint8_t *d = p + 3;
    if (count && (!load_u32(d) || !load_u32(d + 4 * (size_t)(count - 1))))
        return ERR_PROTO;
    sum_init(s);
    s->special = flags & 7;
    for (uint32_t i = 0; i < count; i++) {
        int64_t v = load_u32(d + 4 * (size_t)i);
        s->limb[low + i] = flags & NEGATIVE ? -v : v;
    }
    s->n_pending = 1;
    *used = 3 + 4 * (size_t)count;
    return OK;
}
