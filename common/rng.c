// SPDX-License-Identifier: MIT
#include "common/rng.h"

#include <assert.h>

#include "common/math.h"

// Multipliers and Weyl constants of Philox4x32 (Salmon et al. 2011).
#define MUL_0  UINT64_C(0xD2511F53)
#define MUL_1  UINT64_C(0xCD9E8D57)
#define WEYL_0 UINT32_C(0x9E3779B9)
#define WEYL_1 UINT32_C(0xBB67AE85)

enum { ROUNDS = 10 };

void rng_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];

    for (int i = 0; i < ROUNDS; i++) {
        uint64_t a = MUL_0 * c0;
        uint64_t b = MUL_1 * c2;
        c0 = (uint32_t)(b >> 32) ^ c1 ^ k0;
        c2 = (uint32_t)(a >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)b;
        c3 = (uint32_t)a;
        k0 += WEYL_0;
        k1 += WEYL_1;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

struct rng rng_at(uint64_t seed, uint32_t entity, uint32_t stream, uint32_t item)
{
    return (struct rng){
        .key = {(uint32_t)seed, (uint32_t)(seed >> 32)},
        .counter = {0, entity, stream, item},
    };
}

uint32_t rng_u32(struct rng *r)
{
    if (r->n_left == 0) {
        rng_philox(r->counter, r->key, r->block);
        r->counter[0]++;
        r->n_left = 4;
    }
    return r->block[4 - r->n_left--];
}

uint64_t rng_u64(struct rng *r)
{
    uint64_t low = rng_u32(r);
    return low | (uint64_t)rng_u32(r) << 32;
}

// High and low half of a * b.
static uint64_t mul_wide(uint64_t a, uint64_t b, uint64_t *low)
{
    __extension__ unsigned __int128 p = (unsigned __int128)a * b;
    *low = (uint64_t)p;
    return (uint64_t)(p >> 64);
}

uint64_t rng_below(struct rng *r, uint64_t n)
{
    assert(n > 0);
    uint64_t low;
    uint64_t high = mul_wide(rng_u64(r), n, &low);
    if (low >= n)
        return high;
    // 2^64 mod n of the low halves belong to no full share: draw again there.
    uint64_t least = (0 - n) % n;
    while (low < least)
        high = mul_wide(rng_u64(r), n, &low);
    return high;
}

double rng_f64(struct rng *r)
{
    return (double)(rng_u64(r) >> 11) * 0x1p-53;
}

double rng_normal(struct rng *r)
{
    // 52 bits, not 53: a cell's centre must be a double, and never 0 or 1.
    return math_probit(((double)(rng_u64(r) >> 12) + 0.5) * 0x1p-52);
}
