// SPDX-License-Identifier: MIT
// cafe_portable.c - the café's draws in plain C: what the other class is compared with.
#include "common/rng.h"
#include "worker/fleet/cafe_lanes.h"

static void draw(const struct cafe_plan *p,
                 uint32_t retry,
                 uint64_t first,
                 uint8_t out[CAFE_LANES][CAFE_TRAITS])
{
    uint32_t key[2] = {(uint32_t)p->seed, (uint32_t)(p->seed >> 32)};
    uint32_t n_traits = 3 * cafe_tier(p->tier)->n_roles, word[4];
    for (uint32_t i = 0; i < CAFE_LANES; i++)
        for (uint32_t q = 0; q < n_traits; q++) {
            uint64_t sim = first + i;
            uint32_t counter[4] = {q / 4, (uint32_t)sim, 10 + 256 * p->tier + retry,
                                   (uint32_t)(sim >> 32)};
            if (q % 4 == 0)
                rng_philox(counter, key, word);
            out[i][q] = (uint8_t)(1 + ((uint64_t)word[q % 4] * 10 >> 32));
        }
}

static void add(const struct cafe_plan *p, uint64_t first, struct cafe_sums *s)
{
    uint8_t traits[CAFE_LANES][CAFE_TRAITS];
    draw(p, 0, first, traits);
    for (int i = 0; i < CAFE_LANES; i++) {
        struct cafe_score x = cafe_score(cafe_tier(p->tier), traits[i]);
        s->draws++;
        s->implausible += x.implausible;
        s->sat120_drawn += x.sat120;
        cafe_add_score(s, &x);
    }
}

const struct cafe_lanes cafe_lanes_portable = {.draw = draw, .add = add};
