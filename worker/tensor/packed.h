// SPDX-License-Identifier: MIT
// packed.h - products of quantised weights with activations of eight bits.
//
// Weights are packed once, at load: groups of sixteen rows side by side, four
// elements of each row together, so that a register holds a result of sixteen rows
// and no code is unpacked by more than a mask.  Activations are quantised in blocks
// of 32: a float scale d = (largest magnitude) / 127 and codes that round to nearest
// even.
//
// Fast numerics, the canonical order: within a block codes are multiplied and added
// as integers, which is exact; blocks ascend in one chain of fused multiply-adds a
// result, from 0:
//
//     one scale s a block   y = fma(s d, sum of codes' products, y)
//     scale and offset      the same, then y = fma(o d, sum of activations' codes, y)
//     two halves of 16      the first half's, then the second half's
//
// Weights of bfloat16 take activations rounded to bfloat16 instead, two elements of each
// row together, in the order of packed_bf16.h.
//
// where s and o are the format's own scale and offset, exact in float32.  So a result
// is a function of its row and its vector: not of the class of kernels, the rows and
// vectors beside it, or who made it.
//
// Threads    Any; the class of kernels is kernels.h's.

#ifndef WORKER_TENSOR_PACKED_H
#define WORKER_TENSOR_PACKED_H

#include <stddef.h>
#include <stdint.h>

#include "worker/tensor/format.h"

enum { PACKED_ROWS = 16, PACKED_BLOCK = 32, PACKED_ALIGN = 64 };

enum packed_kind {
    PACKED_NONE,   // floats: no integer products
    PACKED_4,      // four bits less 8, a half as scale
    PACKED_8,      // eight bits, a half as scale
    PACKED_4K,     // four bits, scale and offset of six bits under halves of 256 elements
    PACKED_6K,     // six bits less 32, a scale of eight bits for every sixteen elements, a half
                   // above it for 256
    PACKED_HALVES, // eight bits, a float scale for every sixteen elements
    PACKED_OFFSET, // the same and a float offset
    PACKED_BF16,   // no codes: bfloat16
};
enum packed_kind packed_kind(const struct format *f);

// Of one group, a multiple of PACKED_ALIGN.  n_in is a multiple of the format's block.
size_t packed_group_bytes(enum packed_kind k, size_t n_in);
// Pack up to PACKED_ROWS rows into a group; the rest of it gives 0.
void packed_fill(
    const struct format *f, const uint8_t *rows, size_t n_rows, size_t n_in, uint8_t *group);

// A block of activations, a cache line.
struct packed_x {
    union {
        struct {
            int8_t q[PACKED_BLOCK];
            float d;
            int32_t sum, half[2];     // of the codes, and of their halves
            int32_t less_8, less_128; // -8 and -128 times the sum
            int32_t half_less_128[2]; // -128 times the halves'
        };
        uint16_t rounded[PACKED_BLOCK]; // for PACKED_BF16
    };
};
// n a multiple of PACKED_BLOCK; n / PACKED_BLOCK blocks.
void packed_quantise(const float *x, size_t n, struct packed_x *out);
void packed_round(const float *x, size_t n, struct packed_x *out); // for PACKED_BF16

// n_out rows from a group's first on, with n_x vectors: y[t * y_stride + j].
struct packed_product {
    enum packed_kind kind;
    const uint8_t *groups; // aligned
    size_t n_in, n_out, n_x;
    const struct packed_x *const *x; // [n_x]
    float *y;
    size_t y_stride;
    const uint8_t *after; // groups of this kind that are read next, if not those behind
};
void packed_multiply(const struct packed_product *p);

#endif
