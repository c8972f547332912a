// SPDX-License-Identifier: MIT
// format_table.h - the parts of the registry, one class of kernels per table;
// private to worker/tensor.
//
// Threads    Read-only.

#ifndef WORKER_TENSOR_FORMAT_TABLE_H
#define WORKER_TENSOR_FORMAT_TABLE_H

#include <stddef.h>
#include <stdint.h>

enum { FORMAT_LANES = 16, FORMAT_ROWS = 4, FORMAT_GEMV_ROWS = 16, FORMAT_GEMV_STEP = 32 };

typedef void (*format_unpack_fn)(const void *src, float *dst, size_t n);

typedef void (*format_pack_fn)(const float *src, void *dst, size_t n);

// FORMAT_ROWS rows of weights with n_x vectors over n elements, a multiple of
// FORMAT_LANES: lane l of accumulator (t, r) at acc[(t * FORMAT_ROWS + r) * 16 + l]
// goes on by one fma per element.
struct format_strip {
    const float *w;
    size_t w_stride;
    const float *x;
    size_t x_stride;
    size_t n;
    size_t n_x;
    float *acc;
};

// FORMAT_GEMV_ROWS rows with one vector of n_in elements, a multiple of
// FORMAT_GEMV_STEP: y[r] = dot(row r, x).
struct format_gemv {
    const uint8_t *rows;
    size_t row_bytes, n_in;
    const float *x;
    float *y;
};
typedef void (*format_gemv_fn)(const struct format_gemv *g);

struct format_class {
    // Unpacking by the registry's row.
    format_unpack_fn f16, bf16, q4_0, q4_1, q5_0, q5_1, q8_0;
    format_unpack_fn q2_k, q3_k, q4_k, q5_k, q6_k, iq4_nl, iq4_xs, mxfp4;
    void (*strip)(const struct format_strip *s);
    // out[i] = the fixed tree over accumulator i's lanes, for n of them; acc is spoilt.
    void (*trees)(float *acc, size_t n, float *out);
    format_pack_fn pack_f16;
    // By format_type; NULL, or a NULL in it: the general way.
    const format_gemv_fn *gemv;
    size_t n_gemv;
};

// One after the other, for whoever has nothing better.
static inline void format_trees(float *acc, size_t n, float *out)
{
    for (size_t k = 0; k < n; k++, acc += FORMAT_LANES) {
        for (int half = FORMAT_LANES / 2; half > 0; half /= 2)
            for (int i = 0; i < half; i++)
                acc[i] += acc[i + half];
        out[k] = acc[0];
    }
}

extern const struct format_class format_portable;
#ifdef __x86_64__
extern const struct format_class format_avx2;
extern const struct format_class format_avx512;
void format_gemv_f32(const struct format_gemv *g); // those of AVX-512
void format_gemv_f16(const struct format_gemv *g);
void format_gemv_bf16(const struct format_gemv *g);
void format_gemv_q4_0(const struct format_gemv *g);
void format_gemv_q8_0(const struct format_gemv *g);
#endif

// The packers.
void format_pack_f32(const float *src, void *dst, size_t n);
void format_pack_f16(const float *src, void *dst, size_t n);
void format_pack_bf16(const float *src, void *dst, size_t n);
void format_pack_q4_0(const float *src, void *dst, size_t n);
void format_pack_q8_0(const float *src, void *dst, size_t n);
void format_pack_q4_k(const float *src, void *dst, size_t n);

#endif
