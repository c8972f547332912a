// SPDX-License-Identifier: MIT
// packed_bf16.h - products of bfloat16 weights with activations rounded to bfloat16;
// private to worker/tensor.
//
// A group holds n_in / 2 runs of 64 bytes; run i has elements 2 i and 2 i + 1 of row 0,
// of row 1, and so on.  The canonical order is that of VDPBF16PS (Intel's Software
// Developer's Manual, volume 2): the runs ascend in one chain, and in a run
//
//     y = fma(w[2 i + 1], x[2 i + 1], y); y = fma(w[2 i], x[2 i], y)
//
// each rounded to nearest even, where numbers below 2^-126 are zeros of their sign,
// before and after.  So one instruction, or fused multiply-adds and a flush, give the
// same bits; the instruction is used only where it was seen to.
//
// Threads    Read-only.

#ifndef WORKER_TENSOR_PACKED_BF16_H
#define WORKER_TENSOR_PACKED_BF16_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "worker/tensor/packed.h"

static inline float packed_bf16_float(uint16_t half)
{
    uint32_t u = (uint32_t)half << 16;
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

// Smallness is judged before the last bits of a subnormal are lost: what would round up
// to 2^-126 only for want of them is flushed too.
static inline float packed_bf16_fma(float a, float b, float c)
{
    float y = fmaf(a, b, c), size = fabsf(y);
    if (size < 0x1p-126F
        || (size <= 0x1p-126F && fabs((double)a * (double)b + (double)c) < 0x1.fffffep-127))
        return copysignf(0, y);
    return y;
}

void packed_bf16_multiply(const struct packed_product *p); // of the class in use

typedef void (*packed_bf16_fn)(const struct packed_product *p);
void packed_bf16_portable(const struct packed_product *p);
#ifdef __x86_64__
void packed_bf16_avx2(const struct packed_product *p);
void packed_bf16_avx512(const struct packed_product *p); // needs AVX512_BF16
#endif

#endif
