// SPDX-License-Identifier: MIT
#include <math.h>

#include "worker/tensor/curves.h"
#include "worker/tensor/kernels_table.h"

static bool anywhere(void)
{
    return true;
}

static void add(float *y, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] += x[i];
}

static void scale(float *y, float a, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] *= a;
}

static void axpy(float *y, float a, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = fmaf(a, x[i], y[i]);
}

static float dot(const float *x, const float *y, size_t n)
{
    float lane[KERNEL_LANES] = {0};

    for (size_t i = 0; i < n; i++)
        lane[i % KERNEL_LANES] = fmaf(x[i], y[i], lane[i % KERNEL_LANES]);
    return kernels_tree(lane);
}

static float sum(const float *x, size_t n)
{
    float lane[KERNEL_LANES] = {0};

    for (size_t i = 0; i < n; i++)
        lane[i % KERNEL_LANES] += x[i];
    return kernels_tree(lane);
}

static void
dots(const float *x, const float *rows, size_t stride, size_t n, size_t width, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = dot(x, rows + i * stride, width);
}

static void mix(const struct kernels_mix *m)
{
    scale(m->y, m->shrink, m->width);
    for (size_t i = 0; i < m->n; i++)
        axpy(m->y, m->w[i], m->rows + i * m->stride, m->width);
}

static void exp_less(float *p, const float *x, float less, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = curves_exp(x[i] - less);
}

static void swiglu(float *gate, const float *up, size_t n)
{
    for (size_t i = 0; i < n; i++)
        gate[i] = gate[i] * curves_sigmoid(gate[i]) * up[i];
}

const struct kernels kernels_portable = {
    .name = "portable",
    .here = anywhere,
    .add = add,
    .scale = scale,
    .axpy = axpy,
    .dot = dot,
    .sum = sum,
    .dots = dots,
    .mix = mix,
    .exp = exp_less,
    .swiglu = swiglu,
};
