// SPDX-License-Identifier: MIT
// cafe_lanes.h - how the café draws: eight simulations at once, in portable C or by AVX2.
//
// The class is kernels_class's (worker/tensor/kernels.h); both give the same bits.
//
// Threads    Any; pure.

#ifndef WORKER_FLEET_CAFE_LANES_H
#define WORKER_FLEET_CAFE_LANES_H

#include "worker/fleet/cafe_model.h"

struct cafe_lanes {
    cafe_draw_fn draw;
    // Adds simulations [first, first + CAFE_LANES) of a plan that neither adapts nor prunes.
    void (*add)(const struct cafe_plan *p, uint64_t first, struct cafe_sums *s);
};

extern const struct cafe_lanes cafe_lanes_portable;
#ifdef __x86_64__
extern const struct cafe_lanes cafe_lanes_avx2;
#endif

// One simulation into the sums.
void cafe_add_score(struct cafe_sums *s, const struct cafe_score *x);

#endif
