// SPDX-License-Identifier: MIT
// packed_avx512.c - tiles of two groups and six vectors: twelve integer and twelve
// float sums in registers, VNNI's products of unsigned and signed bytes.
#ifdef __x86_64__

#include <immintrin.h>

#include "worker/tensor/packed_table.h"

#define INLINE static inline __attribute__((always_inline))

enum { GROUPS = 2, VECTORS = 6 };

// Where each weight is used once, memory is the limit: it is asked for so many blocks
// ahead, past a group's end in the groups that are read next.
enum { AHEAD = 12 };

struct sums {
    __m512i s[GROUPS][VECTORS];
};

struct runs {
    size_t from, to;
};

struct place {
    const uint8_t *group[GROUPS], *next[GROUPS];
    const uint8_t *ahead[GROUPS]; // codes of the block to ask for
    struct packed_parts at;
    const struct packed_x *const *x;
    size_t b;
};

INLINE __m512i four_of(const void *p)
{
    int32_t word;
    memcpy(&word, p, sizeof word);
    return _mm512_set1_epi32(word);
}

// Codes of a run, and of the run four later where two share their bytes.
struct codes {
    __m512i low[GROUPS], high[GROUPS];
};

INLINE struct codes codes_of(const struct place *p, bool four, size_t run, size_t n_groups)
{
    const __m512i low = _mm512_set1_epi8(15);
    size_t bytes = four ? 256 : 512;
    struct codes c;
#pragma GCC unroll 2
    for (size_t g = 0; g < n_groups; g++) {
        const uint8_t *at = p->group[g] + p->at.codes + bytes * p->b + 64 * run;
        __m512i w = _mm512_load_si512((const void *)at);
        _mm_prefetch((const char *)p->ahead[g] + 64 * run, _MM_HINT_T0);
        c.low[g] = four ? _mm512_and_si512(w, low) : w;
        c.high[g] = four ? _mm512_and_si512(_mm512_srli_epi16(w, 4), low) : w;
    }
    return c;
}

INLINE void
add_codes(struct sums *s, const __m512i *w, const int8_t *q, size_t t, size_t n_groups)
{
    __m512i x = four_of(q);
#pragma GCC unroll 2
    for (size_t g = 0; g < n_groups; g++)
        s->s[g][t] = _mm512_dpbusd_epi32(s->s[g][t], w[g], x);
}

// Runs `from` to `to` - 1 of a block of eight-bit codes, or of four-bit ones.
INLINE void add_runs(struct sums *s,
                     const struct place *p,
                     bool four,
                     struct runs r,
                     size_t n_groups,
                     size_t n_x)
{
#pragma GCC unroll 8
    for (size_t run = r.from; run < r.to; run++) {
        struct codes c = codes_of(p, four, run, n_groups);
#pragma GCC unroll 6
        for (size_t t = 0; t < n_x; t++) {
            const int8_t *q = p->x[t][p->b].q;
            add_codes(s, c.low, q + 4 * run, t, n_groups);
            if (four)
                add_codes(s, c.high, q + 16 + 4 * run, t, n_groups);
        }
    }
}

// Half a block of six-bit codes.
INLINE void
add_six(struct sums *s, const struct place *p, int half, size_t n_groups, size_t n_x)
{
    const __m512i four = _mm512_set1_epi8(15), two = _mm512_set1_epi8(0x30);
    __m512i high[GROUPS], c[GROUPS];
#pragma GCC unroll 2
    for (size_t g = 0; g < n_groups; g++) {
        const uint8_t *at = p->group[g] + p->at.codes + 384 * p->b + 256 + 64 * half;
        high[g] = _mm512_load_si512((const void *)at);
        _mm_prefetch((const char *)p->ahead[g] + 256 + 64 * half, _MM_HINT_T0);
    }
#pragma GCC unroll 4
    for (int run = 0; run < 4; run++) {
#pragma GCC unroll 2
        for (size_t g = 0; g < n_groups; g++) {
            const uint8_t *at = p->group[g] + p->at.codes + 384 * p->b + 64 * run;
            __m512i w = _mm512_load_si512((const void *)at);
            __m512i h = run < 2 ? _mm512_slli_epi16(high[g], 4 - 2 * run)
                                : _mm512_srli_epi16(high[g], 2 * run - 4);
            if (!half)
                _mm_prefetch((const char *)p->ahead[g] + 64 * run, _MM_HINT_T0);
            c[g] = _mm512_and_si512(half ? _mm512_srli_epi16(w, 4) : w, four);
            c[g] = _mm512_or_si512(c[g], _mm512_and_si512(h, two));
        }
#pragma GCC unroll 6
        for (size_t t = 0; t < n_x; t++)
            add_codes(s, c, p->x[t][p->b].q + 16 * half + 4 * run, t, n_groups);
    }
}

enum start {
    FROM_ZERO,
    FROM_LESS_8,
    FROM_LESS_128,
    FROM_HALF_0,
    FROM_HALF_1,
    FROM_HALF_0_LESS_32,
    FROM_HALF_1_LESS_32
};

INLINE int32_t start_of(const struct packed_x *x, enum start from)
{
    switch (from) {
    case FROM_LESS_8:
        return x->less_8;
    case FROM_LESS_128:
        return x->less_128;
    case FROM_HALF_0:
        return x->half_less_128[0];
    case FROM_HALF_1:
        return x->half_less_128[1];
    case FROM_HALF_0_LESS_32:
        return x->half_less_128[0] / 4;
    case FROM_HALF_1_LESS_32:
        return x->half_less_128[1] / 4;
    case FROM_ZERO:
        break;
    }
    return 0;
}

INLINE void
begin(struct sums *s, const struct place *p, enum start from, size_t n_groups, size_t n_x)
{
#pragma GCC unroll 6
    for (size_t t = 0; t < n_x; t++) {
        __m512i v = _mm512_set1_epi32(start_of(&p->x[t][p->b], from));
#pragma GCC unroll 2
        for (size_t g = 0; g < n_groups; g++)
            s->s[g][t] = v;
    }
}

// y = fma(scale d, sum, y)
INLINE void finish(const struct sums *s,
                   const struct place *p,
                   const __m512 *scale,
                   __m512 (*y)[VECTORS],
                   size_t n_groups,
                   size_t n_x)
{
#pragma GCC unroll 6
    for (size_t t = 0; t < n_x; t++) {
        __m512 d = _mm512_set1_ps(p->x[t][p->b].d);
#pragma GCC unroll 2
        for (size_t g = 0; g < n_groups; g++)
            y[g][t] = _mm512_fmadd_ps(_mm512_mul_ps(scale[g], d),
                                      _mm512_cvtepi32_ps(s->s[g][t]), y[g][t]);
    }
}

// y = fma(offset d, sum of codes, y); half 2: of all of them.
INLINE void offsets(const struct place *p,
                    const __m512 *offset,
                    int half,
                    __m512 (*y)[VECTORS],
                    size_t n_groups,
                    size_t n_x)
{
#pragma GCC unroll 6
    for (size_t t = 0; t < n_x; t++) {
        const struct packed_x *x = &p->x[t][p->b];
        __m512 d = _mm512_set1_ps(x->d);
        __m512 sum = _mm512_set1_ps((float)(half == 2 ? x->sum : x->half[half]));
#pragma GCC unroll 2
        for (size_t g = 0; g < n_groups; g++)
            y[g][t] = _mm512_fmadd_ps(_mm512_mul_ps(offset[g], d), sum, y[g][t]);
    }
}

INLINE __m512 halves_at(const uint8_t *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const void *)p));
}

INLINE __m512 bytes_at(const uint8_t *p)
{
    return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128((const void *)p)));
}

// One scale for the block.
INLINE void whole_block(enum packed_kind k,
                        const struct place *p,
                        __m512 (*y)[VECTORS],
                        size_t n_groups,
                        size_t n_x)
{
    bool four = k != PACKED_8;
    struct sums s;
    __m512 scale[GROUPS], offset[GROUPS];
    begin(&s, p,
          k == PACKED_4   ? FROM_LESS_8
          : k == PACKED_8 ? FROM_LESS_128
                          : FROM_ZERO,
          n_groups, n_x);
    add_runs(&s, p, four, (struct runs){0, four ? 4 : 8}, n_groups, n_x);
#pragma GCC unroll 2
    for (size_t g = 0; g < n_groups; g++) {
        const uint8_t *at = p->group[g];
        if (k != PACKED_4K) {
            scale[g] = halves_at(at + 32 * p->b);
            continue;
        }
        const uint8_t *half = at + p->b / PACKED_SUPER * 64;
        const uint8_t *small = at + p->at.small + 32 * p->b;
        scale[g] = _mm512_mul_ps(halves_at(half), bytes_at(small));
        offset[g] = _mm512_mul_ps(halves_at(half + 32),
                                  _mm512_sub_ps(_mm512_setzero_ps(), bytes_at(small + 16)));
    }
    finish(&s, p, scale, y, n_groups, n_x);
    if (k == PACKED_4K)
        offsets(p, offset, 2, y, n_groups, n_x);
}

INLINE void
half_six(int half, const struct place *p, __m512 (*y)[VECTORS], size_t n_groups, size_t n_x)
{
    struct sums s;
    __m512 scale[GROUPS];
    begin(&s, p, half ? FROM_HALF_1_LESS_32 : FROM_HALF_0_LESS_32, n_groups, n_x);
    add_six(&s, p, half, n_groups, n_x);
#pragma GCC unroll 2
    for (size_t g = 0; g < n_groups; g++) {
        const uint8_t *small = p->group[g] + p->at.small + 32 * p->b + 16 * half;
        __m512i v = _mm512_cvtepi8_epi32(_mm_loadu_si128((const void *)small));
        scale[g] = _mm512_mul_ps(halves_at(p->group[g] + p->b / PACKED_SUPER * 32),
                                 _mm512_cvtepi32_ps(v));
    }
    finish(&s, p, scale, y, n_groups, n_x);
}

INLINE void half_block(enum packed_kind k,
                       int half,
                       const struct place *p,
                       __m512 (*y)[VECTORS],
                       size_t n_groups,
                       size_t n_x)
{
    struct sums s;
    __m512 scale[GROUPS], offset[GROUPS];
    size_t from = 4 * (size_t)half, at = 64 * (2 * p->b + (size_t)half);
    begin(&s, p, half ? FROM_HALF_1 : FROM_HALF_0, n_groups, n_x);
    add_runs(&s, p, false, (struct runs){from, from + 4}, n_groups, n_x);
#pragma GCC unroll 2
    for (size_t g = 0; g < n_groups; g++) {
        scale[g] = _mm512_loadu_ps((const void *)(p->group[g] + at));
        if (k == PACKED_OFFSET)
            offset[g] = _mm512_loadu_ps((const void *)(p->group[g] + p->at.offset + at));
    }
    finish(&s, p, scale, y, n_groups, n_x);
    if (k == PACKED_OFFSET)
        offsets(p, offset, half, y, n_groups, n_x);
}

// The block AHEAD of this one: its codes, and its scales at once.
INLINE void look_ahead(struct place *p, size_t n, size_t bytes, size_t apart, size_t n_groups)
{
    size_t b = p->b + AHEAD;
    bool past = b >= n;
    b -= past ? n : 0;
#pragma GCC unroll 2
    for (size_t g = 0; g < n_groups; g++) {
        const uint8_t *from = past ? p->next[g] : p->group[g];
        p->ahead[g] = from + p->at.codes + bytes * b;
        _mm_prefetch((const char *)from + apart * b, _MM_HINT_T0);
    }
}

// Rows j … of n_groups groups with vectors t ….
INLINE void tile(enum packed_kind k,
                 const struct packed_product *p,
                 size_t j,
                 size_t t,
                 size_t n_groups,
                 size_t n_x)
{
    __m512 y[GROUPS][VECTORS];
    struct place at = {.at = packed_parts(k, p->n_in), .x = p->x + t};
#pragma GCC unroll 2
    for (size_t g = 0; g < n_groups; g++) {
        at.group[g] = p->groups + (j / PACKED_ROWS + g) * at.at.end;
        at.next[g] = p->after && j + GROUPS * PACKED_ROWS >= p->n_out
                         ? p->after + g * at.at.end
                         : at.group[g] + GROUPS * at.at.end;
#pragma GCC unroll 6
        for (size_t i = 0; i < n_x; i++)
            y[g][i] = _mm512_setzero_ps();
    }
    size_t n = p->n_in / PACKED_BLOCK;
    size_t bytes = (at.at.end - at.at.codes) / n, apart = at.at.codes / n;
    for (; at.b < n; at.b++) {
        look_ahead(&at, n, bytes, apart, n_groups);
        if (k == PACKED_6K) {
            half_six(0, &at, y, n_groups, n_x);
            half_six(1, &at, y, n_groups, n_x);
        } else if (k == PACKED_HALVES || k == PACKED_OFFSET) {
            half_block(k, 0, &at, y, n_groups, n_x);
            half_block(k, 1, &at, y, n_groups, n_x);
        } else {
            whole_block(k, &at, y, n_groups, n_x);
        }
    }
#pragma GCC unroll 2
    for (size_t g = 0; g < n_groups; g++) {
        size_t row = j + g * PACKED_ROWS, left = p->n_out - row;
        __mmask16 m = (__mmask16)(left >= PACKED_ROWS ? 0xffff : (1 << left) - 1);
#pragma GCC unroll 6
        for (size_t i = 0; i < n_x; i++)
            _mm512_mask_storeu_ps(p->y + (t + i) * p->y_stride + row, m, y[g][i]);
    }
}

// All vectors with n_groups groups from row j on.
INLINE void strip(enum packed_kind k, const struct packed_product *p, size_t j, size_t n_groups)
{
    size_t t = 0;
    for (; t + VECTORS <= p->n_x; t += VECTORS)
        tile(k, p, j, t, n_groups, VECTORS);
    switch (p->n_x - t) {
    case 5:
        tile(k, p, j, t, n_groups, 5);
        break;
    case 4:
        tile(k, p, j, t, n_groups, 4);
        break;
    case 3:
        tile(k, p, j, t, n_groups, 3);
        break;
    case 2:
        tile(k, p, j, t, n_groups, 2);
        break;
    case 1:
        tile(k, p, j, t, n_groups, 1);
        break;
    default:
        break;
    }
}

INLINE void rows(enum packed_kind k, const struct packed_product *p)
{
    size_t j = 0;
    for (; j + PACKED_ROWS < p->n_out; j += GROUPS * PACKED_ROWS)
        strip(k, p, j, GROUPS);
    if (j < p->n_out)
        strip(k, p, j, 1);
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

// ---- activations ---------------------------------------------------------------------

// packed_quantise_block, in registers.
INLINE void quantise_block(const float *x, struct packed_x *out)
{
    const __m512i magnitude = _mm512_set1_epi32(0x7fffffff);
    const __m512 magic = _mm512_set1_ps(0x1.8p23F);
    __m512 a = _mm512_loadu_ps(x), b = _mm512_loadu_ps(x + 16);
    __m512i most = _mm512_max_epu32(_mm512_and_si512(_mm512_castps_si512(a), magnitude),
                                    _mm512_and_si512(_mm512_castps_si512(b), magnitude));
    float largest =
        _mm_cvtss_f32(_mm_castsi128_ps(_mm_cvtsi32_si128((int)_mm512_reduce_max_epu32(most))));
    float inverse = largest > 0x1p-110F ? 127 / largest : 0;
    __m512 by = _mm512_set1_ps(inverse);
    a = _mm512_add_ps(_mm512_mul_ps(a, by), magic);
    b = _mm512_add_ps(_mm512_mul_ps(b, by), magic);
    __m256i q = _mm256_set_m128i(_mm512_cvtepi32_epi8(_mm512_castps_si512(b)),
                                 _mm512_cvtepi32_epi8(_mm512_castps_si512(a)));
    __m256i sums = _mm256_dpbusd_epi32(_mm256_setzero_si256(), _mm256_set1_epi8(1), q);
    sums = _mm256_hadd_epi32(sums, sums);
    sums = _mm256_hadd_epi32(sums, sums);
    _mm256_storeu_si256((void *)out->q, q);
    out->d = inverse > 0 ? largest / 127 : 0;
    out->half[0] = _mm256_extract_epi32(sums, 0);
    out->half[1] = _mm256_extract_epi32(sums, 4);
    out->sum = out->half[0] + out->half[1];
    out->less_8 = -8 * out->sum;
    out->less_128 = -128 * out->sum;
    out->half_less_128[0] = -128 * out->half[0];
    out->half_less_128[1] = -128 * out->half[1];
}

static void quantise(const float *x, size_t n, struct packed_x *out)
{
    for (size_t b = 0; b < n / PACKED_BLOCK; b++)
        quantise_block(x + b * PACKED_BLOCK, out + b);
}

const struct packed_class packed_avx512 = {
    .quantise = quantise,
    .round = packed_round_all,
    .multiply = multiply,
};

#else
_Static_assert(1, "nothing here for this machine");
#endif
