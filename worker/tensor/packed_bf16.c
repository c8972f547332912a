// SPDX-License-Identifier: MIT
// packed_bf16.c - the reference, and the choice of a class.
#include "worker/tensor/packed_bf16.h"

#include <stdatomic.h>
#include <stdbool.h>

#include "common/rng.h"
#include "worker/tensor/kernels.h"

void packed_bf16_portable(const struct packed_product *p)
{
    size_t group = packed_group_bytes(PACKED_BF16, p->n_in);
    for (size_t t = 0; t < p->n_x; t++)
        for (size_t j = 0; j < p->n_out; j++) {
            const uint8_t *w = p->groups + j / PACKED_ROWS * group + j % PACKED_ROWS * 4;
            float y = 0;
            for (size_t i = 0; i < p->n_in; i += 2, w += 4 * PACKED_ROWS) {
                const uint16_t *x = p->x[t][i / PACKED_BLOCK].rounded + i % PACKED_BLOCK;
                uint16_t half[2];
                memcpy(half, w, sizeof half);
                y = packed_bf16_fma(packed_bf16_float(half[1]), packed_bf16_float(x[1]), y);
                y = packed_bf16_fma(packed_bf16_float(half[0]), packed_bf16_float(x[0]), y);
            }
            p->y[t * p->y_stride + j] = y;
        }
}

#ifdef __x86_64__

// Numbers of all sizes, and of sizes so small that sums are flushed.
static uint16_t any_half(struct rng *r, uint32_t round)
{
    uint64_t exponent = rng_below(r, 16) + (round % 2 ? 120 : 50);
    return (uint16_t)(rng_below(r, 2) << 15 | exponent << 7 | rng_below(r, 128));
}

// The instruction against the reference, once; a machine on which they differ does
// without.
static bool instruction_is_right(void)
{
    enum { N = 2 * PACKED_BLOCK, ROUNDS = 16 };
    _Alignas(PACKED_ALIGN) uint8_t w[2 * N * PACKED_ROWS];
    struct packed_x x[N / PACKED_BLOCK];
    const struct packed_x *row = x;
    float want[PACKED_ROWS], got[PACKED_ROWS];
    struct rng r = rng_at(7, 0, 0, 0);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < N * PACKED_ROWS; i++) {
            uint16_t half = any_half(&r, round);
            memcpy(w + 2 * i, &half, sizeof half);
        }
        for (size_t i = 0; i < N; i++)
            x[i / PACKED_BLOCK].rounded[i % PACKED_BLOCK] = any_half(&r, round);
        struct packed_product p = {.kind = PACKED_BF16,
                                   .groups = w,
                                   .n_in = N,
                                   .n_out = PACKED_ROWS,
                                   .n_x = 1,
                                   .x = &row,
                                   .y = want,
                                   .y_stride = PACKED_ROWS};
        packed_bf16_portable(&p);
        p.y = got;
        packed_bf16_avx512(&p);
        const void *a = want, *b = got;
        if (memcmp(a, b, sizeof want) != 0)
            return false;
    }
    return true;
}

static bool has_instruction(void)
{
    static _Atomic int known; // 1: it has not, 2: it has
    int k = atomic_load_explicit(&known, memory_order_relaxed);
    if (!k) {
        k = 1 + (__builtin_cpu_supports("avx512bf16") && instruction_is_right());
        atomic_store_explicit(&known, k, memory_order_relaxed);
    }
    return k == 2;
}

#endif

void packed_bf16_multiply(const struct packed_product *p)
{
    packed_bf16_fn fn = packed_bf16_portable;
#ifdef __x86_64__
    const char *name = kernels_class();
    if (strcmp(name, "portable") != 0)
        fn = packed_bf16_avx2;
    if (strcmp(name, "avx512") == 0 && has_instruction())
        fn = packed_bf16_avx512;
#endif
    fn(p);
}
