// SPDX-License-Identifier: MIT
// packed_avx2.c - eight rows at a time with up to four vectors.
//
// The instruction that multiplies bytes adds pairs in sixteen bits: four-bit codes
// cannot overflow there; those of eight bits give their signs to the activations.
#ifdef __x86_64__

#include <immintrin.h>

#include "worker/tensor/packed_table.h"

#define INLINE static inline __attribute__((always_inline))

enum { VECTORS = 4, LANES = 8 };

// Eight rows of a group; `lane` is the first, 0 or 8.
struct place {
    const uint8_t *group;
    struct packed_parts at;
    const struct packed_x *const *x;
    size_t b, lane;
};

INLINE __m256i four_of(const void *p)
{
    int32_t word;
    memcpy(&word, p, sizeof word);
    return _mm256_set1_epi32(word);
}

INLINE __m256i add_products(__m256i sum, __m256i w, __m256i x)
{
    __m256i pairs = _mm256_maddubs_epi16(w, x);
    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

INLINE void add_four(const struct place *p, __m256i *s, size_t n_x)
{
    const __m256i low = _mm256_set1_epi8(15);
    const uint8_t *codes = p->group + p->at.codes + 256 * p->b + 4 * p->lane;
#pragma GCC unroll 4
    for (size_t run = 0; run < 4; run++) {
        __m256i w = _mm256_load_si256((const void *)(codes + 64 * run));
        __m256i high = _mm256_and_si256(_mm256_srli_epi16(w, 4), low);
        w = _mm256_and_si256(w, low);
#pragma GCC unroll 4
        for (size_t t = 0; t < n_x; t++) {
            const int8_t *q = p->x[t][p->b].q + 4 * run;
            s[t] = add_products(s[t], w, four_of(q));
            s[t] = add_products(s[t], high, four_of(q + 16));
        }
    }
}

INLINE void add_eight(const struct place *p, size_t from, size_t to, __m256i *s, size_t n_x)
{
    const __m256i bias = _mm256_set1_epi8(-128);
    const uint8_t *codes = p->group + p->at.codes + 512 * p->b + 4 * p->lane;
#pragma GCC unroll 8
    for (size_t run = from; run < to; run++) {
        __m256i w = _mm256_load_si256((const void *)(codes + 64 * run));
        w = _mm256_xor_si256(w, bias);
        __m256i size = _mm256_abs_epi8(w);
#pragma GCC unroll 4
        for (size_t t = 0; t < n_x; t++) {
            __m256i x = four_of(p->x[t][p->b].q + 4 * run);
            s[t] = add_products(s[t], size, _mm256_sign_epi8(x, w));
        }
    }
}

INLINE void finish(const struct place *p, const __m256i *s, __m256 scale, __m256 *y, size_t n_x)
{
#pragma GCC unroll 4
    for (size_t t = 0; t < n_x; t++)
        y[t] = _mm256_fmadd_ps(_mm256_mul_ps(scale, _mm256_set1_ps(p->x[t][p->b].d)),
                               _mm256_cvtepi32_ps(s[t]), y[t]);
}

INLINE void offsets(const struct place *p, __m256 offset, int half, __m256 *y, size_t n_x)
{
#pragma GCC unroll 4
    for (size_t t = 0; t < n_x; t++) {
        const struct packed_x *x = &p->x[t][p->b];
        __m256 sum = _mm256_set1_ps((float)(half == 2 ? x->sum : x->half[half]));
        y[t] = _mm256_fmadd_ps(_mm256_mul_ps(offset, _mm256_set1_ps(x->d)), sum, y[t]);
    }
}

// Half a block of six-bit codes, whose sums begin at -32 times the activations' codes.
INLINE void add_six(const struct place *p, int half, __m256i *s, size_t n_x)
{
    const __m256i four = _mm256_set1_epi8(15), two = _mm256_set1_epi8(0x30);
    const uint8_t *codes = p->group + p->at.codes + 384 * p->b + 4 * p->lane;
    __m256i high = _mm256_load_si256((const void *)(codes + 256 + 64 * half));
#pragma GCC unroll 4
    for (int run = 0; run < 4; run++) {
        __m256i w = _mm256_load_si256((const void *)(codes + 64 * run));
        w = _mm256_and_si256(half ? _mm256_srli_epi16(w, 4) : w, four);
        __m256i h = run < 2 ? _mm256_slli_epi16(high, 4 - 2 * run)
                            : _mm256_srli_epi16(high, 2 * run - 4);
        w = _mm256_or_si256(w, _mm256_and_si256(h, two));
#pragma GCC unroll 4
        for (size_t t = 0; t < n_x; t++)
            s[t] = add_products(s[t], w, four_of(p->x[t][p->b].q + 16 * half + 4 * run));
    }
}

INLINE __m256 halves_at(const uint8_t *p)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const void *)p));
}

INLINE __m256 bytes_at(const uint8_t *p)
{
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)p)));
}

INLINE void whole_block(enum packed_kind k, const struct place *p, __m256 *y, size_t n_x)
{
    __m256i s[VECTORS];
#pragma GCC unroll 4
    for (size_t t = 0; t < n_x; t++)
        s[t] = _mm256_set1_epi32(k == PACKED_4 ? p->x[t][p->b].less_8 : 0);
    if (k == PACKED_8)
        add_eight(p, 0, 8, s, n_x);
    else
        add_four(p, s, n_x);
    if (k != PACKED_4K) {
        finish(p, s, halves_at(p->group + 32 * p->b + 2 * p->lane), y, n_x);
        return;
    }
    const uint8_t *half = p->group + p->b / PACKED_SUPER * 64 + 2 * p->lane;
    const uint8_t *small = p->group + p->at.small + 32 * p->b + p->lane;
    __m256 less = _mm256_sub_ps(_mm256_setzero_ps(), bytes_at(small + 16));
    finish(p, s, _mm256_mul_ps(halves_at(half), bytes_at(small)), y, n_x);
    offsets(p, _mm256_mul_ps(halves_at(half + 32), less), 2, y, n_x);
}

INLINE void
half_block(enum packed_kind k, int half, const struct place *p, __m256 *y, size_t n_x)
{
    __m256i s[VECTORS];
    size_t from = 4 * (size_t)half, at = 64 * (2 * p->b + (size_t)half) + 4 * p->lane;
#pragma GCC unroll 4
    for (size_t t = 0; t < n_x; t++)
        s[t] = _mm256_set1_epi32(k == PACKED_6K ? p->x[t][p->b].half_less_128[half] / 4 : 0);
    if (k == PACKED_6K) {
        const uint8_t *small = p->group + p->at.small + 32 * p->b + 16 * half + p->lane;
        __m256i scale = _mm256_cvtepi8_epi32(_mm_loadl_epi64((const void *)small));
        add_six(p, half, s, n_x);
        finish(p, s,
               _mm256_mul_ps(halves_at(p->group + p->b / PACKED_SUPER * 32 + 2 * p->lane),
                             _mm256_cvtepi32_ps(scale)),
               y, n_x);
        return;
    }
    add_eight(p, from, from + 4, s, n_x);
    finish(p, s, _mm256_loadu_ps((const void *)(p->group + at)), y, n_x);
    if (k == PACKED_OFFSET)
        offsets(p, _mm256_loadu_ps((const void *)(p->group + p->at.offset + at)), half, y, n_x);
}

// Rows j to j + 7 with vectors t ….
INLINE void
tile(enum packed_kind k, const struct packed_product *p, size_t j, size_t t, size_t n_x)
{
    __m256 y[VECTORS];
    struct place at = {.at = packed_parts(k, p->n_in), .x = p->x + t, .lane = j % PACKED_ROWS};
    at.group = p->groups + j / PACKED_ROWS * at.at.end;
#pragma GCC unroll 4
    for (size_t i = 0; i < n_x; i++)
        y[i] = _mm256_setzero_ps();
    size_t n = p->n_in / PACKED_BLOCK;
    for (; at.b < n; at.b++) {
        if (k == PACKED_6K || k == PACKED_HALVES || k == PACKED_OFFSET) {
            half_block(k, 0, &at, y, n_x);
            half_block(k, 1, &at, y, n_x);
        } else {
            whole_block(k, &at, y, n_x);
        }
    }
    size_t left = p->n_out - j < LANES ? p->n_out - j : LANES;
#pragma GCC unroll 4
    for (size_t i = 0; i < n_x; i++) {
        float out[LANES];
        _mm256_storeu_ps(out, y[i]);
        memcpy(p->y + (t + i) * p->y_stride + j, out, left * sizeof out[0]);
    }
}

INLINE void rows(enum packed_kind k, const struct packed_product *p)
{
    for (size_t j = 0; j < p->n_out; j += LANES) {
        size_t t = 0;
        for (; t + VECTORS <= p->n_x; t += VECTORS)
            tile(k, p, j, t, VECTORS);
        for (; t + 2 <= p->n_x; t += 2)
            tile(k, p, j, t, 2);
        if (t < p->n_x)
            tile(k, p, j, t, 1);
    }
}

static void multiply(const struct packed_product *p)
{
    switch (p->kind) {
    case PACKED_4:
        rows(PACKED_4, p);
        break;
    case PACKED_8:
        rows(PACKED_8, p);
        break;
    case PACKED_4K:
        rows(PACKED_4K, p);
        break;
    case PACKED_6K:
        rows(PACKED_6K, p);
        break;
    case PACKED_HALVES:
        rows(PACKED_HALVES, p);
        break;
    case PACKED_OFFSET:
        rows(PACKED_OFFSET, p);
        break;
    case PACKED_BF16:
    case PACKED_NONE:
        break;
    }
}

const struct packed_class packed_avx2 = {
    .quantise = packed_quantise_all,
    .round = packed_round_all,
    .multiply = multiply,
};

#else
_Static_assert(1, "nothing here for this machine");
#endif
