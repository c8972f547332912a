// SPDX-License-Identifier: MIT
#ifdef __x86_64__

#include <immintrin.h>
#include <math.h>
#include <stdint.h>

#include "worker/tensor/curves.h"
#include "worker/tensor/kernels_512.h"
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
    return (__mmask16)(left >= 16 ? all : left ? all >> (16 - left) : 0);
}

AVX512 static void add(float *y, const float *x, size_t n)
{
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        _mm512_storeu_ps(y + i, _mm512_add_ps(_mm512_loadu_ps(y + i), _mm512_loadu_ps(x + i)));
    __mmask16 m = mask_of(n - i);
    __m512 a = _mm512_maskz_loadu_ps(m, y + i), b = _mm512_maskz_loadu_ps(m, x + i);
    _mm512_mask_storeu_ps(y + i, m, _mm512_add_ps(a, b));
}

AVX512 static void scale(float *y, float a, size_t n)
{
    __m512 factor = _mm512_set1_ps(a);
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        _mm512_storeu_ps(y + i, _mm512_mul_ps(_mm512_loadu_ps(y + i), factor));
    __mmask16 m = mask_of(n - i);
    __m512 b = _mm512_maskz_loadu_ps(m, y + i);
    _mm512_mask_storeu_ps(y + i, m, _mm512_mul_ps(b, factor));
}

AVX512 static void axpy(float *y, float a, const float *x, size_t n)
{
    __m512 factor = _mm512_set1_ps(a);
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        _mm512_storeu_ps(
            y + i, _mm512_fmadd_ps(factor, _mm512_loadu_ps(x + i), _mm512_loadu_ps(y + i)));
    __mmask16 m = mask_of(n - i);
    __m512 b = _mm512_maskz_loadu_ps(m, y + i), c = _mm512_maskz_loadu_ps(m, x + i);
    _mm512_mask_storeu_ps(y + i, m, _mm512_fmadd_ps(factor, c, b));
}

// The lanes' sums of one row.  A lane without an element keeps what it has: adding 0
// could turn -0 into 0.
AVX512 static inline __m512 lanes_of(const float *x, const float *y, size_t n)
{
    __m512 acc = _mm512_setzero_ps();
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        acc = _mm512_fmadd_ps(_mm512_loadu_ps(x + i), _mm512_loadu_ps(y + i), acc);
    __mmask16 m = mask_of(n - i);
    __m512 a = _mm512_maskz_loadu_ps(m, x + i), b = _mm512_maskz_loadu_ps(m, y + i);
    return _mm512_mask3_fmadd_ps(a, b, acc, m);
}

AVX512 static float dot(const float *x, const float *y, size_t n)
{
    float lane[KERNEL_LANES];
    _mm512_storeu_ps(lane, lanes_of(x, y, n));
    return kernels_tree(lane);
}

AVX512 static float sum(const float *x, size_t n)
{
    __m512 acc = _mm512_setzero_ps();
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        acc = _mm512_add_ps(acc, _mm512_loadu_ps(x + i));
    __mmask16 m = mask_of(n - i);
    acc = _mm512_mask_add_ps(acc, m, acc, _mm512_maskz_loadu_ps(m, x + i));
    float lane[KERNEL_LANES];
    _mm512_storeu_ps(lane, acc);
    return kernels_tree(lane);
}

AVX512 static void
dots(const float *x, const float *rows, size_t stride, size_t n, size_t width, float *out)
{
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        __m512 acc[16];
#pragma GCC unroll 16
        for (size_t r = 0; r < 16; r++)
            acc[r] = lanes_of(x, rows + (i + r) * stride, width);
        _mm512_storeu_ps(out + i, kernels_trees_512(acc));
    }
    for (; i < n; i++)
        out[i] = dot(x, rows + i * stride, width);
}

AVX512 static void mix(const struct kernels_mix *m)
{
    const __m512 shrink = _mm512_set1_ps(m->shrink);
    for (size_t j = 0; j < m->width; j += 64) {
        __mmask16 mask[4];
        __m512 y[4];
#pragma GCC unroll 4
        for (size_t k = 0; k < 4; k++) {
            size_t at = j + 16 * k;
            mask[k] = at < m->width ? mask_of(m->width - at) : 0;
            y[k] = _mm512_mul_ps(_mm512_maskz_loadu_ps(mask[k], m->y + at), shrink);
        }
        for (size_t i = 0; i < m->n; i++) {
            const float *row = m->rows + i * m->stride + j;
            __m512 w = _mm512_set1_ps(m->w[i]);
#pragma GCC unroll 4
            for (size_t k = 0; k < 4; k++)
                y[k] = _mm512_fmadd_ps(w, _mm512_maskz_loadu_ps(mask[k], row + 16 * k), y[k]);
        }
#pragma GCC unroll 4
        for (size_t k = 0; k < 4; k++)
            _mm512_mask_storeu_ps(m->y + j + 16 * k, mask[k], y[k]);
    }
}

// curves_exp, in its order.
AVX512 static inline __m512 exp_16(__m512 x)
{
    const __m512 magic = _mm512_set1_ps(0x1.8p23F);
    const __m512i bias = _mm512_set1_epi32(127);
    __m512 n = _mm512_sub_ps(
        _mm512_add_ps(_mm512_mul_ps(x, _mm512_set1_ps(0x1.715476p+0F)), magic), magic);
    __m512 r = _mm512_sub_ps(x, _mm512_mul_ps(n, _mm512_set1_ps(0x1.62ep-1F)));
    r = _mm512_sub_ps(r, _mm512_mul_ps(n, _mm512_set1_ps(0x1.0bfbe8p-15F)));
    __m512 q = _mm512_set1_ps(CURVES_EXP_FIRST);
    static const float rest[] = CURVES_EXP_REST;
#pragma GCC unroll 5
    for (size_t i = 0; i < sizeof rest / sizeof rest[0]; i++)
        q = _mm512_add_ps(_mm512_mul_ps(q, r), _mm512_set1_ps(rest[i]));
    __m512 y = _mm512_mul_ps(_mm512_mul_ps(r, r), q);
    y = _mm512_add_ps(_mm512_set1_ps(1), _mm512_add_ps(r, y));
    __m512i k = _mm512_cvttps_epi32(n);
    __m512i half = _mm512_srai_epi32(_mm512_add_epi32(k, _mm512_srli_epi32(k, 31)), 1);
    __m512i a = _mm512_slli_epi32(_mm512_add_epi32(half, bias), 23);
    __m512i b = _mm512_slli_epi32(_mm512_add_epi32(_mm512_sub_epi32(k, half), bias), 23);
    y = _mm512_mul_ps(_mm512_mul_ps(y, _mm512_castsi512_ps(a)), _mm512_castsi512_ps(b));
    __mmask16 small = _mm512_cmp_ps_mask(x, _mm512_set1_ps(CURVES_EXP_LEAST), _CMP_LT_OQ);
    __mmask16 large = _mm512_cmp_ps_mask(x, _mm512_set1_ps(CURVES_EXP_MOST), _CMP_NLT_UQ);
    y = _mm512_mask_mov_ps(y, small, _mm512_setzero_ps());
    y = _mm512_mask_mov_ps(y, large, _mm512_set1_ps(INFINITY));
    return _mm512_mask_mov_ps(y, _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), x);
}

AVX512 static void exp_less(float *p, const float *x, float less, size_t n)
{
    for (size_t i = 0; i < n; i += 16) {
        __mmask16 m = mask_of(n - i);
        __m512 v = _mm512_sub_ps(_mm512_maskz_loadu_ps(m, x + i), _mm512_set1_ps(less));
        _mm512_mask_storeu_ps(p + i, m, exp_16(v));
    }
}

AVX512 static void swiglu(float *gate, const float *up, size_t n)
{
    const __m512 one = _mm512_set1_ps(1), sign = _mm512_set1_ps(-0.0F);
    for (size_t i = 0; i < n; i += 16) {
        __mmask16 m = mask_of(n - i);
        __m512 g = _mm512_maskz_loadu_ps(m, gate + i);
        __m512 s = _mm512_div_ps(one, _mm512_add_ps(one, exp_16(_mm512_xor_ps(g, sign))));
        __m512 y = _mm512_mul_ps(_mm512_mul_ps(g, s), _mm512_maskz_loadu_ps(m, up + i));
        _mm512_mask_storeu_ps(gate + i, m, y);
    }
}

const struct kernels kernels_avx512 = {
    .name = "avx512",
    .here = cpu_has_it,
    .add = add,
    .scale = scale,
    .axpy = axpy,
    .dot = dot,
    .sum = sum,
    .dots = dots,
    .mix = mix,
    .exp = exp_less,
    .swiglu = swiglu,
};

#else
_Static_assert(1, "nothing here for this machine");
#endif
