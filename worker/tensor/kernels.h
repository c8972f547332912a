// SPDX-License-Identifier: MIT
// kernels.h - float32 vector kernels whose bits do not depend on the CPU.
//
// Three classes: portable C (the reference, fmaf), AVX2 with FMA, AVX-512.
// All follow one canonical order: element-wise operations round once per
// element; reductions run in 16 lanes (lane i takes elements i, i+16, …, each
// by one fused multiply-add or one add), then lanes are added in one fixed
// tree: 0+8 … 7+15, then 4 apart, 2 apart, 1 apart.
//
// The class is chosen at the first call: SHOAL_KERNELS=portable|avx2|avx512
// forces one, else the best the CPU has.
//
// Threads    Any, after kernels_choose.

#ifndef WORKER_TENSOR_KERNELS_H
#define WORKER_TENSOR_KERNELS_H

#include <stddef.h>

#include "common/error.h"

// Choose by SHOAL_KERNELS and the CPU; the worker calls it at start so that a
// wrong value is a message.  ERR_INVALID: no such class; ERR_UNSUPPORTED: the
// CPU lacks it.
MUST_CHECK enum error kernels_choose(struct errtext *t);
// The same with the name given, NULL for the best; tests call it again and again.
MUST_CHECK enum error kernels_force(const char *name, struct errtext *t);
const char *kernels_class(void); // "portable", "avx2", "avx512"

void kernels_add(float *y, const float *x, size_t n);           // y += x
void kernels_scale(float *y, float a, size_t n);                // y *= a
void kernels_axpy(float *y, float a, const float *x, size_t n); // y = fma(a, x, y)
float kernels_dot(const float *x, const float *y, size_t n);
float kernels_sum(const float *x, size_t n);

// out[i] = dot(x, rows + i * stride), n dots of `width` elements
void kernels_dots(
    const float *x, const float *rows, size_t stride, size_t n, size_t width, float *out);
// y *= shrink, then y = fma(w[i], row i, y) for ascending i
struct kernels_mix {
    float *y;
    float shrink;
    const float *w, *rows;
    size_t stride, n, width;
};
void kernels_mix(const struct kernels_mix *m);

// Element by element what curves.h says of one.
void kernels_exp(float *p, const float *x, float less, size_t n); // p = e^(x - less)
void kernels_swiglu(float *gate, const float *up, size_t n);

#endif
