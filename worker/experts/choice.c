// SPDX-License-Identifier: MIT
#include "worker/experts/choice.h"

static uint32_t class_of(uint32_t n)
{
    return 31 - (uint32_t)__builtin_clz(n | 1);
}

bool choice_is_open(const struct choice *c, uint32_t n)
{
    return c->of[class_of(n)].n_told < CHOICE_WAYS * CHOICE_TRIES;
}

uint32_t choice_way(const struct choice *c, uint32_t n)
{
    uint32_t i = class_of(n);
    if (choice_is_open(c, n))
        return c->of[i].n_told % CHOICE_WAYS;
    return c->of[i].best[1] < c->of[i].best[0];
}

void choice_tell(struct choice *c, uint32_t n, int64_t ns)
{
    uint32_t i = class_of(n), way = choice_way(c, n);
    double each = (double)ns / n;
    if (!choice_is_open(c, n))
        return;
    if (c->of[i].n_told < CHOICE_WAYS || each < c->of[i].best[way])
        c->of[i].best[way] = each;
    c->of[i].n_told++;
}
