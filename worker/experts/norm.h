// SPDX-License-Identifier: MIT
// norm.h - RMSNorm.
//
// Threads    Any; pure.

#ifndef WORKER_EXPERTS_NORM_H
#define WORKER_EXPERTS_NORM_H

#include <stddef.h>

// y = x / sqrt(mean x^2 + eps) w over n numbers; y may be x.
void norm_rms(const float *x, const float *w, size_t n, float eps, float *y);
// 1 / sqrt(squares / n + eps)
float norm_factor(float squares, size_t n, float eps);
// y = x factor w
void norm_apply(const float *x, const float *w, size_t n, float factor, float *y);

#endif
