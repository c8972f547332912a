// SPDX-License-Identifier: MIT
// kernels_table.h - one class of kernels; private to worker/tensor.
//
// Threads    Read-only.

#ifndef WORKER_TENSOR_KERNELS_TABLE_H
#define WORKER_TENSOR_KERNELS_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "worker/tensor/kernels.h"

enum { KERNEL_LANES = 16 };

struct kernels {
    const char *name;
    bool (*here)(void); // whether this CPU can run it
    void (*add)(float *y, const float *x, size_t n);
    void (*scale)(float *y, float a, size_t n);
    void (*axpy)(float *y, float a, const float *x, size_t n);
    float (*dot)(const float *x, const float *y, size_t n);
    float (*sum)(const float *x, size_t n);
    void (*dots)(
        const float *x, const float *rows, size_t stride, size_t n, size_t width, float *out);
    void (*mix)(const struct kernels_mix *m);
    void (*exp)(float *p, const float *x, float less, size_t n);
    void (*swiglu)(float *gate, const float *up, size_t n);
};

extern const struct kernels kernels_portable;
#ifdef __x86_64__
extern const struct kernels kernels_avx2;
extern const struct kernels kernels_avx512;
#endif

// The fixed tree over the lanes.
static inline float kernels_tree(float lane[KERNEL_LANES])
{
    for (int half = KERNEL_LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            lane[i] += lane[i + half];
    return lane[0];
}

#endif
