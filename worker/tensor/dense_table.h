// SPDX-License-Identifier: MIT
// dense_table.h - one class of dense.h's kernels; private to worker/tensor.
//
// Threads    Read-only.

#ifndef WORKER_TENSOR_DENSE_TABLE_H
#define WORKER_TENSOR_DENSE_TABLE_H

#include "worker/tensor/dense.h"

struct dense {
    const char *name; // as kernels_class says
    void (*product)(const struct dense_product *p);
    void (*sum_rows)(float *y, const float *x, size_t rows, size_t cols, size_t stride);
    void (*tanh)(float *y, const float *x, size_t n);
    void (*tanh_back)(float *dx, const float *y, const float *dy, size_t n);
    void (*gelu)(float *y, const float *x, size_t n);
    void (*gelu_back)(float *dx, const float *x, const float *dy, size_t n);
    void (*mul)(float *y, const float *a, const float *b, size_t n);
    void (*mul_back)(float *dx, const float *a, const float *dy, size_t n);
    void (*norm)(const struct dense_norm *n);
    void (*norm_back)(
        const struct dense_norm *n, const float *dy, float *dx, float *dgain, float *dshift);
    void (*attention)(const struct dense_attention *a);
    void (*attention_back)(const struct dense_attention *a,
                           const struct dense_attention_grad *g);
    void (*laplacian)(float *l, const float *x, size_t n, size_t f);
    void (*adam)(const struct dense_adam *a);
};

extern const struct dense dense_portable;
#ifdef __x86_64__
extern const struct dense dense_avx2;
extern const struct dense dense_avx512;
#endif

#endif
