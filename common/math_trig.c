// SPDX-License-Identifier: MIT
#include <math.h>
#include <stdint.h>

#include "common/math.h"
#include "common/math_parts.h"

// (sin r - r) / r^3 in r^2, |r| <= pi/4.
static const double SIN_POLY[7] = {
    -0x1.5555555555555p-3,  0x1.111111111111p-7,    -0x1.a01a01a019937p-13,
    0x1.71de3a54607fap-19,  -0x1.ae6454129f078p-26, 0x1.61217eed1c04ap-33,
    -0x1.ab17c21adf462p-41,
};

// (cos r - 1 + r^2/2) / r^4 in r^2, |r| <= pi/4.
static const double COS_POLY[7] = {
    0x1.5555555555555p-5,   -0x1.6c16c16c16c16p-10, 0x1.a01a01a019d0ap-16,
    -0x1.27e4fb7712cc8p-22, 0x1.1eed8deb869afp-29,  -0x1.9394b9f1ce104p-37,
    0x1.ab784b1122af7p-45,
};

// (atan d - d) / d^3 in d^2, |d| <= 0.2656.
static const double ATAN_POLY[11] = {
    -0x1.5555555555555p-2, 0x1.9999999999999p-3, -0x1.24924924923c6p-3, 0x1.c71c71c70654p-4,
    -0x1.745d173bfd5bep-4, 0x1.3b13aead9b3d2p-4, -0x1.1110a6fcfbe1ap-4, 0x1.e1cbacce6864bp-5,
    -0x1.ada773afa14bfp-5, 0x1.75ae40f705558p-5, -0x1.f6c8f46de98c9p-6,
};

// atan(i/16), and what is left.
static const double ATAN_TABLE[17][2] = {
    {0x0p+0, 0x0p+0},
    {0x1.ff55bb72cfdeap-5, -0x1.c934d86d23f1dp-60},
    {0x1.fd5ba9aac2f6ep-4, -0x1.cd37686760c17p-59},
    {0x1.7b97b4bce5b02p-3, 0x1.347b0b4f881cap-58},
    {0x1.f5b75f92c80ddp-3, 0x1.8ab6e3cf7afbdp-57},
    {0x1.362773707ebccp-2, -0x1.963a544b672d8p-57},
    {0x1.6f61941e4def1p-2, -0x1.c63aae6f6e918p-56},
    {0x1.a64eec3cc23fdp-2, -0x1.24dec1b50b7ffp-56},
    {0x1.dac670561bb4fp-2, 0x1.a2b7f222f65e2p-56},
    {0x1.0657e94db30dp-1, -0x1.d5b495f6349e6p-56},
    {0x1.1e00babdefeb4p-1, -0x1.928df287a668fp-58},
    {0x1.345f01cce37bbp-1, 0x1.1021137c71102p-55},
    {0x1.4978fa3269ee1p-1, 0x1.2419a87f2a458p-56},
    {0x1.5d58987169b18p-1, 0x1.0028e4bc5e7cap-57},
    {0x1.700a7c5784634p-1, -0x1.8c34d25aadef6p-56},
    {0x1.819d0b7158a4dp-1, -0x1.bf76229d3b917p-56},
    {0x1.921fb54442d18p-1, 0x1.1a62633145c07p-55},
};

// 2/pi, 32 bits a word, the first behind the point.
static const uint32_t TWO_OVER_PI[40] = {
    0xa2f9836e, 0x4e441529, 0xfc2757d1, 0xf534ddc0, 0xdb629599, 0x3c439041, 0xfe5163ab,
    0xdebbc561, 0xb7246e3a, 0x424dd2e0, 0x06492eea, 0x09d1921c, 0xfe1deb1c, 0xb129a73e,
    0xe88235f5, 0x2ebb4484, 0xe99c7026, 0xb45f7e41, 0x3991d639, 0x835339f4, 0x9c845f8b,
    0xbdf9283b, 0x1ff897ff, 0xde05980f, 0xef2f118b, 0x5a0a6d1f, 0x6d367ecf, 0x27cb09b7,
    0x4f463f66, 0x9e5fea2d, 0x7527bac7, 0xebe5f17b, 0x3d0739f7, 0x8a5292ea, 0x6bfb5fb1,
    0x1f8d5d08, 0x56033046, 0xfc7b6bab, 0xf0cfbc20, 0x9af4361d,
};
#define ROUND_MAGIC    0x1.8p52
#define TWO_OVER_PI_HI 0x1.45f306dc9c883p-1
#define HALF_PI_HI     0x1.921fb54442d18p+0
#define HALF_PI_LO     0x1.1a62633145c07p-54

// pi/2 in pieces of 33 bits, so that n < 2^20 times a piece is exact, and the
// rest.
#define HALF_PI_1 0x1.921fb544p+0
#define HALF_PI_2 0x1.0b4611a6p-34
#define HALF_PI_3 0x1.3198a2ep-69
#define HALF_PI_4 0x1.b839a252049c1p-104

// An angle less a multiple of pi/2: |hi| <= pi/4 (and a little).
struct angle {
    struct two r;
    uint32_t quadrant; // of which the low two bits count
};

static struct angle reduce_near(double x) // |x| < 2^20
{
    double n = (x * TWO_OVER_PI_HI + ROUND_MAGIC) - ROUND_MAGIC;
    struct two a = two_sum(x - n * HALF_PI_1, -n * HALF_PI_2);
    struct two b = two_sum(a.hi, -n * HALF_PI_3);
    double lo = (a.lo + b.lo) - n * HALF_PI_4;
    return (struct angle){two_sum_fast(b.hi, lo), (uint32_t)(int32_t)n};
}

enum { WINDOW = 8, WORDS = WINDOW + 2 };

// 64 bits from bit `at` of a number in 32-bit words, the lowest first.
static uint64_t bits_from(const uint32_t *w, int at)
{
    int i = at >> 5, shift = at & 31;
    uint64_t low = w[i] | (uint64_t)w[i + 1] << 32;
    return shift ? low >> shift | (uint64_t)w[i + 2] << (64 - shift) : low;
}

// p = mantissa × the WINDOW words of 2/pi from `first` on.
static void multiply_window(uint64_t mantissa, int first, uint32_t p[WORDS + 2])
{
    uint64_t m[2] = {mantissa & UINT64_C(0xFFFFFFFF), mantissa >> 32};

    for (int i = 0; i < WORDS + 2; i++)
        p[i] = 0;
    for (int j = 0; j < 2; j++) {
        uint64_t c = 0;
        for (int i = 0; i < WINDOW; i++) {
            c += p[i + j] + m[j] * TWO_OVER_PI[first + WINDOW - 1 - i];
            p[i + j] = (uint32_t)c;
            c >>= 32;
        }
        p[WINDOW + j] = (uint32_t)c;
    }
}

// The fraction f[2]:f[1]:f[0] / 2^192 as a double pair times pi/2.
static struct two fraction_angle(uint64_t f[3])
{
    int zeros = 0;

    for (; zeros < 128 && !(f[2] >> 63); zeros++) {
        f[2] = f[2] << 1 | f[1] >> 63;
        f[1] = f[1] << 1 | f[0] >> 63;
        f[0] <<= 1;
    }
    double hi = (double)(f[2] >> 11) * 0x1p-53;
    double lo = (double)((f[2] << 42 | f[1] >> 22) & ((UINT64_C(1) << 53) - 1)) * 0x1p-106;
    struct two p = two_product(hi, HALF_PI_HI);
    p = two_sum_fast(p.hi, p.lo + (hi * HALF_PI_LO + lo * HALF_PI_HI));
    double scale = math_scale(1, -zeros);
    return (struct two){p.hi * scale, p.lo * scale};
}

// Payne and Hanek (1983): only the bits of 2/pi that the result shows are
// multiplied; what lies above them is a multiple of 2 pi.
static struct angle reduce_far(double x) // 2^20 <= |x| < infinity
{
    uint64_t b = math_bits(x);
    int e = (int)(b >> 52 & 0x7FF) - 1075; // |x| = mantissa 2^e
    uint64_t mantissa = (b & UINT64_C(0xFFFFFFFFFFFFF)) | UINT64_C(1) << 52;
    int first = e > 2 ? (e - 2) / 32 : 0;
    int n_fraction = 32 * (first + WINDOW) - e;
    uint32_t p[WORDS + 2];

    multiply_window(mantissa, first, p);
    uint32_t quadrant = (uint32_t)bits_from(p, n_fraction) & 3;
    uint64_t f[3];
    for (int i = 0; i < 3; i++)
        f[i] = bits_from(p, n_fraction - 64 * (3 - i));
    int above = (int)(f[2] >> 63); // past the half: count from the next multiple down
    if (above) {
        for (int i = 0; i < 3; i++)
            f[i] = ~f[i];
        quadrant++;
    }
    struct angle a = {fraction_angle(f), quadrant};
    if (above != (int)(b >> 63))
        a.r = (struct two){-a.r.hi, -a.r.lo};
    if (b >> 63)
        a.quadrant = 0 - a.quadrant;
    return a;
}

static struct angle reduce(double x) // finite
{
    double a = math_abs(x);
    if (a <= 0x1.921fb54442d18p-1)
        return (struct angle){{x, 0}, 0};
    return a < 0x1p20 ? reduce_near(x) : reduce_far(x);
}

// sin and cos of r.hi + r.lo, each in two doubles.
static struct two sin_near_0(struct two r)
{
    double z = r.hi * r.hi;
    double q = math_horner(SIN_POLY, 7, z);
    return (struct two){r.hi, r.hi * z * q + r.lo * (1 - 0.5 * z)};
}

static struct two cos_near_0(struct two r)
{
    double z = r.hi * r.hi;
    double q = math_horner(COS_POLY, 7, z);
    double w = 1 - 0.5 * z;
    return (struct two){w, ((1 - w) - 0.5 * z) + (z * z * q - r.hi * r.lo)};
}

static double quarter_wave(struct two r, uint32_t quadrant)
{
    struct two y = quadrant & 1 ? cos_near_0(r) : sin_near_0(r);
    double s = y.hi + y.lo;
    return quadrant & 2 ? -s : s;
}

double math_sin(double x)
{
    if (math_abs(x) < 0x1p-27) // also keeps -0
        return x;
    if (!(math_abs(x) < INFINITY))
        return NAN;
    struct angle a = reduce(x);
    return quarter_wave(a.r, a.quadrant);
}

double math_cos(double x)
{
    if (!(math_abs(x) < INFINITY))
        return NAN;
    struct angle a = reduce(x);
    return quarter_wave(a.r, a.quadrant + 1);
}

double math_tan(double x)
{
    if (math_abs(x) < 0x1p-27)
        return x;
    if (!(math_abs(x) < INFINITY))
        return NAN;
    struct angle a = reduce(x);
    struct two s = sin_near_0(a.r), c = cos_near_0(a.r);
    s = two_sum_fast(s.hi, s.lo);
    c = two_sum_fast(c.hi, c.lo);
    struct two n = a.quadrant & 1 ? (struct two){-c.hi, -c.lo} : s;
    struct two d = a.quadrant & 1 ? s : c;
    double q = n.hi / d.hi;
    struct two back = two_product(q, d.hi);
    return q + ((n.hi - back.hi) - back.lo + (n.lo - q * d.lo)) / d.hi;
}

// atan of num/den for t = |x| <= 1, pi/2 less it above: with c = i/16 near t
// or 1/t, atan t = atan c + atan((t - c) / (1 + t c)), and likewise for 1/t
// with (1 - c t) / (t + c), which needs no rounded 1/t.
double math_atan(double x)
{
    double t = math_abs(x);

    if (t < 0x1p-27 || isnan(x))
        return x;
    if (t > 0x1p60)
        return math_with_sign(HALF_PI_HI, x);
    double u = t > 1 ? 1 / t : t;
    int i = u < 0.25 ? 0 : (int)(u * 16 + 0.5);
    double c = i * 0x1p-4;
    double d;
    if (t > 1) {
        double high = math_from_bits(math_bits(t) & ~UINT64_C(0xFFFFFFFF));
        d = ((1 - c * high) - c * (t - high)) / (t + c);
    } else {
        d = i ? (t - c) / (1 + t * c) : t;
    }
    double z = d * d;
    double rest = d * z * math_horner(ATAN_POLY, 11, z) + ATAN_TABLE[i][1];
    if (t > 1) {
        struct two s = two_sum_fast(HALF_PI_HI, -ATAN_TABLE[i][0]);
        struct two w = two_sum_fast(s.hi, -d);
        return math_with_sign(w.hi + (w.lo + s.lo + (HALF_PI_LO - rest)), x);
    }
    struct two w = two_sum(ATAN_TABLE[i][0], d);
    return math_with_sign(w.hi + (w.lo + rest), x);
}
