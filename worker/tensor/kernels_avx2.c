// SPDX-License-Identifier: MIT
#ifdef __x86_64__

#include <immintrin.h>
#include <math.h>

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

const struct kernels kernels_avx2 = {
    .name = "avx2",
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
