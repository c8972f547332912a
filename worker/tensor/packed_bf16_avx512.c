// SPDX-License-Identifier: MIT
// packed_bf16_avx512.c - tiles of two groups and eight vectors, one VDPBF16PS for each
// register of weights and vector.
#ifdef __x86_64__

#include <immintrin.h>

#include "worker/tensor/packed_bf16.h"

#define INLINE static inline __attribute__((always_inline))

enum { GROUPS = 2, VECTORS = 8, RUN = 4 * PACKED_ROWS };

// Where each weight is used once, memory is the limit: it is asked for so many bytes
// ahead, past a group's end in the groups that are read next.
enum { AHEAD = 4096 };

INLINE __m512bh pair_in_all(const uint16_t *x)
{
    int32_t word;
    memcpy(&word, x, sizeof word);
    return (__m512bh)_mm512_set1_epi32(word);
}

// The bytes AHEAD of run i of a group of so many bytes, before `next`.
INLINE const uint8_t *
ahead_of(const uint8_t *group, const uint8_t *next, size_t i, size_t bytes)
{
    size_t at = i * RUN + AHEAD;
    return at < bytes ? group + at : next + (at - bytes);
}

// Rows j … of n_groups groups with vectors t ….
INLINE void
tile(const struct packed_product *p, size_t j, size_t t, size_t n_groups, size_t n_x)
{
    __m512 y[GROUPS][VECTORS];
    const uint8_t *group[GROUPS], *next[GROUPS];
    size_t bytes = packed_group_bytes(PACKED_BF16, p->n_in);
#pragma GCC unroll 2
    for (size_t g = 0; g < n_groups; g++) {
        group[g] = p->groups + (j / PACKED_ROWS + g) * bytes;
        next[g] = p->after && j + GROUPS * PACKED_ROWS >= p->n_out ? p->after + g * bytes
                                                                   : group[g] + GROUPS * bytes;
#pragma GCC unroll 8
        for (size_t k = 0; k < n_x; k++)
            y[g][k] = _mm512_setzero_ps();
    }
    for (size_t i = 0; i < p->n_in / 2; i++) {
        __m512bh w[GROUPS];
#pragma GCC unroll 2
        for (size_t g = 0; g < n_groups; g++) {
            w[g] = (__m512bh)_mm512_load_si512((const void *)(group[g] + i * RUN));
            _mm_prefetch((const char *)ahead_of(group[g], next[g], i, bytes), _MM_HINT_T0);
        }
#pragma GCC unroll 8
        for (size_t k = 0; k < n_x; k++) {
            const struct packed_x *block = &p->x[t + k][2 * i / PACKED_BLOCK];
            __m512bh x = pair_in_all(block->rounded + 2 * i % PACKED_BLOCK);
#pragma GCC unroll 2
            for (size_t g = 0; g < n_groups; g++)
                y[g][k] = _mm512_dpbf16_ps(y[g][k], w[g], x);
        }
    }
#pragma GCC unroll 2
    for (size_t g = 0; g < n_groups; g++) {
        size_t row = j + g * PACKED_ROWS, left = p->n_out - row;
        __mmask16 m = (__mmask16)(left >= PACKED_ROWS ? 0xffff : (1 << left) - 1);
#pragma GCC unroll 8
        for (size_t k = 0; k < n_x; k++)
            _mm512_mask_storeu_ps(p->y + (t + k) * p->y_stride + row, m, y[g][k]);
    }
}

// All vectors with n_groups groups from row j on.
INLINE void strip(const struct packed_product *p, size_t j, size_t n_groups)
{
    size_t t = 0;
    for (; t + VECTORS <= p->n_x; t += VECTORS)
        tile(p, j, t, n_groups, VECTORS);
    if (t + 4 <= p->n_x) {
        tile(p, j, t, n_groups, 4);
        t += 4;
    }
    if (p->n_x - t == 3)
        tile(p, j, t, n_groups, 3);
    else if (p->n_x - t == 2)
        tile(p, j, t, n_groups, 2);
    else if (p->n_x - t == 1)
        tile(p, j, t, n_groups, 1);
}

void packed_bf16_avx512(const struct packed_product *p)
{
    size_t j = 0;
    for (; j + PACKED_ROWS < p->n_out; j += GROUPS * PACKED_ROWS)
        strip(p, j, GROUPS);
    if (j < p->n_out)
        strip(p, j, 1);
}

#else
_Static_assert(1, "nothing here for this machine");
#endif
