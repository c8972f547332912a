// SPDX-License-Identifier: MIT
// packed_bf16_avx2.c - half a group and four vectors; the control register flushes what
// is too small, as the canonical order asks.
#ifdef __x86_64__

#include <immintrin.h>

#include "worker/tensor/packed_bf16.h"

#define INLINE static inline __attribute__((always_inline))

enum { LANES = 8, VECTORS = 4 };

// The high halves of eight pairs, then the low ones, as floats.
INLINE __m256 high_of(__m256i pairs)
{
    return _mm256_castsi256_ps(_mm256_and_si256(pairs, _mm256_set1_epi32(-0x10000)));
}

INLINE __m256 low_of(__m256i pairs)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(pairs, 16));
}

INLINE __m256i pair_in_all(const uint16_t *x)
{
    int32_t word;
    memcpy(&word, x, sizeof word);
    return _mm256_set1_epi32(word);
}

// Rows j … of half a group with vectors t ….
INLINE void tile(const struct packed_product *p, size_t j, size_t t, size_t n_x)
{
    const uint8_t *w = p->groups + j / PACKED_ROWS * packed_group_bytes(PACKED_BF16, p->n_in)
                       + j % PACKED_ROWS * 4;
    __m256 y[VECTORS];
#pragma GCC unroll 4
    for (size_t k = 0; k < n_x; k++)
        y[k] = _mm256_setzero_ps();
    for (size_t i = 0; i < p->n_in; i += 2, w += 4 * PACKED_ROWS) {
        __m256i pairs = _mm256_load_si256((const void *)w);
#pragma GCC unroll 4
        for (size_t k = 0; k < n_x; k++) {
            __m256i x = pair_in_all(p->x[t + k][i / PACKED_BLOCK].rounded + i % PACKED_BLOCK);
            y[k] = _mm256_fmadd_ps(high_of(pairs), high_of(x), y[k]);
            y[k] = _mm256_fmadd_ps(low_of(pairs), low_of(x), y[k]);
        }
    }
#pragma GCC unroll 4
    for (size_t k = 0; k < n_x; k++) {
        float all[LANES], *to = p->y + (t + k) * p->y_stride + j;
        _mm256_storeu_ps(all, y[k]);
        memcpy(to, all, (p->n_out - j < LANES ? p->n_out - j : LANES) * sizeof *to);
    }
}

// A function of its own, so that no sum leaves the control register's reach.
static __attribute__((noinline)) void all_tiles(const struct packed_product *p)
{
    for (size_t j = 0; j < p->n_out; j += LANES) {
        size_t t = 0;
        for (; t + VECTORS <= p->n_x; t += VECTORS)
            tile(p, j, t, VECTORS);
        for (; t < p->n_x; t++)
            tile(p, j, t, 1);
    }
}

void packed_bf16_avx2(const struct packed_product *p)
{
    unsigned before = _mm_getcsr();
    _mm_setcsr(before | _MM_FLUSH_ZERO_ON | 0x40); // and zeros for subnormal operands
    all_tiles(p);
    _mm_setcsr(before);
}

#else
_Static_assert(1, "nothing here for this machine");
#endif
