// SPDX-License-Identifier: MIT
#include <math.h>

#include "common/math.h"
#include "common/math_parts.h"

// Rational fits: interpolation at Chebyshev points with 300 bits, then rounded.
// All coefficients of a fraction have one sign, so evaluating it loses nothing.

// erf(x) / x in x^2, |x| <= 1.
static const double ERF_POLY[14] = {
    0x1.20dd750429b6dp+0,   -0x1.812746b0379e7p-2,  0x1.ce2f21a042bdep-4,
    -0x1.b82ce312889bap-6,  0x1.565bcd0e6502dp-8,   -0x1.c02db3feeb579p-11,
    0x1.f9a326c233146p-14,  -0x1.f4d2561aeafd4p-17, 0x1.b9e6509b9867dp-20,
    -0x1.5f6d925a0bc7ap-23, 0x1.fc4356498c2d9p-27,  -0x1.4e607b41a6416p-30,
    0x1.7f072188e194dp-34,  -0x1.29b9f1b3df556p-38,
};

// e^(x^2) erfc(x) on [0.5, 1.25].
static const double ERFC_0_P[7] = {
    0x1.00000000017d3p+0, 0x1.6c2edbf985a8dp+0, 0x1.05693b847cfdfp+0,  0x1.c07df74f5ea45p-2,
    0x1.de6b75aa3cb7p-4,  0x1.2accc37648c54p-6, 0x1.56ed9b68cb76cp-10,
};

static const double ERFC_0_Q[8] = {
    0x1p+0,
    0x1.4686287ee6de6p+1,
    0x1.7326026205c29p+1,
    0x1.e93e787e7d806p+0,
    0x1.95d4202f73929p-1,
    0x1.aa5319212900cp-3,
    0x1.08d0c246d6f94p-5,
    0x1.2fe7e6c3efd71p-9,
};

// e^(x^2) erfc(x) on [1.25, 3].
static const double ERFC_1_P[7] = {
    0x1.000000a3b3636p+0, 0x1.9d1b6bc19ed3dp+0, 0x1.48a40b648a617p+0, 0x1.3b6b6a86c0e0bp-1,
    0x1.7dcddec8a69d2p-3, 0x1.159b57e6856bap-5, 0x1.851fbb73762ddp-9,
};

static const double ERFC_1_Q[8] = {
    0x1p+0,
    0x1.5efc739bf8d73p+1,
    0x1.b05d986ca4f06p+1,
    0x1.3807bc02e8be2p+1,
    0x1.1f3a6d6f841bp+0,
    0x1.550ea80b26691p-2,
    0x1.ec0bcab4909c1p-5,
    0x1.58da1b0437696p-8,
};

// e^(x^2) erfc(x) on [3, 8].
static const double ERFC_2_P[7] = {
    0x1.000b0699bb48ap+0, 0x1.f16d84643b2f4p+0, 0x1.d44377028c1aap+0, 0x1.0c7fa0dc0955ep+0,
    0x1.91bf3aab3851fp-2, 0x1.7467070f023c6p-4, 0x1.92269a02064bap-7,
};

static const double ERFC_2_Q[8] = {
    0x1p+0,
    0x1.89468f56c72dfp+1,
    0x1.12c0e0faf2f91p+2,
    0x1.ca197ce45b6dfp+1,
    0x1.f08748fdd8062p+0,
    0x1.699b91a7a5535p-1,
    0x1.4a0877f5934c1p-3,
    0x1.64659858b03bdp-6,
};

// x e^(x^2) erfc(x) in 1/x^2, x >= 8.
static const double ERFC_FAR_P[5] = {
    0x1.20dd750429b6dp-1, 0x1.26c02f96192a9p+3, 0x1.51e02301c2372p+5,
    0x1.b9c9f58fb423cp+5, 0x1.3e375972ec8dep+3,
};

static const double ERFC_FAR_Q[5] = {
    0x1p+0,
    0x1.0d374dba3315cp+4,
    0x1.4a161e47e2dfbp+6,
    0x1.00cb92bcc5ccep+7,
    0x1.675b535995d3dp+5,
};

// probit(1/2 + q) / q in 0.180625 - q^2, |q| <= 0.425.
static const double PROBIT_MIDDLE_P[9] = {
    0x1.b18d91e9eef75p+1,  0x1.2983594fd7e7fp+7,  0x1.3e873207f0efap+11,
    0x1.51edecb555ec7p+14, 0x1.75ccbc4a8f661p+16, 0x1.a11714cc49c9ep+17,
    0x1.a273b0aa578a5p+17, 0x1.214cd08b4e4e4p+16, 0x1.e8603e9431af1p+11,
};

static const double PROBIT_MIDDLE_Q[9] = {
    0x1p+0,
    0x1.776318ab2437ep+5,
    0x1.b3a456a404a19p+9,
    0x1.ff0e0daee92afp+12,
    0x1.41a3f69d2d15cp+15,
    0x1.aabcb49f39b9fp+16,
    0x1.122c69e2df949p+17,
    0x1.1a96b28ee4226p+16,
    0x1.25b3b754cc161p+13,
};

// -probit(p) in s - 2.27, s = sqrt(-2 log p) on [2.27, 5].
static const double PROBIT_TAIL_0_P[8] = {
    0x1.6ea4932ff0028p+0, 0x1.b05b6f5011767p+1, 0x1.8a5d5847050afp+1, 0x1.6e6c2a28705e5p+0,
    0x1.755f81ae1c284p-2, 0x1.99007951031c3p-5, 0x1.ac32487975efp-9,  0x1.32a0715ae9d3bp-14,
};

static const double PROBIT_TAIL_0_Q[7] = {
    0x1p+0,
    0x1.84144d21f9c78p+0,
    0x1.d55501b78934ap-1,
    0x1.1cc887b299be8p-2,
    0x1.629562044dad2p-5,
    0x1.9694ae160db0ap-9,
    0x1.3299ea16cb6a4p-14,
};

// -probit(p) in s - 5, s = sqrt(-2 log p) on [5, 12].
static const double PROBIT_TAIL_1_P[8] = {
    0x1.1ebd79dcc06f5p+2, 0x1.a680dddf7891dp+3, 0x1.0aeeba490a1d4p+3,  0x1.1e6ca77e4d3dfp+1,
    0x1.2fb52e7f462d2p-2, 0x1.40cf46184c465p-6, 0x1.306bc4efb401cp-11, 0x1.781f92f15d02dp-18,
};

static const double PROBIT_TAIL_1_Q[7] = {
    0x1p+0,
    0x1.5ab8916627882p+1,
    0x1.380a01509af2ep+0,
    0x1.b803d1c503745p-3,
    0x1.141dfdee7aeaep-6,
    0x1.21bef58464159p-11,
    0x1.781e3504b96b7p-18,
};

// -probit(p) in s - 12, s = sqrt(-2 log p) on [12, 39].
static const double PROBIT_TAIL_2_P[8] = {
    0x1.76dc04825358cp+3,  0x1.ff07481fc432fp+1,  0x1.17b766628e214p-1,  0x1.39f42427b0542p-5,
    0x1.7dbd0f89167e8p-10, 0x1.e6b872fc114fep-16, 0x1.1ea3a20134191p-22, 0x1.bca06298c4429p-31,
};

static const double PROBIT_TAIL_2_Q[7] = {
    0x1p+0,
    0x1.0416083e7e2bep-2,
    0x1.946887d4779cap-6,
    0x1.2c8f4544d8597p-10,
    0x1.b307ebcbabc6ep-16,
    0x1.14384790627cap-22,
    0x1.bca03a75275e6p-31,
};

// log gamma(x) / ((x - 1) (x - 2)) in x - 0.5 on [0.5, 1.5].
static const double LGAMMA_0_P[8] = {
    0x1.86bc06134d7a3p-1, 0x1.073dbafe8535p+2,  0x1.0ab0e4213846fp+3, 0x1.fa64e10236d5fp+2,
    0x1.c9d5bff76a168p+1, 0x1.62867f9a3ee05p-1, 0x1.593f9f56d98a6p-5, 0x1.8eeea0a5c94acp-13,
};

static const double LGAMMA_0_Q[8] = {
    0x1p+0,
    0x1.89d3500e1ac17p+2,
    0x1.d5c5be041dbefp+3,
    0x1.12ad2247bfa64p+4,
    0x1.48a54603e8ac8p+3,
    0x1.7f5c3a5d6d34ep+1,
    0x1.76dd7204270dap-2,
    0x1.a0d0b589404c3p-7,
};

// log gamma(x) / ((x - 1) (x - 2)) in x - 1.5 on [1.5, 3].
static const double LGAMMA_1_P[8] = {
    0x1.eeb95b094c191p-2, 0x1.deb5673e11405p-1, 0x1.6173f104609fap-1,  0x1.f215ad98cd85bp-3,
    0x1.55b1d33e70d8dp-5, 0x1.9c6ce11591f05p-9, 0x1.4218f422a638fp-14, 0x1.19fa0fcf98986p-23,
};

static const double LGAMMA_1_Q[8] = {
    0x1p+0,
    0x1.1e6219dd4fd58p+1,
    0x1.f980325b85275p+0,
    0x1.bf3042ba4e748p-1,
    0x1.a05be49cb9d79p-3,
    0x1.874f9e4e9b7ddp-6,
    0x1.41901d5153a6cp-10,
    0x1.3bb3c05eaf68fp-16,
};

// log gamma(x) in x - 3 on [3, 8].
static const double LGAMMA_2_P[9] = {
    0x1.62e42fefa39efp-1,  0x1.a1cb79fb4eb2bp+0,  0x1.6c725afe177d6p+0,
    0x1.36b97526bc179p-1,  0x1.1a8c3308ca0ddp-3,  0x1.141d4fdbea91fp-6,
    0x1.122b27da50cabp-10, 0x1.de4ae62ee5c93p-16, 0x1.fbe826cc23eb4p-23,
};

static const double LGAMMA_2_Q[9] = {
    0x1p+0,
    0x1.05f04bb33e8a6p+0,
    0x1.a08c43f6f621fp-2,
    0x1.45e061a781a0dp-4,
    0x1.06269fb35a41dp-7,
    0x1.9d2ab283d4ed1p-12,
    0x1.10ae1dbc9dcd9p-17,
    0x1.86beda6f63abfp-25,
    -0x1.a4c43b46dde43p-36,
};

// x (log gamma(x) - ((x - 1/2) log x - x + log(2 pi)/2)) in 1/x^2, x >= 8.
static const double STIRLING_POLY[7] = {
    0x1.5555555555555p-4,  -0x1.6c16c16c149f4p-9, 0x1.a01a017dcf8bbp-11, -0x1.38134d4f78e41p-11,
    0x1.b92c33f2bdc71p-11, -0x1.ef8d73e42dc4p-10, 0x1.4bffc6a523a3dp-8,
};
#define HALF_LOG_2PI 0x1.d67f1c864beb5p-1

#define N_OF(a) ((int)(sizeof(a) / sizeof *(a)))
#define RATIO(name, x)                                                                         \
    (math_horner(name##_P, N_OF(name##_P), x) / math_horner(name##_Q, N_OF(name##_Q), x))

// e^(x^2) erfc(x) for x >= 1/2
static double erfc_scaled(double x)
{
    if (x < 1.25)
        return RATIO(ERFC_0, x);
    if (x < 3)
        return RATIO(ERFC_1, x);
    return x < 8 ? RATIO(ERFC_2, x) : RATIO(ERFC_FAR, 1 / (x * x)) / x;
}

static double erfc_above_half(double x)
{
    if (x > 27.3) // below 2^-1075
        return 0;
    struct two square = two_product(x, x);
    int k;
    double y = math_exp_parts(-square.hi, -square.lo, &k) * erfc_scaled(x);
    return math_scale(y, k);
}

double math_erf(double x)
{
    double a = math_abs(x);

    if (isnan(x))
        return x;
    if (a < 1)
        return x * math_horner(ERF_POLY, N_OF(ERF_POLY), x * x);
    return math_with_sign(a > 6 ? 1 : 1 - erfc_above_half(a), x);
}

double math_erfc(double x)
{
    if (isnan(x))
        return x;
    if (x >= 0.5)
        return erfc_above_half(x);
    return x > -1 ? 1 - math_erf(x) : 2 - erfc_above_half(-x);
}

// -probit(p) for p <= 0.075
static double probit_tail(double p)
{
    double s = math_sqrt(-2 * math_log(p));
    if (s < 5)
        return RATIO(PROBIT_TAIL_0, s - 2.27);
    return s < 12 ? RATIO(PROBIT_TAIL_1, s - 5) : RATIO(PROBIT_TAIL_2, s - 12);
}

double math_probit(double p)
{
    if (!(p > 0 && p < 1)) {
        if (p == 0)
            return -INFINITY;
        return p == 1 ? INFINITY : (double)NAN;
    }
    double q = p - 0.5;
    if (math_abs(q) <= 0.425)
        return q * RATIO(PROBIT_MIDDLE, 0.180625 - q * q);
    return q < 0 ? -probit_tail(p) : probit_tail(1 - p);
}

double math_lgamma(double x)
{
    if (!(x > 0)) // negative arguments are out of scope
        return x == 0 ? INFINITY : (double)NAN;
    if (x < 0.5)
        return math_lgamma(x + 1) - math_log(x);
    if (x < 1.5)
        return (x - 1) * (x - 2) * RATIO(LGAMMA_0, x - 0.5);
    if (x < 3)
        return (x - 1) * (x - 2) * RATIO(LGAMMA_1, x - 1.5);
    if (x < 8)
        return RATIO(LGAMMA_2, x - 3);
    double y = (x - 0.5) * (math_log(x) - 1);
    if (x > 0x1p58) // also infinity
        return y;
    return y + (HALF_LOG_2PI - 0.5 + math_horner(STIRLING_POLY, 7, 1 / (x * x)) / x);
}
