// SPDX-License-Identifier: MIT
#ifdef __x86_64__

#include <immintrin.h>
#include <math.h>

#include "worker/tensor/curves.h"
#include "worker/tensor/kernels_table.h"

#define AVX2 __attribute__((target("avx2,fma")))

static bool cpu_has_it(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

AVX2 static void add(float *y, const float *x, size_t n)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(y + i, _mm256_add_ps(_mm256_loadu_ps(y + i), _mm256_loadu_ps(x + i)));
    for (; i < n; i++)
        y[i] += x[i];
}

AVX2 static void scale(float *y, float a, size_t n)
{
    __m256 factor = _mm256_set1_ps(a);
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(y + i, _mm256_mul_ps(_mm256_loadu_ps(y + i), factor));
    for (; i < n; i++)
        y[i] *= a;
}

AVX2 static void axpy(float *y, float a, const float *x, size_t n)
{
    __m256 factor = _mm256_set1_ps(a);
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(
            y + i, _mm256_fmadd_ps(factor, _mm256_loadu_ps(x + i), _mm256_loadu_ps(y + i)));
    for (; i < n; i++)
        y[i] = fmaf(a, x[i], y[i]);
}

AVX2 static float dot(const float *x, const float *y, size_t n)
{
    __m256 low = _mm256_setzero_ps(), high = low;
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        low = _mm256_fmadd_ps(_mm256_loadu_ps(x + i), _mm256_loadu_ps(y + i), low);
        high = _mm256_fmadd_ps(_mm256_loadu_ps(x + i + 8), _mm256_loadu_ps(y + i + 8), high);
    }
    float lane[KERNEL_LANES];
    _mm256_storeu_ps(lane, low);
    _mm256_storeu_ps(lane + 8, high);
    for (int j = 0; i < n; i++, j++)
        lane[j] = fmaf(x[i], y[i], lane[j]);
    return kernels_tree(lane);
}

AVX2 static float sum(const float *x, size_t n)
{
    __m256 low = _mm256_setzero_ps(), high = low;
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        low = _mm256_add_ps(low, _mm256_loadu_ps(x + i));
        high = _mm256_add_ps(high, _mm256_loadu_ps(x + i + 8));
    }
    float lane[KERNEL_LANES];
    _mm256_storeu_ps(lane, low);
    _mm256_storeu_ps(lane + 8, high);
    for (int j = 0; i < n; i++, j++)
        lane[j] += x[i];
    return kernels_tree(lane);
}

AVX2 static void
dots(const float *x, const float *rows, size_t stride, size_t n, size_t width, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = dot(x, rows + i * stride, width);
}

AVX2 static void mix(const struct kernels_mix *m)
{
    scale(m->y, m->shrink, m->width);
    for (size_t i = 0; i < m->n; i++)
        axpy(m->y, m->w[i], m->rows + i * m->stride, m->width);
}

// curves_exp, in its order.
AVX2 static inline __m256 exp_8(__m256 x)
{
    const __m256 magic = _mm256_set1_ps(0x1.8p23F);
    const __m256i bias = _mm256_set1_epi32(127);
    __m256 n = _mm256_sub_ps(
        _mm256_add_ps(_mm256_mul_ps(x, _mm256_set1_ps(0x1.715476p+0F)), magic), magic);
    __m256 r = _mm256_sub_ps(x, _mm256_mul_ps(n, _mm256_set1_ps(0x1.62ep-1F)));
    r = _mm256_sub_ps(r, _mm256_mul_ps(n, _mm256_set1_ps(0x1.0bfbe8p-15F)));
    __m256 q = _mm256_set1_ps(CURVES_EXP_FIRST);
    static const float rest[] = CURVES_EXP_REST;
    for (size_t i = 0; i < sizeof rest / sizeof rest[0]; i++)
        q = _mm256_add_ps(_mm256_mul_ps(q, r), _mm256_set1_ps(rest[i]));
    __m256 y = _mm256_mul_ps(_mm256_mul_ps(r, r), q);
    y = _mm256_add_ps(_mm256_set1_ps(1), _mm256_add_ps(r, y));
    __m256i k = _mm256_cvttps_epi32(n);
    __m256i half = _mm256_srai_epi32(_mm256_add_epi32(k, _mm256_srli_epi32(k, 31)), 1);
    __m256i a = _mm256_slli_epi32(_mm256_add_epi32(half, bias), 23);
    __m256i b = _mm256_slli_epi32(_mm256_add_epi32(_mm256_sub_epi32(k, half), bias), 23);
    y = _mm256_mul_ps(_mm256_mul_ps(y, _mm256_castsi256_ps(a)), _mm256_castsi256_ps(b));
    __m256 small = _mm256_cmp_ps(x, _mm256_set1_ps(CURVES_EXP_LEAST), _CMP_LT_OQ);
    __m256 large = _mm256_cmp_ps(x, _mm256_set1_ps(CURVES_EXP_MOST), _CMP_NLT_UQ);
    __m256 nan = _mm256_cmp_ps(x, x, _CMP_UNORD_Q);
    y = _mm256_blendv_ps(y, _mm256_setzero_ps(), small);
    y = _mm256_blendv_ps(y, _mm256_set1_ps(INFINITY), large);
    return _mm256_blendv_ps(y, x, nan);
}

AVX2 static void exp_less(float *p, const float *x, float less, size_t n)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(p + i,
                         exp_8(_mm256_sub_ps(_mm256_loadu_ps(x + i), _mm256_set1_ps(less))));
    for (; i < n; i++)
        p[i] = curves_exp(x[i] - less);
}

AVX2 static void swiglu(float *gate, const float *up, size_t n)
{
    const __m256 one = _mm256_set1_ps(1), sign = _mm256_set1_ps(-0.0F);
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256 g = _mm256_loadu_ps(gate + i);
        __m256 s = _mm256_div_ps(one, _mm256_add_ps(one, exp_8(_mm256_xor_ps(g, sign))));
        _mm256_storeu_ps(gate + i, _mm256_mul_ps(_mm256_mul_ps(g, s), _mm256_loadu_ps(up + i)));
    }
    for (; i < n; i++)
        gate[i] = gate[i] * curves_sigmoid(gate[i]) * up[i];
}

const struct kernels kernels_avx2 = {
    .name = "avx2",
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
