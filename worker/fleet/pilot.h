// SPDX-License-Identifier: MIT
// pilot.h - a captain's weights at work: what the network says about several days that
// wait for a decision, in one look.
//
// What it says of a day does not depend on the days beside it, to the bit (dense.h), nor on
// what is remembered of earlier looks (outlook.h).
//
// Ownership  Borrows the world and the weights.  A view is valid until the next look.
// Threads    One at a time.

#ifndef WORKER_FLEET_PILOT_H
#define WORKER_FLEET_PILOT_H

#include "worker/fleet/captain.h"
#include "worker/fleet/day.h"

struct pilot;

struct pilot *pilot_create(const struct world *w,
                           const struct captain_shape *shape,
                           float *weights,
                           size_t most); // days in a look
void pilot_destroy(struct pilot *p);     // NULL is fine

struct pilot_view {
    const float *log_p;  // n x V; of infeasible ones 0
    const uint8_t *mask; // n x V
    const float *value;  // n
};
// Every day is at a decision.
struct pilot_view pilot_look(struct pilot *p, struct day *const *days, size_t n);
// The likeliest destination of row i, the lowest one on ties.
uint32_t pilot_best(const struct pilot *p, const struct pilot_view *v, size_t i);
// One drawn with u, 32 random bits.
uint32_t pilot_draw(const struct pilot *p, const struct pilot_view *v, size_t i, uint32_t u);

// Vertiports whose hours ahead went through the network since create; of the others it was
// known what it says.
uint64_t pilot_encoded(const struct pilot *p);

#endif
