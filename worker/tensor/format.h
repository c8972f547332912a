// SPDX-License-Identifier: MIT
// format.h - the registry of number formats: how weights are stored, and what
// they mean.
//
// A format stores a row of numbers in blocks of `block` elements and `bytes`
// bytes; the numbers are those of ggml's types.  One row of the table and one
// file of worker/tensor/format_*.c per family; nothing else names a format.
//
// Exact numerics: weights become float32 (unpack), activations are float32, and
// a product is kernels_dot's canonical one: 16 lanes, lane i taking elements i,
// i+16, … by one fused multiply-add each, then one fixed tree.  So for every
// format, class of kernels, number of rows and number of vectors
//
//     format_matmul(...)[t][j] == kernels_dot(unpack(row j), x[t], n_in)
//
// bit for bit: a batch's composition and a split by rows change nothing.
//
// Threads    Any; the class of kernels is kernels.h's.

#ifndef WORKER_TENSOR_FORMAT_H
#define WORKER_TENSOR_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

// The largest `block` of all formats, so that callers can size scratch memory.
enum { FORMAT_BLOCK_MAX = 256 };

// ggml's type numbers.
enum format_type {
    FORMAT_F32 = 0,
    FORMAT_F16 = 1,
    FORMAT_Q4_0 = 2,
    FORMAT_Q4_1 = 3,
    FORMAT_Q5_0 = 6,
    FORMAT_Q5_1 = 7,
    FORMAT_Q8_0 = 8,
    FORMAT_Q2_K = 10,
    FORMAT_Q3_K = 11,
    FORMAT_Q4_K = 12,
    FORMAT_Q5_K = 13,
    FORMAT_Q6_K = 14,
    FORMAT_IQ4_NL = 20,
    FORMAT_IQ4_XS = 23,
    FORMAT_BF16 = 30,
    FORMAT_MXFP4 = 39,
};

struct format {
    const char *name; // "Q4_0"
    enum format_type type;
    uint32_t block; // elements of a block
    uint32_t bytes; // bytes of a block
    // n is a multiple of `block`; src and dst may be unaligned where they are bytes.
    void (*unpack)(const void *src, float *dst, size_t n);
    void (*pack)(const float *src, void *dst, size_t n); // NULL: read only
};

const struct format *format_find(uint32_t type);     // NULL: none of ours
const struct format *format_named(const char *name); // any case; NULL: none of ours
const struct format *format_at(size_t i);            // the table's rows; NULL past the last
const char *format_type_name(uint32_t type); // also of ggml types that we lack; "?" unknown

// Bytes of a row of n elements, n a multiple of the block.
size_t format_row_bytes(const struct format *f, size_t n);

// n a multiple of the block; what packing rounds, format_pack.c says.
void format_unpack(const struct format *f, const void *src, float *dst, size_t n);
void format_pack(const struct format *f, const float *src, void *dst, size_t n);

// One row with one vector, exact.
float format_dot(const struct format *f, const void *row, const float *x, size_t n);

// A matrix of `n_out` rows of `n_in` elements, one behind the other, with n_x
// vectors: y[t * y_stride + j] = dot(row j, x + t * x_stride), exact.
struct format_shape {
    size_t n_in;     // a multiple of the format's block
    size_t n_out;    // rows
    size_t n_x;      // vectors
    size_t x_stride; // floats from vector to vector, at least n_in
    size_t y_stride; // floats from result to result, at least n_out
};
void format_matmul(const struct format *f,
                   const void *rows,
                   const struct format_shape *s,
                   const float *x,
                   float *y);

#endif
