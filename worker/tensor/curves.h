// SPDX-License-Identifier: MIT
// curves.h - float32 functions of single elements whose bits do not depend on
// the CPU: multiplications, additions and one table-free polynomial, each rounded
// once, nothing fused.
//
// Threads    Any; pure.

#ifndef WORKER_TENSOR_CURVES_H
#define WORKER_TENSOR_CURVES_H

#include <stddef.h>

float curves_exp(float x);     // 1.5 ulp where the result is normal; below that 0
float curves_sigmoid(float x); // 1 / (1 + e^-x)
// gate = gate sigmoid(gate) up, element by element
void curves_swiglu(float *gate, const float *up, size_t n);
// p = e^(s - most); returns their sum in kernels_sum's order
float curves_exp_from(float *p, const float *s, float most, size_t n);

#endif
