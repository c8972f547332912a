// SPDX-License-Identifier: MIT
// curves.h - float32 functions of single elements whose bits do not depend on
// the CPU: multiplications, additions and one table-free polynomial, each rounded
// once, nothing fused.
//
// Threads    Any; pure.

#ifndef WORKER_TENSOR_CURVES_H
#define WORKER_TENSOR_CURVES_H

#include <stddef.h>

// The polynomial of curves_exp, which kernels of more lanes evaluate in the same
// order, from its last coefficient; below LEAST the result is 0, from MOST on infinite.
#define CURVES_EXP_LEAST (-87.3F)
#define CURVES_EXP_MOST  88.72F
#define CURVES_EXP_FIRST 0x1.a01a02p-13F
#define CURVES_EXP_REST                                                                        \
    {                                                                                          \
        0x1.6c16c2p-10F, 0x1.111112p-7F, 0x1.555556p-5F, 0x1.555556p-3F, 0.5F                  \
    }

float curves_exp(float x);     // 1.5 ulp where the result is normal; below that 0
float curves_sigmoid(float x); // 1 / (1 + e^-x)
// gate = gate sigmoid(gate) up, element by element
void curves_swiglu(float *gate, const float *up, size_t n);
// p = e^(s - most); returns their sum in kernels_sum's order
float curves_exp_from(float *p, const float *s, float most, size_t n);

#endif
