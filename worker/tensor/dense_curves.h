// SPDX-License-Identifier: MIT
// dense_curves.h - element-wise functions; a part of dense_body.h.
//
// Threads    Any; pure.

#ifndef WORKER_TENSOR_DENSE_CURVES_H
#define WORKER_TENSOR_DENSE_CURVES_H

// a where the condition holds, else b: never a branch.
ALWAYS float pick(int32_t condition, float a, float b)
{
    union {
        float f;
        int32_t i;
    } x = {.f = a}, y = {.f = b};
    int32_t mask = -condition;
    x.i = (x.i & mask) | (y.i & ~mask);
    return x.f;
}

// e^x in the order of curves_exp, for x up to CURVES_EXP_MOST (not checked); below
// CURVES_EXP_LEAST 0.
ALWAYS float exp_one(float x)
{
    static const float rest[] = CURVES_EXP_REST;
    union {
        float f;
        int32_t i;
    } s;
    int32_t small = x < CURVES_EXP_LEAST;
    float z = pick(small, 0, x);
    float n = (z * 0x1.715476p+0F + 0x1.8p23F) - 0x1.8p23F;
    float r = (z - n * 0x1.62ep-1F) - n * 0x1.0bfbe8p-15F;
    float q = CURVES_EXP_FIRST;
#pragma GCC unroll 5
    for (size_t i = 0; i < sizeof rest / sizeof rest[0]; i++)
        q = q * r + rest[i];
    s.i = ((int32_t)n + 127) << 23; // up to 2^127: the callers' x is below 88
    return pick(small, 0, (1 + (r + r * r * q)) * s.f);
}

// An odd polynomial near 0 (least squares of (tanh x - x) / x^3 on Chebyshev nodes of
// [0, 0.625^2], 5e-9), else 1 - 2 / (1 + e^2|x|).
ALWAYS float tanh_one(float x)
{
    float a = x < 0 ? -x : x;
    a = pick(a > 10, 10, a);
    float t = x * x;
    float p = -0x1.75d1f4p-8F;
    p = p * t + 0x1.522178p-6F;
    p = p * t + -0x1.b83b2ep-5F;
    p = p * t + 0x1.110718p-3F;
    p = p * t + -0x1.555532p-2F;
    float near = x + x * (t * p);
    float far = 1 - 2 / (1 + exp_one(2 * a));
    return pick(a < 0.625F, near, pick(x < 0, -far, far));
}

// y may be x, not a part of it.
static void tanh_all(float *y, const float *x, size_t n)
{
#pragma GCC ivdep
    for (size_t i = 0; i < n; i++)
        y[i] = tanh_one(x[i]);
}

static void
tanh_back(float *restrict dx, const float *restrict y, const float *restrict dy, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dx[i] = fused(dy[i], 1 - y[i] * y[i], dx[i]);
}

#define GELU_A 0x1.988454p+0F // 2 sqrt(2 / pi)
#define GELU_B 0x1.24422ap-4F // the same times 0.044715

ALWAYS float gelu_gate(float x)
{
    float u = x * (GELU_A + GELU_B * (x * x));
    u = pick(u < -80, -80, u);
    u = pick(u > 80, 80, u);
    return 1 / (1 + exp_one(-u));
}

static void gelu(float *y, const float *x, size_t n)
{
#pragma GCC ivdep
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] * gelu_gate(x[i]);
}

static void
gelu_back(float *restrict dx, const float *restrict x, const float *restrict dy, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float s = gelu_gate(x[i]);
        float slope = x[i] * (GELU_A + 3 * GELU_B * (x[i] * x[i]));
        dx[i] = fused(dy[i], s + slope * (s * (1 - s)), dx[i]);
    }
}

static void mul(float *restrict y, const float *restrict a, const float *restrict b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = a[i] * b[i];
}

// dx may be read under no other name; a and dy may be one.
static void mul_back(float *restrict dx, const float *a, const float *dy, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dx[i] = fused(a[i], dy[i], dx[i]);
}

static void adam(const struct dense_adam *a)
{
    float *restrict w = a->w, *restrict m = a->m, *restrict v = a->v;
    const float *restrict all = a->g;
    const float b1 = a->beta1, b2 = a->beta2, shrink = a->shrink, scale2 = a->scale2;
    for (size_t i = 0; i < a->n; i++) {
        float g = all[i] * shrink;
        m[i] = b1 * m[i] + (1 - b1) * g;
        v[i] = b2 * v[i] + (1 - b2) * (g * g);
        w[i] = w[i] - a->step * m[i] / (__builtin_sqrtf(v[i] * scale2) + a->epsilon);
    }
}

#endif
