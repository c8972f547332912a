// SPDX-License-Identifier: MIT
// outlook.h - what a network's series encoder says of the hours ahead, remembered.
//
// It depends on a vertiport, the hour and how many wait there, all of them small numbers:
// days that are looked at side by side, and one after another, ask for the same over and
// over.  What is remembered are the very bits that would be computed.
//
// A table of one entry a slot, without order: who comes later takes the place.
//
// Ownership  Borrows the world, the observer and the weights, which stay as they are.
// Threads    One at a time.

#ifndef WORKER_FLEET_OUTLOOK_H
#define WORKER_FLEET_OUTLOOK_H

#include <stddef.h>
#include <stdint.h>

#include "worker/fleet/captain.h"

struct outlook;

struct outlook_of {
    const struct world *world;
    const struct observer *observer;
    const struct captain_shape *shape;
    float *weights;
};
struct outlook *outlook_create(const struct outlook_of *of);
void outlook_destroy(struct outlook *o); // NULL is fine

// Of n days, each at a decision: captain_batch's `ahead`.
void outlook_take(struct outlook *o, struct day *const *days, size_t n, float *ahead);
uint64_t outlook_computed(const struct outlook *o); // vertiports, since create

#endif
