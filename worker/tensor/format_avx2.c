// SPDX-License-Identifier: MIT
// format_avx2.c - the reference's unpacking compiled for AVX2, and the product
// in two registers of eight lanes.
#ifdef __x86_64__

#include <immintrin.h>

#include "worker/tensor/format_blocks.h"
#include "worker/tensor/format_table.h"

// Lanes 8 * half … of up to three vectors with the four rows: twelve sums in registers.
static inline __attribute__((always_inline)) void
half_strip(const struct format_strip *s, size_t t, size_t n_x, size_t half)
{
    __m256 sum[3][FORMAT_ROWS];
    float *acc = s->acc + t * FORMAT_ROWS * FORMAT_LANES + 8 * half;
#pragma GCC unroll 4
    for (size_t j = 0; j < n_x; j++)
#pragma GCC unroll 4
        for (size_t r = 0; r < FORMAT_ROWS; r++)
            sum[j][r] = _mm256_loadu_ps(acc + (j * FORMAT_ROWS + r) * FORMAT_LANES);
    for (size_t i = 8 * half; i < s->n; i += FORMAT_LANES) {
        __m256 x[3];
#pragma GCC unroll 4
        for (size_t j = 0; j < n_x; j++)
            x[j] = _mm256_loadu_ps(s->x + (t + j) * s->x_stride + i);
#pragma GCC unroll 4
        for (size_t r = 0; r < FORMAT_ROWS; r++) {
            __m256 w = _mm256_loadu_ps(s->w + r * s->w_stride + i);
#pragma GCC unroll 4
            for (size_t j = 0; j < n_x; j++)
                sum[j][r] = _mm256_fmadd_ps(w, x[j], sum[j][r]);
        }
    }
#pragma GCC unroll 4
    for (size_t j = 0; j < n_x; j++)
#pragma GCC unroll 4
        for (size_t r = 0; r < FORMAT_ROWS; r++)
            _mm256_storeu_ps(acc + (j * FORMAT_ROWS + r) * FORMAT_LANES, sum[j][r]);
}

static void strip(const struct format_strip *s)
{
    for (size_t half = 0; half < 2; half++) {
        size_t t = 0;
        for (; t + 3 <= s->n_x; t += 3)
            half_strip(s, t, 3, half);
        if (s->n_x - t == 2)
            half_strip(s, t, 2, half);
        else if (s->n_x - t == 1)
            half_strip(s, t, 1, half);
    }
}

const struct format_class format_avx2 = {
    BLOCK_UNPACK_ALL,
    .strip = strip,
    .trees = format_trees,
    .pack_f16 = format_pack_f16,
};

#else
_Static_assert(1, "nothing here for this machine");
#endif
