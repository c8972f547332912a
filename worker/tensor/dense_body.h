// SPDX-License-Identifier: MIT
// dense_body.h - the kernels of dense.h, once for each class; private to dense_*.c.
//
// The includer says what a vector is (vf, LANES, vf_fma, vf_of), how many rows and
// vectors a tile of a product has (as the registers allow), and its name.  All else is
// plain loops over independent elements, which the compiler may make as wide as it
// likes: every operation rounds once, nothing is re-ordered.
//
// Threads    Any; pure.

#ifndef WORKER_TENSOR_DENSE_BODY_H
#define WORKER_TENSOR_DENSE_BODY_H

#include <stdint.h>
#include <string.h>

#include "worker/tensor/curves.h"
#include "worker/tensor/dense_table.h"
#include "worker/tensor/kernels_table.h"

#define ALWAYS static inline __attribute__((always_inline))

ALWAYS float fused(float a, float b, float c)
{
    return __builtin_fmaf(a, b, c);
}

#include "worker/tensor/dense_attention.h"
#include "worker/tensor/dense_curves.h"
#include "worker/tensor/dense_matrix.h"
#include "worker/tensor/dense_rows.h"

const struct dense TABLE = {
    .name = CLASS,
    .product = product,
    .sum_rows = sum_rows,
    .tanh = tanh_all,
    .tanh_back = tanh_back,
    .gelu = gelu,
    .gelu_back = gelu_back,
    .mul = mul,
    .mul_back = mul_back,
    .norm = norm,
    .norm_back = norm_back,
    .attention = attention,
    .attention_back = attention_back,
    .laplacian = laplacian,
    .adam = adam,
};

#endif
