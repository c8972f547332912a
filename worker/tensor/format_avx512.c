// SPDX-License-Identifier: MIT
// format_avx512.c - formats and products in registers of sixteen lanes.
#ifdef __x86_64__

#include <immintrin.h>

#include "worker/tensor/format.h"
#include "worker/tensor/format_blocks.h"
#include "worker/tensor/format_table.h"
#include "worker/tensor/kernels_512.h"

static void unpack_f16(const void *src, float *dst, size_t n)
{
    const uint8_t *p = src;
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        _mm512_storeu_ps(dst + i,
                         _mm512_cvtph_ps(_mm256_loadu_si256((const void *)(p + 2 * i))));
    block_unpack_f16(p + 2 * i, dst + i, n - i);
}

static void unpack_bf16(const void *src, float *dst, size_t n)
{
    const uint8_t *p = src;
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        __m512i w = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)(p + 2 * i)));
        _mm512_storeu_ps(dst + i, _mm512_castsi512_ps(_mm512_slli_epi32(w, 16)));
    }
    block_unpack_bf16(p + 2 * i, dst + i, n - i);
}

static inline __m512 half_in_all(const uint8_t *p)
{
    return _mm512_cvtph_ps(_mm256_set1_epi16((short)block_u16(p)));
}

// Sixteen code bytes: low nibbles are elements 0 to 15.  The permutation looks at
// four bits only, so the low nibbles need no mask.
static inline void look_up(__m128i codes, __m512 table, float *dst)
{
    __m512i wide = _mm512_cvtepu8_epi32(codes);
    _mm512_storeu_ps(dst, _mm512_permutexvar_ps(wide, table));
    _mm512_storeu_ps(dst + 16, _mm512_permutexvar_ps(_mm512_srli_epi32(wide, 4), table));
}

static inline __m512 from_int8(const int8_t values[16])
{
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const void *)values)));
}

static const int8_t plain[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
static const int8_t centred[16] = {-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7};

static void unpack_q4_0(const void *src, float *dst, size_t n)
{
    const uint8_t *p = src;
    __m512 values = from_int8(centred);
    for (size_t b = 0; b < n / SMALL_BLOCK; b++, p += Q4_0_BYTES, dst += SMALL_BLOCK)
        look_up(_mm_loadu_si128((const void *)(p + 2)), _mm512_mul_ps(half_in_all(p), values),
                dst);
}

static void unpack_q4_1(const void *src, float *dst, size_t n)
{
    const uint8_t *p = src;
    __m512 values = from_int8(plain);
    for (size_t b = 0; b < n / SMALL_BLOCK; b++, p += Q4_1_BYTES, dst += SMALL_BLOCK) {
        __m512 table = _mm512_fmadd_ps(half_in_all(p), values, half_in_all(p + 2));
        look_up(_mm_loadu_si128((const void *)(p + 4)), table, dst);
    }
}

static void unpack_iq4_nl(const void *src, float *dst, size_t n)
{
    const uint8_t *p = src;
    __m512 values = from_int8(block_iq4_values);
    for (size_t b = 0; b < n / SMALL_BLOCK; b++, p += IQ4_NL_BYTES, dst += SMALL_BLOCK)
        look_up(_mm_loadu_si128((const void *)(p + 2)), _mm512_mul_ps(half_in_all(p), values),
                dst);
}

static void unpack_mxfp4(const void *src, float *dst, size_t n)
{
    const uint8_t *p = src;
    __m512 values = from_int8(block_fp4_values);
    for (size_t b = 0; b < n / SMALL_BLOCK; b++, p += MXFP4_BYTES, dst += SMALL_BLOCK) {
        __m512 d = _mm512_set1_ps(block_exponent(p[0]));
        look_up(_mm_loadu_si128((const void *)(p + 1)), _mm512_mul_ps(d, values), dst);
    }
}

static inline __m512 signed_codes(const uint8_t *p)
{
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const void *)p)));
}

static void unpack_q8_0(const void *src, float *dst, size_t n)
{
    const uint8_t *p = src;
    for (size_t b = 0; b < n / SMALL_BLOCK; b++, p += Q8_0_BYTES, dst += SMALL_BLOCK) {
        __m512 d = half_in_all(p);
        _mm512_storeu_ps(dst, _mm512_mul_ps(d, signed_codes(p + 2)));
        _mm512_storeu_ps(dst + 16, _mm512_mul_ps(d, signed_codes(p + 18)));
    }
}

// The low and the high halves of 32 bytes, each looked up in its table.
static inline void store_nibbles(const uint8_t *q, __m512 low, __m512 high, float *dst)
{
    for (int i = 0; i < 32; i += 16) {
        __m512i wide = _mm512_cvtepu8_epi32(_mm_loadu_si128((const void *)(q + i)));
        _mm512_storeu_ps(dst + i, _mm512_permutexvar_ps(wide, low));
        _mm512_storeu_ps(dst + 32 + i, _mm512_permutexvar_ps(_mm512_srli_epi32(wide, 4), high));
    }
}

// A product of scale and code is exact, so a fused subtraction rounds as the
// reference does.
static void unpack_q4_k(const void *src, float *dst, size_t n)
{
    const uint8_t *p = src;
    __m512 values = from_int8(plain);
    for (size_t b = 0; b < n / LARGE_BLOCK; b++, p += Q4_K_BYTES, dst += LARGE_BLOCK) {
        float d = block_d(p), m = block_d(p + 2);
        for (int g = 0; g < 8; g += 2) {
            const uint8_t *q = p + 16 + 16 * g;
            uint32_t s[2], o[2];
            block_k_scales(p + 4, g, &s[0], &o[0]);
            block_k_scales(p + 4, g + 1, &s[1], &o[1]);
            __m512 low = _mm512_fmsub_ps(_mm512_set1_ps(d * (float)s[0]), values,
                                         _mm512_set1_ps(m * (float)o[0]));
            __m512 high = _mm512_fmsub_ps(_mm512_set1_ps(d * (float)s[1]), values,
                                          _mm512_set1_ps(m * (float)o[1]));
            store_nibbles(q, low, high, dst + 32 * g);
        }
    }
}

static void unpack_q6_k(const void *src, float *dst, size_t n)
{
    const uint8_t *p = src;
    const __m512i four = _mm512_set1_epi32(15), two = _mm512_set1_epi32(0x30);
    const __m512 middle = _mm512_set1_ps(32);
    for (size_t b = 0; b < n / LARGE_BLOCK; b++, p += Q6_K_BYTES, dst += LARGE_BLOCK) {
        __m512 scale = _mm512_mul_ps(half_in_all(p + 208), signed_codes(p + 192));
        for (int g = 0; g < 16; g++) {
            int half = g / 8, run = g % 8 / 2, at = g % 2 * 16;
            const uint8_t *l = p + 64 * half + run % 2 * 32 + at, *h = p + 128 + 32 * half + at;
            __m512i low = _mm512_cvtepu8_epi32(_mm_loadu_si128((const void *)l));
            __m512i high = _mm512_cvtepu8_epi32(_mm_loadu_si128((const void *)h));
            low = _mm512_and_si512(_mm512_srli_epi32(low, (unsigned)run / 2 * 4), four);
            high = _mm512_srli_epi32(_mm512_slli_epi32(high, 4), 2 * (unsigned)run);
            __m512i code = _mm512_or_si512(low, _mm512_and_si512(high, two));
            __m512 s = _mm512_permutexvar_ps(_mm512_set1_epi32(g), scale);
            _mm512_storeu_ps(dst + 16 * g,
                             _mm512_mul_ps(s, _mm512_sub_ps(_mm512_cvtepi32_ps(code), middle)));
        }
    }
}

// Up to six vectors with the four rows: twenty-four sums in registers.
static inline __attribute__((always_inline)) void
part(const struct format_strip *s, size_t t, size_t n_x)
{
    __m512 sum[6][FORMAT_ROWS];
    float *acc = s->acc + t * FORMAT_ROWS * FORMAT_LANES;
#pragma GCC unroll 6
    for (size_t j = 0; j < n_x; j++)
#pragma GCC unroll 6
        for (size_t r = 0; r < FORMAT_ROWS; r++)
            sum[j][r] = _mm512_loadu_ps(acc + (j * FORMAT_ROWS + r) * FORMAT_LANES);
    for (size_t i = 0; i < s->n; i += FORMAT_LANES) {
        __m512 w[FORMAT_ROWS];
#pragma GCC unroll 6
        for (size_t r = 0; r < FORMAT_ROWS; r++)
            w[r] = _mm512_loadu_ps(s->w + r * s->w_stride + i);
#pragma GCC unroll 6
        for (size_t j = 0; j < n_x; j++) {
            __m512 x = _mm512_loadu_ps(s->x + (t + j) * s->x_stride + i);
#pragma GCC unroll 6
            for (size_t r = 0; r < FORMAT_ROWS; r++)
                sum[j][r] = _mm512_fmadd_ps(w[r], x, sum[j][r]);
        }
    }
#pragma GCC unroll 6
    for (size_t j = 0; j < n_x; j++)
#pragma GCC unroll 6
        for (size_t r = 0; r < FORMAT_ROWS; r++)
            _mm512_storeu_ps(acc + (j * FORMAT_ROWS + r) * FORMAT_LANES, sum[j][r]);
}

static void strip(const struct format_strip *s)
{
    size_t t = 0;
    for (; t + 6 <= s->n_x; t += 6)
        part(s, t, 6);
    for (; t + 2 <= s->n_x; t += 2)
        part(s, t, 2);
    if (t < s->n_x)
        part(s, t, 1);
}

static void trees(float *acc, size_t n, float *out)
{
    size_t k = 0;
    for (; k + 16 <= n; k += 16) {
        __m512 lanes[16];
#pragma GCC unroll 16
        for (size_t i = 0; i < 16; i++)
            lanes[i] = _mm512_loadu_ps(acc + (k + i) * FORMAT_LANES);
        _mm512_storeu_ps(out + k, kernels_trees_512(lanes));
    }
    format_trees(acc + k * FORMAT_LANES, n - k, out + k);
}

// The instruction rounds to nearest even and keeps NaNs as the packer does.
static void pack_f16(const float *src, void *dst, size_t n)
{
    uint8_t *p = dst;
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        _mm256_storeu_si256((void *)(p + 2 * i),
                            _mm512_cvtps_ph(_mm512_loadu_ps(src + i),
                                            _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
    format_pack_f16(src + i, p + 2 * i, n - i);
}

static const format_gemv_fn gemv[] = {
    [FORMAT_F32] = format_gemv_f32,   [FORMAT_F16] = format_gemv_f16,
    [FORMAT_Q4_0] = format_gemv_q4_0, [FORMAT_Q8_0] = format_gemv_q8_0,
    [FORMAT_BF16] = format_gemv_bf16,
};

const struct format_class format_avx512 = {
    .f16 = unpack_f16,
    .bf16 = unpack_bf16,
    .q4_0 = unpack_q4_0,
    .q4_1 = unpack_q4_1,
    .q5_0 = block_unpack_q5_0,
    .q5_1 = block_unpack_q5_1,
    .q8_0 = unpack_q8_0,
    .q2_k = block_unpack_q2_k,
    .q3_k = block_unpack_q3_k,
    .q4_k = unpack_q4_k,
    .q5_k = block_unpack_q5_k,
    .q6_k = unpack_q6_k,
    .iq4_nl = unpack_iq4_nl,
    .iq4_xs = block_unpack_iq4_xs,
    .mxfp4 = unpack_mxfp4,
    .strip = strip,
    .trees = trees,
    .pack_f16 = pack_f16,
    .gemv = gemv,
    .n_gemv = sizeof gemv / sizeof gemv[0],
};

#else
_Static_assert(1, "nothing here for this machine");
#endif
