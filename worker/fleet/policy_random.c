// SPDX-License-Identifier: MIT
// policy_random.c - any feasible vertiport, all alike.
#include "worker/fleet/day.h"
#include "worker/fleet/draws.h"

static uint32_t choose(void *state, struct day *d)
{
    (void)state;
    uint32_t k = (uint32_t)draws_scale(day_policy_draw(d), day_epoch(d)->n_feasible);
    return day_feasible(d, k);
}

const struct policy policy_random = {
    .name = "random",
    .help = "any feasible destination, or staying, all alike",
    .choose = choose,
};
