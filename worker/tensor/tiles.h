// SPDX-License-Identifier: MIT
// tiles.h - products with int8 activations (`fast` numerics) over repacked weights.
//
// A matrix is repacked once, sixteen rows side by side, so that a vector lane is
// an output and weights stream through memory in order.  Activations become
// int8 in groups of 32 with one float32 scale each (absmax / 127, round to
// nearest even).  Within a group (16 or 32 elements, as the weights' format has
// scales) products are summed in int32, exactly; over groups every output has
// one ascending chain of fused multiply-adds:
//
//     y = fma((float)isum, w_scale * x_scale, y)
//     y = fma((float)xsum, w_offset * x_scale, y)     formats with an offset
//
// so the bits are the same in every class of kernels, for every number of
// vectors and however the rows are split.
//
// Ownership  Everything is in the caller's memory.
// Threads    Any; splitting a product over threads means splitting its rows (by
//            multiples of TILES_ROWS) or its vectors.

#ifndef WORKER_TENSOR_TILES_H
#define WORKER_TENSOR_TILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/tensor/format.h"

enum { TILES_ROWS = 16, TILES_ALIGN = 64 };

// Whether a matrix of this format with rows of n_in elements can be tiled
// (quantised formats, n_in a multiple of 32); where not, use format_matmul.
bool tiles_can(const struct format *f, size_t n_in);

// Bytes of n_out rows (rounded up to whole tiles), and of one tile of 16 rows.
size_t tiles_bytes(const struct format *f, size_t n_in, size_t n_out);
size_t tiles_stride(const struct format *f, size_t n_in);

// Repack n_out rows; dst is aligned to TILES_ALIGN.  Missing rows of the last
// tile become zero.
void tiles_pack(const struct format *f, const void *rows, size_t n_in, size_t n_out, void *dst);

// n_x vectors as int8; dst is aligned to TILES_ALIGN, tiles_input_bytes long.
// n_in a multiple of 32.  A vector's bytes do not depend on its neighbours, and
// vector t begins at t * tiles_input_bytes(n_in, 1).
size_t tiles_input_bytes(size_t n_in, size_t n_x);
void tiles_input(const float *x, size_t x_stride, size_t n_in, size_t n_x, void *dst);

// y[t * y_stride + j] for all rows and vectors; s->x_stride is not used.
void tiles_matmul(const struct format *f,
                  const void *tiles,
                  const struct format_shape *s,
                  const void *input,
                  float *y);

#endif
