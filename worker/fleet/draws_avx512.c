// SPDX-License-Identifier: MIT
// draws_avx512.c - sixteen Philox blocks at once: the same bits as one by one.
#include "worker/fleet/draws.h"

#ifdef __AVX512F__
#include <immintrin.h>

static bool here(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
           && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}

struct lanes {
    __m512i c[4];
};

// High and low halves of sixteen 32-bit products: even lanes and odd lanes apart.
static inline __m512i multiply(__m512i x, __m512i m, __m512i *low)
{
    const __mmask16 odd_lanes = 0xaaaa;
    __m512i even = _mm512_mul_epu32(x, m);
    __m512i odd = _mm512_mul_epu32(_mm512_srli_epi64(x, 32), m);
    *low = _mm512_mask_mov_epi32(even, odd_lanes, _mm512_slli_epi64(odd, 32));
    return _mm512_mask_mov_epi32(_mm512_srli_epi64(even, 32), odd_lanes, odd);
}

static inline __m512i all(uint32_t x)
{
    return _mm512_set1_epi32((int)x);
}

static inline struct lanes philox(struct lanes s, uint64_t seed)
{
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);

    for (int i = 0; i < 10; i++) {
        __m512i low0, low1;
        __m512i high0 = multiply(s.c[0], all(0xD2511F53u), &low0);
        __m512i high1 = multiply(s.c[2], all(0xCD9E8D57u), &low1);
        s.c[0] = _mm512_xor_si512(_mm512_xor_si512(high1, s.c[1]), all(k0));
        s.c[2] = _mm512_xor_si512(_mm512_xor_si512(high0, s.c[3]), all(k1));
        s.c[1] = low1;
        s.c[3] = low0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return s;
}

static inline struct lanes along(uint64_t seed, struct address at)
{
    const __m512i step =
        _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    struct lanes s = {{_mm512_add_epi32(all(at.index), step), all(at.entity), all(at.stream),
                       all(at.episode)}};
    return philox(s, seed);
}

static void run(uint64_t seed, struct address at, uint32_t w[4][DRAWS_LANES])
{
    struct lanes s = along(seed, at);
    for (int k = 0; k < 4; k++)
        _mm512_storeu_si512(w[k], s.c[k]);
}

static void words(uint64_t seed,
                  struct address at,
                  uint32_t word,
                  const uint32_t *entity,
                  uint32_t n,
                  uint32_t *out)
{
    for (uint32_t i = 0; i < n; i += DRAWS_LANES) {
        struct lanes s = {
            {all(at.index), _mm512_loadu_si512(entity + i), all(at.stream), all(at.episode)}};
        s = philox(s, seed);
        _mm512_storeu_si512(out + i, s.c[word]);
    }
}

static inline __m512i thresholds(const uint32_t *lam, uint32_t pct, uint32_t enough)
{
    __m512i low, x = _mm512_min_epu32(_mm512_loadu_si512(lam), all(enough));
    x = _mm512_min_epu32(_mm512_mullo_epi32(x, all(pct)), all(DRAWS_TOP));
    return _mm512_srli_epi32(multiply(x, all(DRAWS_RECIPROCAL), &low), 6);
}

static uint64_t
cells(uint64_t seed, struct address at, struct demand row, uint32_t n, uint8_t *count)
{
    const uint32_t enough = draws_enough(row.pct);
    const __m512i one = all(1);
    __m512i sum = _mm512_setzero_si512();

    for (uint32_t i = 0; i < n; i += DRAWS_LANES, at.index += DRAWS_LANES) {
        struct lanes s = along(seed, at);
        __m512i limit = thresholds(row.lam + i, row.pct, enough), c = _mm512_setzero_si512();
        for (int k = 0; k < 4; k++) {
            __m512i low = _mm512_and_si512(s.c[k], all(0xffff));
            __m512i high = _mm512_srli_epi32(s.c[k], 16);
            c = _mm512_mask_add_epi32(c, _mm512_cmplt_epu32_mask(low, limit), c, one);
            c = _mm512_mask_add_epi32(c, _mm512_cmplt_epu32_mask(high, limit), c, one);
        }
        _mm_storeu_si128((void *)(count + i), _mm512_cvtepi32_epi8(c));
        sum = _mm512_add_epi32(sum, c);
    }
    return (uint64_t)(uint32_t)_mm512_reduce_add_epi32(sum);
}

const struct draws_kernels draws_avx512 = {
    .name = "avx512", .here = here, .run = run, .words = words, .cells = cells};
#else
static bool here(void)
{
    return false;
}

const struct draws_kernels draws_avx512 = {.name = "avx512", .here = here};
#endif
