// SPDX-License-Identifier: MIT
// rng.h - randomness by address: Philox4x32-10.
//
// Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC'11.  The key
// is the job's 64-bit seed, the counter is (draw, entity, stream, item): the
// same address gives the same bits wherever and whenever it is asked for, so
// no result depends on who computed what before.  A workload's specification
// may fix the words otherwise.
//
// Threads    Any; a struct rng is its holder's.

#ifndef COMMON_RNG_H
#define COMMON_RNG_H

#include <stdint.h>

// out = Philox4x32-10(counter, key); the published test vectors hold.
void rng_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

// A walk along `draw` at a fixed (seed, entity, stream, item).
struct rng {
    uint32_t key[2];
    uint32_t counter[4]; // draw, entity, stream, item
    uint32_t block[4];
    uint32_t n_left; // words of the block not yet used
};

struct rng rng_at(uint64_t seed, uint32_t entity, uint32_t stream, uint32_t item);
uint32_t rng_u32(struct rng *r);
uint64_t rng_u64(struct rng *r);               // first word is the low half
uint64_t rng_below(struct rng *r, uint64_t n); // uniform in [0, n), n > 0, unbiased (Lemire)
double rng_f64(struct rng *r);                 // [0, 1), 53 bits: rng_u64 >> 11 times 2^-53
// math_probit of the centre of one of 2^52 equal cells; takes one rng_u64.
double rng_normal(struct rng *r);

#endif
