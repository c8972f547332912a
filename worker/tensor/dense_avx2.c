// SPDX-License-Identifier: MIT
#ifdef __x86_64__
#include <immintrin.h>

typedef __m256 vf;
#define LANES     8
#define TILE_ROWS 6
#define TILE_COLS 2
#define CLASS     "avx2"
#define TABLE     dense_avx2

static inline vf vf_fma(vf a, vf b, vf c)
{
    return _mm256_fmadd_ps(a, b, c);
}

static inline vf vf_of(float a)
{
    return _mm256_set1_ps(a);
}

#include "worker/tensor/dense_body.h"
#else
_Static_assert(1, "nothing here for this machine");
#endif
