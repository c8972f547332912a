// SPDX-License-Identifier: MIT
// Experts are dealt like cards: one to each device, and again, until the slots are
// full; behind the last expert comes the first.  Where the devices do not divide the
// slots, the last round is short and may give a device a card that it has.
#include "worker/experts/placement_rules.h"

// Where the devices divide the experts, every pass would give each device the same
// cards; so each pass begins one expert later.
static uint32_t card(const struct placement_shape *s, uint32_t dealt)
{
    uint32_t pass = dealt / s->n_experts;
    uint32_t shift = s->n_experts % s->n_devices ? 0 : pass;
    return (dealt % s->n_experts + shift) % s->n_experts;
}

// Devices with one slot more than the others take part in the last round only.
void placement_round_robin(const struct placement *p,
                           const double *load,
                           uint32_t *expert,
                           struct arena *scratch)
{
    const struct placement_shape *s = &p->shape;
    uint32_t dealt = 0;
    (void)load;
    (void)scratch;

    for (uint32_t round = 0; dealt < s->n_slots; round++)
        for (uint32_t d = 0; d < s->n_devices; d++)
            if (p->first_slot[d] + round < p->first_slot[d + 1])
                expert[p->first_slot[d] + round] = card(s, dealt++);
}
