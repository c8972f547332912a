// SPDX-License-Identifier: MIT
#include "worker/fleet/cafe_model.h"

#include <assert.h>
#include <string.h>

#include "worker/fleet/cafe_lanes.h"
#include "worker/tensor/kernels.h"

// Trait 3 r + p of role r: section 14.1.  One to four stars have the same first eleven
// roles, four stars a sommelier behind them.
enum {
    SERVER_SPEED = 3,
    SERVER_INTERACTION = 4,
    COOK_SPEED = 9,
    COOK_ACCURACY = 10,
    CHEF_CREATIVITY = 13,
    BARTENDER_SPEED = 15,
    BARTENDER_INTERACTION = 16,
    MANAGER_CONFLICTS = 19,
    CLEANLINESS = 24,
    AMBIANCE = 25,
    MENU_VARIETY = 27,
    MENU_QUALITY = 28,
    MENU_PRICE = 29,
    SOMMELIER_INTERACTION = 35,
    // five stars
    PASTRY_DESSERT = 18,
    BARTENDER5_SPEED = 21,
    BARTENDER5_DRINKS = 23,
    MIXOLOGIST_INNOVATION = 24,
    SOMMELIER5_INTERACTION = 29,
    MANAGER5_CONFLICTS = 31,
    MAITRE_GUESTS = 33,
    CLEANLINESS5 = 39,
    AMBIANCE5 = 40,
    MENU5_QUALITY = 43,
};

#define NEVER                                                                                  \
    {                                                                                          \
        {SERVER_INTERACTION, MANAGER_CONFLICTS},                                               \
        {                                                                                      \
            COOK_ACCURACY, MENU_QUALITY                                                        \
        }                                                                                      \
    }

static const struct cafe_tier tiers[CAFE_TIERS] = {
    {.n_roles = 11,
     .n_factors = 5,
     .factors = 17,
     .time = {{COOK_SPEED, 1}, {SERVER_SPEED, 1}},
     .sat120 = {{COOK_ACCURACY, 30}, {SERVER_SPEED, 30}, {MENU_PRICE, -15}, {CLEANLINESS, 30}},
     .sat120_base = 150,
     .never = NEVER},
    {.n_roles = 11,
     .n_factors = 6,
     .factors = 25,
     .time = {{COOK_SPEED, 1}, {SERVER_SPEED, 1}},
     .sat120 = {{COOK_ACCURACY, 15},
                {MENU_QUALITY, 15},
                {SERVER_SPEED, 30},
                {MENU_PRICE, -15},
                {CLEANLINESS, 30}},
     .sat120_base = 150,
     .never = NEVER},
    {.n_roles = 11,
     .n_factors = 8,
     .factors = 40,
     .time = {{COOK_SPEED, 1}, {SERVER_SPEED, 1}, {BARTENDER_SPEED, 1}},
     .sat120 = {{COOK_ACCURACY, 10},
                {CHEF_CREATIVITY, 10},
                {MENU_QUALITY, 10},
                {SERVER_INTERACTION, 15},
                {BARTENDER_INTERACTION, 15},
                {AMBIANCE, 30},
                {MENU_PRICE, -15},
                {MENU_VARIETY, 15}},
     .sat120_base = 150,
     .never = NEVER},
    {.n_roles = 12,
     .n_factors = 11,
     .factors = 77,
     .time = {{COOK_SPEED, 1}, {SERVER_SPEED, 1}, {BARTENDER_SPEED, 1}},
     .sat120 = {{COOK_ACCURACY, 10},
                {CHEF_CREATIVITY, 10},
                {MENU_QUALITY, 10},
                {AMBIANCE, 15},
                {CLEANLINESS, 15},
                {SERVER_INTERACTION, 10},
                {SOMMELIER_INTERACTION, 10},
                {BARTENDER_INTERACTION, 10},
                {MENU_PRICE, -15},
                {MENU_VARIETY, 15}},
     .sat120_base = 150,
     .never = NEVER},
    {.n_roles = 16,
     .n_factors = 20,
     .factors = 180,
     .time = {{COOK_SPEED, 1}, {SERVER_SPEED, 1}, {BARTENDER5_SPEED, 1}, {PASTRY_DESSERT, 1}},
     .sat120 = {{CHEF_CREATIVITY, 16},
                {PASTRY_DESSERT, 8},
                {COOK_ACCURACY, 8},
                {SERVER_INTERACTION, 8},
                {SOMMELIER5_INTERACTION, 8},
                {MAITRE_GUESTS, 8},
                {AMBIANCE5, 8},
                {CLEANLINESS5, 8},
                {BARTENDER5_DRINKS, 8},
                {MIXOLOGIST_INNOVATION, 8}},
     .sat120_base = 304,
     .never = {{SERVER_INTERACTION, MANAGER5_CONFLICTS}, {COOK_ACCURACY, MENU5_QUALITY}}},
};

const struct cafe_tier *cafe_tier(uint32_t tier)
{
    assert(tier >= 1 && tier <= CAFE_TIERS);
    return &tiers[tier - 1];
}

static int32_t weigh(const struct cafe_term *term, const uint8_t *traits)
{
    int32_t x = 0;
    for (; term->weight; term++)
        x += term->weight * traits[term->trait];
    return x;
}

struct cafe_score cafe_score(const struct cafe_tier *t, const uint8_t *traits)
{
    struct cafe_score s = {
        .time = (uint32_t)weigh(t->time, traits),
        .sat120 = (uint32_t)(t->sat120_base + weigh(t->sat120, traits)),
        .performance = 3 * t->factors,
        .per = 3 * (t->n_roles + t->n_factors),
    };
    for (uint32_t i = 0; i < 3 * t->n_roles; i++)
        s.performance += traits[i];
    for (int i = 0; i < 2; i++)
        s.implausible =
            s.implausible || (traits[t->never[i].low] <= 2 && traits[t->never[i].high] >= 9);
    return s;
}

void cafe_adapt(uint8_t *traits, const uint8_t *again, uint32_t n_traits, uint32_t m)
{
    uint8_t drawn[CAFE_TRAITS];
    memcpy(drawn, traits, n_traits);
    for (uint8_t value = 1; value <= 10 && m; value++)
        for (uint32_t q = 0; q < n_traits && m; q++) {
            if (drawn[q] != value)
                continue;
            m--;
            if (again[q] > value)
                traits[q] = again[q];
        }
}

// ---- many ------------------------------------------------------------------------

static const struct cafe_lanes *lanes(void)
{
#ifdef __x86_64__
    if (strcmp(kernels_class(), "portable") != 0)
        return &cafe_lanes_avx2;
#endif
    return &cafe_lanes_portable;
}

void cafe_add_score(struct cafe_sums *s, const struct cafe_score *x)
{
    s->sims++;
    s->time += x->time;
    s->sat120 += x->sat120;
    s->time2 += (uint64_t)x->time * x->time;
    s->sat120_2 += (uint64_t)x->sat120 * x->sat120;
    s->time_sat120 += (uint64_t)x->time * x->sat120;
    s->performance += x->performance;
    s->per += x->per;
    s->time_hist[x->time]++;
}

// Eight draws, and what adapting makes of them; `drawn` are the scores before it.
static void score_lanes(const struct cafe_plan *p,
                        uint64_t first,
                        struct cafe_score drawn[CAFE_LANES],
                        struct cafe_score out[CAFE_LANES])
{
    const struct cafe_tier *t = cafe_tier(p->tier);
    uint8_t traits[CAFE_LANES][CAFE_TRAITS], again[CAFE_LANES][CAFE_TRAITS];
    lanes()->draw(p, 0, first, traits);
    if (p->adapt)
        lanes()->draw(p, 128, first, again);
    for (int i = 0; i < CAFE_LANES; i++) {
        drawn[i] = out[i] = cafe_score(t, traits[i]);
        if (!p->adapt)
            continue;
        cafe_adapt(traits[i], again[i], 3 * t->n_roles, p->adapt);
        out[i] = cafe_score(t, traits[i]);
        out[i].implausible = drawn[i].implausible; // of the draw
    }
}

void cafe_scores(const struct cafe_plan *p, uint64_t first, struct cafe_score out[CAFE_LANES])
{
    struct cafe_score drawn[CAFE_LANES];
    score_lanes(p, first, drawn, out);
}

static void
add_lanes(const struct cafe_plan *p, uint64_t first, uint64_t n, struct cafe_sums *s)
{
    struct cafe_score drawn[CAFE_LANES], x[CAFE_LANES];
    score_lanes(p, first, drawn, x);
    for (uint64_t i = 0; i < n; i++) {
        s->draws++;
        s->implausible += x[i].implausible;
        if (p->prune && x[i].implausible)
            continue;
        s->sat120_drawn += drawn[i].sat120;
        cafe_add_score(s, &x[i]);
    }
}

void cafe_run(const struct cafe_plan *p, uint64_t first, uint64_t n, struct cafe_sums *s)
{
    bool plain = !p->adapt && !p->prune;
    void (*add)(const struct cafe_plan *, uint64_t, struct cafe_sums *) = lanes()->add;
    for (; n >= CAFE_LANES && plain; n -= CAFE_LANES, first += CAFE_LANES)
        add(p, first, s);
    for (; n; first += CAFE_LANES) {
        uint64_t some = n < CAFE_LANES ? n : CAFE_LANES;
        add_lanes(p, first, some, s);
        n -= some;
    }
}
