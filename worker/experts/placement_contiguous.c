// SPDX-License-Identifier: MIT
// Each device holds a window of neighbouring experts.  Windows begin at even
// distances, so where there are more slots than experts they overlap, and the
// copies of an expert are on two devices rather than twice on one.
#include "worker/experts/placement_rules.h"

void placement_contiguous(const struct placement *p,
                          const double *load,
                          uint32_t *expert,
                          struct arena *scratch)
{
    const struct placement_shape *s = &p->shape;
    (void)load;
    (void)scratch;

    for (uint32_t d = 0; d < s->n_devices; d++) {
        uint32_t first = p->first_slot[d];
        uint32_t begin = placement_first(first, s->n_experts, s->n_slots);
        for (uint32_t i = 0; i < p->first_slot[d + 1] - first; i++)
            expert[first + i] = (begin + i) % s->n_experts;
    }
}
