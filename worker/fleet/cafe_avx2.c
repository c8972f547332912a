// SPDX-License-Identifier: MIT
// cafe_avx2.c - eight lanes of Philox: two registers of four simulations.
//
// A lane is 64 bits wide and only its low half counts, so that a product's two halves are
// where the next round wants them and nothing is shuffled.  Three blocks are under way at
// once, because a round is a chain of some eight cycles.
#ifdef __x86_64__

#include <immintrin.h>

#include "worker/fleet/cafe_lanes.h"

#define AVX2 __attribute__((target("avx2")))

enum { ROUNDS = 10, HALF = 4, ABREAST = 3 };

struct state {
    __m256i c0, c1, c2, c3;
};

// One call's constants.
struct source {
    __m256i key[ROUNDS][2];
    __m256i sim_low, sim_high, stream;
};

AVX2 static inline __m256i all(uint64_t x)
{
    return _mm256_set1_epi64x((long long)x);
}

AVX2 static struct source source_of(const struct cafe_plan *p, uint32_t retry, uint64_t first)
{
    struct source s;
    uint32_t k0 = (uint32_t)p->seed, k1 = (uint32_t)(p->seed >> 32);
    for (int i = 0; i < ROUNDS; i++) {
        s.key[i][0] = all(k0);
        s.key[i][1] = all(k1);
        k0 += UINT32_C(0x9E3779B9);
        k1 += UINT32_C(0xBB67AE85);
    }
    s.sim_low = _mm256_add_epi64(all(first), _mm256_set_epi64x(3, 2, 1, 0));
    s.sim_high = _mm256_srli_epi64(s.sim_low, 32);
    s.stream = all(10 + 256 * p->tier + retry);
    return s;
}

AVX2 static inline void turn(struct state *s, __m256i k0, __m256i k1)
{
    __m256i a = _mm256_mul_epu32(s->c0, all(UINT32_C(0xD2511F53)));
    __m256i b = _mm256_mul_epu32(s->c2, all(UINT32_C(0xCD9E8D57)));
    s->c0 = _mm256_xor_si256(_mm256_srli_epi64(b, 32), _mm256_xor_si256(s->c1, k0));
    s->c2 = _mm256_xor_si256(_mm256_srli_epi64(a, 32), _mm256_xor_si256(s->c3, k1));
    s->c1 = b;
    s->c3 = a;
}

// Less one: scale(word, 10).
AVX2 static inline __m256i trait_of(__m256i word)
{
    return _mm256_srli_epi64(_mm256_mul_epu32(word, all(10)), 32);
}

// Traits of three blocks, 4 block and on; returns their sum.
AVX2 static inline __m256i three_blocks(const struct source *s, uint32_t block, __m256i *traits)
{
    struct state x[ABREAST];
    __m256i sum = all(0);
    for (uint32_t i = 0; i < ABREAST; i++)
        x[i] = (struct state){all(block + i), s->sim_low, s->stream, s->sim_high};
#pragma GCC unroll 10
    for (int r = 0; r < ROUNDS; r++)
#pragma GCC unroll 3
        for (int i = 0; i < ABREAST; i++)
            turn(&x[i], s->key[r][0], s->key[r][1]);
#pragma GCC unroll 3
    for (int i = 0; i < ABREAST; i++) {
        __m256i *out = traits + 4 * i;
        out[0] = trait_of(x[i].c0);
        out[1] = trait_of(x[i].c1);
        out[2] = trait_of(x[i].c2);
        out[3] = trait_of(x[i].c3);
        sum = _mm256_add_epi64(sum, _mm256_add_epi64(_mm256_add_epi64(out[0], out[1]),
                                                     _mm256_add_epi64(out[2], out[3])));
    }
    return sum;
}

// All traits less one, of four simulations, and their sum (with what blocks have beyond).
AVX2 static inline __m256i draw_half(const struct source *s, uint32_t n_traits, __m256i *traits)
{
    __m256i sum = all(0);
    for (uint32_t block = 0; 4 * block < n_traits; block += ABREAST)
        sum = _mm256_add_epi64(sum, three_blocks(s, block, traits + (size_t)4 * block));
    return sum;
}

AVX2 static void draw(const struct cafe_plan *p,
                      uint32_t retry,
                      uint64_t first,
                      uint8_t out[CAFE_LANES][CAFE_TRAITS])
{
    uint32_t n = 3 * cafe_tier(p->tier)->n_roles;
    for (uint32_t half = 0; half < CAFE_LANES; half += HALF) {
        __m256i traits[CAFE_TRAITS];
        uint64_t lane[HALF];
        struct source s = source_of(p, retry, first + half);
        (void)draw_half(&s, n, traits);
        for (uint32_t q = 0; q < n; q++) {
            _mm256_storeu_si256((__m256i *)(void *)lane, traits[q]);
            for (uint32_t i = 0; i < HALF; i++)
                out[half + i][q] = (uint8_t)(1 + lane[i]);
        }
    }
}

// Σ weight · trait, of traits less one: `base` makes up for it.  All that is summed stays
// below 2^31, and a lane's high half is 0 in the end, since no score is negative.
AVX2 static inline __m256i
weigh(const struct cafe_term *term, const __m256i *traits, int32_t base)
{
    __m256i x = all(0);
    for (; term->weight; term++) {
        base += term->weight;
        x = _mm256_add_epi64(
            x, _mm256_mul_epi32(traits[term->trait], all((uint64_t)term->weight)));
    }
    return _mm256_add_epi64(x, all((uint64_t)(int64_t)base));
}

AVX2 static inline uint64_t total(__m256i x)
{
    uint64_t lane[HALF];
    _mm256_storeu_si256((__m256i *)(void *)lane, x);
    return lane[0] + lane[1] + lane[2] + lane[3];
}

// Lanes of 1 where the draw is implausible.
AVX2 static inline __m256i implausible(const struct cafe_tier *t, const __m256i *traits)
{
    __m256i x = all(0);
    for (int i = 0; i < 2; i++)
        x = _mm256_or_si256(
            x, _mm256_and_si256(_mm256_cmpgt_epi64(all(2), traits[t->never[i].low]),
                                _mm256_cmpgt_epi64(traits[t->never[i].high], all(7))));
    return _mm256_srli_epi64(x, 63);
}

AVX2 static void add_half(const struct cafe_plan *p, uint64_t first, struct cafe_sums *out)
{
    const struct cafe_tier *t = cafe_tier(p->tier);
    uint32_t n = 3 * t->n_roles;
    __m256i traits[CAFE_TRAITS];
    uint64_t minutes[HALF];
    struct source s = source_of(p, 0, first);
    __m256i sum = draw_half(&s, n, traits);
    for (uint32_t q = n; q % (4 * ABREAST); q++)
        sum = _mm256_sub_epi64(sum, traits[q]);
    __m256i time = weigh(t->time, traits, 0);
    __m256i sat = weigh(t->sat120, traits, t->sat120_base);
    out->draws += HALF;
    out->sims += HALF;
    out->implausible += total(implausible(t, traits));
    out->time += total(time);
    out->sat120 += total(sat);
    out->time2 += total(_mm256_mul_epu32(time, time));
    out->sat120_2 += total(_mm256_mul_epu32(sat, sat));
    out->time_sat120 += total(_mm256_mul_epu32(time, sat));
    out->performance += total(sum) + (uint64_t)HALF * (n + 3 * t->factors);
    out->per += (uint64_t)HALF * 3 * (t->n_roles + t->n_factors);
    _mm256_storeu_si256((__m256i *)(void *)minutes, time);
    for (int i = 0; i < HALF; i++)
        out->time_hist[minutes[i]]++;
}

AVX2 static void add(const struct cafe_plan *p, uint64_t first, struct cafe_sums *s)
{
    uint64_t before = s->sat120;
    add_half(p, first, s);
    add_half(p, first + HALF, s);
    s->sat120_drawn += s->sat120 - before;
}

const struct cafe_lanes cafe_lanes_avx2 = {.draw = draw, .add = add};

#else
typedef int cafe_avx2_is_for_x86;
#endif
