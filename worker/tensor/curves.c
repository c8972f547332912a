// SPDX-License-Identifier: MIT
#include "worker/tensor/curves.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "worker/tensor/kernels.h"

#define ROUND_MAGIC 0x1.8p23F // adding it rounds to an integer, to nearest

// e^x = 2^n e^r with |r| <= log 2 / 2.  The high part of log 2 has 12 bits, so
// that n times it is exact; e^r by Taylor, whose next term is below 2^-26.
float curves_exp(float x)
{
    if (!(x < CURVES_EXP_MOST))
        return isnan(x) ? x : INFINITY;
    if (x < CURVES_EXP_LEAST)
        return 0;
    float n = (x * 0x1.715476p+0F + ROUND_MAGIC) - ROUND_MAGIC;
    float r = (x - n * 0x1.62ep-1F) - n * 0x1.0bfbe8p-15F;
    static const float rest[] = CURVES_EXP_REST;
    float q = CURVES_EXP_FIRST;
    for (size_t i = 0; i < sizeof rest / sizeof rest[0]; i++)
        q = q * r + rest[i];
    float y = 1 + (r + r * r * q);
    // In two steps: 2^128 is no float, though y may be below 1 then.
    int32_t k = (int32_t)n, half = k / 2;
    uint32_t a = (uint32_t)(half + 127) << 23, b = (uint32_t)(k - half + 127) << 23;
    float s, u;
    memcpy(&s, &a, sizeof s);
    memcpy(&u, &b, sizeof u);
    return y * s * u;
}

float curves_sigmoid(float x)
{
    return 1 / (1 + curves_exp(-x));
}

void curves_swiglu(float *gate, const float *up, size_t n)
{
    kernels_swiglu(gate, up, n);
}

float curves_exp_from(float *p, const float *s, float most, size_t n)
{
    kernels_exp(p, s, most, n);
    return kernels_sum(p, n);
}
