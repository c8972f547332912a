// SPDX-License-Identifier: MIT
// draws_avx2.c - eight Philox blocks at once: the same bits as one by one.
#include "worker/fleet/draws.h"

#ifdef __AVX2__
#include <immintrin.h>

static bool here(void)
{
    return __builtin_cpu_supports("avx2");
}

enum { LANES = 8 };

struct lanes {
    __m256i c[4];
};

// High and low halves of eight 32-bit products: even lanes and odd lanes apart.
static inline __m256i multiply(__m256i x, __m256i m, __m256i *low)
{
    __m256i even = _mm256_mul_epu32(x, m);
    __m256i odd = _mm256_mul_epu32(_mm256_srli_epi64(x, 32), m);
    *low = _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xaa);
    return _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xaa);
}

static inline struct lanes philox(struct lanes s, uint64_t seed)
{
    const __m256i m0 = _mm256_set1_epi32((int)0xD2511F53u);
    const __m256i m1 = _mm256_set1_epi32((int)0xCD9E8D57u);
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);

    for (int i = 0; i < 10; i++) {
        __m256i low0, low1;
        __m256i high0 = multiply(s.c[0], m0, &low0);
        __m256i high1 = multiply(s.c[2], m1, &low1);
        s.c[0] = _mm256_xor_si256(_mm256_xor_si256(high1, s.c[1]), _mm256_set1_epi32((int)k0));
        s.c[2] = _mm256_xor_si256(_mm256_xor_si256(high0, s.c[3]), _mm256_set1_epi32((int)k1));
        s.c[1] = low1;
        s.c[3] = low0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return s;
}

static inline struct lanes along(uint64_t seed, struct address at)
{
    const __m256i step = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    struct lanes s = {{_mm256_add_epi32(_mm256_set1_epi32((int)at.index), step),
                       _mm256_set1_epi32((int)at.entity), _mm256_set1_epi32((int)at.stream),
                       _mm256_set1_epi32((int)at.episode)}};
    return philox(s, seed);
}

static void run(uint64_t seed, struct address at, uint32_t w[4][DRAWS_LANES])
{
    for (int half = 0; half < DRAWS_LANES; half += LANES, at.index += LANES) {
        struct lanes s = along(seed, at);
        for (int k = 0; k < 4; k++)
            _mm256_storeu_si256((void *)(w[k] + half), s.c[k]);
    }
}

static void words(uint64_t seed,
                  struct address at,
                  uint32_t word,
                  const uint32_t *entity,
                  uint32_t n,
                  uint32_t *out)
{
    for (uint32_t i = 0; i < n; i += LANES) {
        struct lanes s = {
            {_mm256_set1_epi32((int)at.index), _mm256_loadu_si256((const void *)(entity + i)),
             _mm256_set1_epi32((int)at.stream), _mm256_set1_epi32((int)at.episode)}};
        s = philox(s, seed);
        _mm256_storeu_si256((void *)(out + i), s.c[word]);
    }
}

static inline __m256i count_below(struct lanes s, __m256i threshold)
{
    const __m256i half = _mm256_set1_epi32(0xffff);
    __m256i n = _mm256_setzero_si256();

    for (int k = 0; k < 4; k++) {
        __m256i low = _mm256_and_si256(s.c[k], half);
        __m256i high = _mm256_srli_epi32(s.c[k], 16);
        n = _mm256_sub_epi32(n, _mm256_cmpgt_epi32(threshold, low));
        n = _mm256_sub_epi32(n, _mm256_cmpgt_epi32(threshold, high));
    }
    return n;
}

static inline __m256i thresholds(const uint32_t *lam, uint32_t pct, uint32_t enough)
{
    __m256i low, x = _mm256_loadu_si256((const void *)lam);
    x = _mm256_min_epu32(x, _mm256_set1_epi32((int)enough));
    x = _mm256_mullo_epi32(x, _mm256_set1_epi32((int)pct));
    x = _mm256_min_epu32(x, _mm256_set1_epi32((int)DRAWS_TOP));
    return _mm256_srli_epi32(multiply(x, _mm256_set1_epi32((int)DRAWS_RECIPROCAL), &low), 6);
}

static uint64_t
cells(uint64_t seed, struct address at, struct demand row, uint32_t n, uint8_t *count)
{
    // Byte 0 of every 32-bit lane, to the front of its half.
    const __m256i pick =
        _mm256_setr_epi8(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0, 4, 8,
                         12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1);
    const uint32_t enough = draws_enough(row.pct);
    uint64_t sum = 0;

    for (uint32_t i = 0; i < n; i += LANES, at.index += LANES) {
        struct lanes s = along(seed, at);
        __m256i c = count_below(s, thresholds(row.lam + i, row.pct, enough));
        c = _mm256_shuffle_epi8(c, pick);
        uint64_t bytes = (uint32_t)_mm256_extract_epi32(c, 0)
                         | (uint64_t)(uint32_t)_mm256_extract_epi32(c, 4) << 32;
        for (int k = 0; k < 8; k++)
            count[i + (uint32_t)k] = (uint8_t)(bytes >> (8 * k));
        sum += (bytes * UINT64_C(0x0101010101010101)) >> 56;
    }
    return sum;
}

const struct draws_kernels draws_avx2 = {
    .name = "avx2", .here = here, .run = run, .words = words, .cells = cells};
#else
static bool here(void)
{
    return false;
}

const struct draws_kernels draws_avx2 = {.name = "avx2", .here = here};
#endif
