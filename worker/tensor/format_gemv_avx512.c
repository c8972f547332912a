// SPDX-License-Identifier: MIT
// format_gemv_avx512.c - sixteen rows with one vector, weights unpacked in registers.
//
// Where each weight is used once, writing it down as a float first costs more than the
// product.  Lanes are the canonical ones: a block's first sixteen elements, then its
// last.  Four rows at a time keep four chains of additions busy; sixteen give a full
// register of trees.
#ifdef __x86_64__

#include <immintrin.h>

#include "worker/tensor/format_blocks.h"
#include "worker/tensor/format_table.h"
#include "worker/tensor/kernels_512.h"

#define INLINE static inline __attribute__((always_inline))

enum { ABREAST = 4, STEP = SMALL_BLOCK, NEAR = 1 << 14, FURTHER = 1024 };

// 32 elements of a row with their part of the vector.
struct pair {
    __m512 low, high;
};

INLINE struct pair floats_at(const uint8_t *p)
{
    return (struct pair){_mm512_loadu_ps(p), _mm512_loadu_ps(p + 64)};
}

INLINE struct pair f16_at(const uint8_t *p)
{
    return (struct pair){_mm512_cvtph_ps(_mm256_loadu_si256((const void *)p)),
                         _mm512_cvtph_ps(_mm256_loadu_si256((const void *)(p + 32)))};
}

INLINE __m512 wide_bf16(const uint8_t *p)
{
    __m512i w = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)p));
    return _mm512_castsi512_ps(_mm512_slli_epi32(w, 16));
}

INLINE struct pair bf16_at(const uint8_t *p)
{
    return (struct pair){wide_bf16(p), wide_bf16(p + 32)};
}

INLINE __m512 half_in_all(const uint8_t *p)
{
    return _mm512_cvtph_ps(_mm256_set1_epi16((short)block_u16(p)));
}

INLINE struct pair q4_0_at(const uint8_t *p)
{
    const __m512 values =
        _mm512_setr_ps(-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7);
    __m512 table = _mm512_mul_ps(half_in_all(p), values);
    __m512i wide = _mm512_cvtepu8_epi32(_mm_loadu_si128((const void *)(p + 2)));
    return (struct pair){_mm512_permutexvar_ps(wide, table),
                         _mm512_permutexvar_ps(_mm512_srli_epi32(wide, 4), table)};
}

INLINE __m512 signed_codes(const uint8_t *p)
{
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const void *)p)));
}

INLINE struct pair q8_0_at(const uint8_t *p)
{
    __m512 d = half_in_all(p);
    return (struct pair){_mm512_mul_ps(d, signed_codes(p + 2)),
                         _mm512_mul_ps(d, signed_codes(p + 18))};
}

typedef struct pair (*unpack_fn)(const uint8_t *p);

// STEP elements of a row, which `bytes` hold, onto its sum.
INLINE __m512 add_step(__m512 sum,
                       const uint8_t *at,
                       const struct pair *x,
                       unpack_fn unpack,
                       size_t bytes,
                       size_t ahead)
{
    struct pair w = unpack(at);
    _mm_prefetch((const char *)at + ahead, _MM_HINT_T0);
    if (bytes > 64)
        _mm_prefetch((const char *)at + ahead + 64, _MM_HINT_T0);
    sum = _mm512_fmadd_ps(w.low, x->low, sum);
    return _mm512_fmadd_ps(w.high, x->high, sum);
}

// `bytes` of STEP elements.  Memory is the limit: what the next rows hold at the same
// place is asked for, or what comes further on in long ones.
INLINE void multiply(const struct format_gemv *g, unpack_fn unpack, size_t bytes)
{
    __m512 acc[FORMAT_GEMV_ROWS];
    size_t ahead = ABREAST * g->row_bytes <= NEAR ? ABREAST * g->row_bytes : FURTHER;
#pragma GCC unroll 4
    for (size_t from = 0; from < FORMAT_GEMV_ROWS; from += ABREAST) {
        const uint8_t *p = g->rows + from * g->row_bytes;
        __m512 sum[ABREAST];
#pragma GCC unroll 4
        for (size_t r = 0; r < ABREAST; r++)
            sum[r] = _mm512_setzero_ps();
        for (size_t i = 0; i < g->n_in; i += STEP, p += bytes) {
            struct pair x = {_mm512_loadu_ps(g->x + i), _mm512_loadu_ps(g->x + i + 16)};
#pragma GCC unroll 4
            for (size_t r = 0; r < ABREAST; r++)
                sum[r] = add_step(sum[r], p + r * g->row_bytes, &x, unpack, bytes, ahead);
        }
#pragma GCC unroll 4
        for (size_t r = 0; r < ABREAST; r++)
            acc[from + r] = sum[r];
    }
    _mm512_storeu_ps(g->y, kernels_trees_512(acc));
}

void format_gemv_f32(const struct format_gemv *g)
{
    multiply(g, floats_at, STEP * sizeof(float));
}

void format_gemv_f16(const struct format_gemv *g)
{
    multiply(g, f16_at, STEP * sizeof(uint16_t));
}

void format_gemv_bf16(const struct format_gemv *g)
{
    multiply(g, bf16_at, STEP * sizeof(uint16_t));
}

void format_gemv_q4_0(const struct format_gemv *g)
{
    multiply(g, q4_0_at, Q4_0_BYTES);
}

void format_gemv_q8_0(const struct format_gemv *g)
{
    multiply(g, q8_0_at, Q8_0_BYTES);
}

#else
_Static_assert(1, "nothing here for this machine");
#endif
