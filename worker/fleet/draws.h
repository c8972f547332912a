// SPDX-License-Identifier: MIT
// draws.h - the randomness of a day, by address (specification fleet/1, section 2).
//
// Philox4x32-10; the key is the 64-bit seed, the counter (index, entity, stream,
// episode).  Runs of blocks are drawn in lanes (AVX2, AVX-512) where the CPU has them; the bits
// are the same.
//
// Threads    Any; draws_choose once before.

#ifndef WORKER_FLEET_DRAWS_H
#define WORKER_FLEET_DRAWS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/rng.h"

enum stream {
    STREAM_LAYOUT = 1,
    STREAM_PLACE = 2,
    STREAM_DEMAND = 3,
    STREAM_OD = 4,
    STREAM_TOD_MEAN = 5,
    STREAM_TOD = 6,
    STREAM_CLOSURE = 7,
    STREAM_FAILURE = 8,
    STREAM_POLICY = 9,
    STREAM_CAFE = 10, // + 256 · tier
    STREAM_GA_START = 11,
    STREAM_GA = 12,
    STREAM_PPO = 13,
};

struct address {
    uint32_t index, entity, stream, episode;
};

static inline void draws_block(uint64_t seed, struct address at, uint32_t w[4])
{
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    const uint32_t counter[4] = {at.index, at.entity, at.stream, at.episode};
    rng_philox(counter, key, w);
}

// An integer in [0, n) from 32 random bits.
static inline int64_t draws_scale(uint32_t u, int64_t n)
{
    return (int64_t)(((uint64_t)u * (uint64_t)n) >> 32);
}

// Bernoulli(ppm) is u < draws_threshold(ppm).
static inline uint64_t draws_threshold(int64_t ppm)
{
    return ((uint64_t)ppm << 32) / 1000000;
}

enum { DRAWS_LANES = 16 };
static inline uint32_t draws_padded(uint32_t n)
{
    return (n + DRAWS_LANES - 1) / DRAWS_LANES * DRAWS_LANES;
}

// What a row of demand expects: `lam` (Q16) times `pct` per cent.  A cell's threshold is
// min(lam · pct / 100, 8 << 16) >> 3 (6.3), that is floor(x / 800) of x = lam · pct, with
// lam cut at the least that reaches the top, so that 32 bits hold x.  In lanes the
// quotient is the high half of x · RECIPROCAL, >> 6: exact for x below 2^30.
struct demand {
    const uint32_t *lam; // [n]
    uint32_t pct;        // at most DRAWS_PCT_MAX
};
enum { DRAWS_PCT_MAX = 1 << 20 };
#define DRAWS_TOP        (UINT32_C(800) << 16)
#define DRAWS_RECIPROCAL UINT32_C(343597384) // ceil(2^38 / 800)
static inline uint32_t draws_enough(uint32_t pct)
{
    return pct ? (DRAWS_TOP + pct - 1) / pct : 0;
}

struct draws_kernels {
    const char *name;
    bool (*here)(void);
    // Sixteen blocks at index .. index + 15: w[k][lane] is word k.
    void (*run)(uint64_t seed, struct address at, uint32_t w[4][DRAWS_LANES]);
    // Word `word` of the blocks of n entities (a multiple of 16) at one index.
    void (*words)(uint64_t seed,
                  struct address at,
                  uint32_t word,
                  const uint32_t *entity,
                  uint32_t n,
                  uint32_t *out);
    // How many of the eight half-words of blocks index .. index + n - 1 (n a multiple of
    // 16) lie below their cell's threshold; returns the sum.
    uint64_t (*cells)(
        uint64_t seed, struct address at, struct demand row, uint32_t n, uint8_t *count);
};

extern const struct draws_kernels draws_portable, draws_avx2, draws_avx512;
// The widest the CPU has; "portable", "avx2" or "avx512" forces one, NULL
// where it has not that.
const struct draws_kernels *draws_choose(const char *name);

#endif
