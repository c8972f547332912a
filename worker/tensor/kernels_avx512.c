// SPDX-License-Identifier: MIT
#ifdef __x86_64__

#include <immintrin.h>
#include <stdint.h>

#include "worker/tensor/kernels_table.h"

#define AVX512 __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl")))

static bool cpu_has_it(void)
{
    // The compiler may use all of what the target names.
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")
           && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}

// The lanes of a block of up to 16 elements that exist.
AVX512 static __mmask16 mask_of(size_t left)
{
    uint32_t all = 0xFFFF;
    return (__mmask16)(left >= 16 ? all : all >> (16 - left));
}

AVX512 static void add(float *y, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i += 16) {
        __mmask16 m = mask_of(n - i);
        __m512 a = _mm512_maskz_loadu_ps(m, y + i), b = _mm512_maskz_loadu_ps(m, x + i);
        _mm512_mask_storeu_ps(y + i, m, _mm512_add_ps(a, b));
    }
}

AVX512 static void scale(float *y, float a, size_t n)
{
    __m512 factor = _mm512_set1_ps(a);
    for (size_t i = 0; i < n; i += 16) {
        __mmask16 m = mask_of(n - i);
        __m512 b = _mm512_maskz_loadu_ps(m, y + i);
        _mm512_mask_storeu_ps(y + i, m, _mm512_mul_ps(b, factor));
    }
}

AVX512 static void axpy(float *y, float a, const float *x, size_t n)
{
    __m512 factor = _mm512_set1_ps(a);
    for (size_t i = 0; i < n; i += 16) {
        __mmask16 m = mask_of(n - i);
        __m512 b = _mm512_maskz_loadu_ps(m, y + i), c = _mm512_maskz_loadu_ps(m, x + i);
        _mm512_mask_storeu_ps(y + i, m, _mm512_fmadd_ps(factor, c, b));
    }
}

// A lane without an element keeps what it has: adding 0 could turn -0 into 0.
AVX512 static float dot(const float *x, const float *y, size_t n)
{
    __m512 acc = _mm512_setzero_ps();
    for (size_t i = 0; i < n; i += 16) {
        __mmask16 m = mask_of(n - i);
        __m512 a = _mm512_maskz_loadu_ps(m, x + i), b = _mm512_maskz_loadu_ps(m, y + i);
        acc = _mm512_mask3_fmadd_ps(a, b, acc, m);
    }
    float lane[KERNEL_LANES];
    _mm512_storeu_ps(lane, acc);
    return kernels_tree(lane);
}

AVX512 static float sum(const float *x, size_t n)
{
    __m512 acc = _mm512_setzero_ps();
    for (size_t i = 0; i < n; i += 16) {
        __mmask16 m = mask_of(n - i);
        acc = _mm512_mask_add_ps(acc, m, acc, _mm512_maskz_loadu_ps(m, x + i));
    }
    float lane[KERNEL_LANES];
    _mm512_storeu_ps(lane, acc);
    return kernels_tree(lane);
}

const struct kernels kernels_avx512 = {
    .name = "avx512",
    .here = cpu_has_it,
    .add = add,
    .scale = scale,
    .axpy = axpy,
    .dot = dot,
    .sum = sum,
};

#else
_Static_assert(1, "nothing here for this machine");
#endif
