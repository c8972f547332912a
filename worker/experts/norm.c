// SPDX-License-Identifier: MIT
#include "worker/experts/norm.h"

#include <math.h>

#include "worker/tensor/kernels.h"

float norm_factor(float squares, size_t n, float eps)
{
    return 1 / sqrtf(squares / (float)n + eps);
}

void norm_apply(const float *x, const float *w, size_t n, float factor, float *y)
{
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] * factor * w[i];
}

void norm_rms(const float *x, const float *w, size_t n, float eps, float *y)
{
    norm_apply(x, w, n, norm_factor(kernels_dot(x, x, n), n, eps), y);
}
