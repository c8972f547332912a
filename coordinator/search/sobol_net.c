// SPDX-License-Identifier: MIT
#include "coordinator/search/sobol_net.h"

#include "common/hash.h"

enum { BITS = 32 };

// Coordinate `axis` of the sequence's point `index`, as 32 bits.
static uint32_t coordinate(uint32_t axis, uint64_t index)
{
    uint32_t v[BITS] = {0}, x = 0;

    if (axis == 0) {
        for (int i = 0; i < BITS; i++)
            x |= (uint32_t)(index >> i & 1) << (BITS - 1 - i);
        return x;
    }
    const struct sobol_row *row = &SOBOL_TABLE[axis - 1];
    int degree = 31 - __builtin_clz(row->polynomial);
    for (int i = 0; i < BITS && index >> i; i++) {
        if (i < degree) {
            v[i] = (uint32_t)row->m[i] << (BITS - 1 - i);
        } else {
            v[i] = v[i - degree] ^ (v[i - degree] >> degree);
            for (int k = 1; k < degree; k++)
                if (row->polynomial >> (degree - k) & 1)
                    v[i] ^= v[i - k];
        }
        if (index >> i & 1)
            x ^= v[i];
    }
    return x;
}

// Owen's nested scrambling: each bit is flipped by a hash of the bits above it,
// so that the net stays a net.
static uint32_t scramble(uint32_t x, uint64_t seed)
{
    uint32_t out = 0;
    for (int i = BITS - 1; i >= 0; i--) {
        uint64_t above = i == BITS - 1 ? 0 : x >> (i + 1);
        uint64_t h = hash_mix64(hash_mix64(seed ^ above) + (uint64_t)i);
        out |= (x & UINT32_C(1) << i) ^ ((uint32_t)(h >> 63) << i);
    }
    return out;
}

uint32_t sobol_scrambled(uint32_t axis, uint64_t index, uint64_t seed)
{
    return scramble(coordinate(axis, index), seed);
}
