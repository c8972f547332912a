// SPDX-License-Identifier: MIT
// observe.h - what a policy network sees of a day at a decision.
//
// Specification fleet/1, section 9: features in float32, each one division of integers
// or a sum of few, so the same bits everywhere.  Where the text leaves it open: hours of
// the series begin at t_start, the first is the present one; x and y count from the
// lowest vertiport; the price is of the hour's beginning.
//
// Ownership  The observer borrows its world.
// Threads    Read-only after create.

#ifndef WORKER_FLEET_OBSERVE_H
#define WORKER_FLEET_OBSERVE_H

#include <stdint.h>

#include "worker/fleet/day.h"

enum {
    OBSERVE_PORT = 14,
    OBSERVE_AIRCRAFT = 10,
    OBSERVE_HOURS = 12,
    OBSERVE_SERIES = 5,
    OBSERVE_PAIR = 4,
};

// Where an observation goes: the caller's rows, V, N, V * 12, V and V of them.  Of the
// series, where it is NULL, nothing is made.
struct observation {
    float *ports, *aircraft, *series, *pairs;
    uint8_t *mask;
};

struct observer;

struct observer *observe_create(const struct world *w);
void observe_destroy(struct observer *o); // NULL is fine
// After day_next said true.
void observe(const struct observer *o, const struct day *d, const struct observation *out);

// What the series of a vertiport depends on, and the series itself, 12 rows.
struct observe_hours {
    uint32_t port, hour, waiting;
};
struct observe_hours observe_hours(const struct observer *o, const struct day *d, uint32_t v);
void observe_series(const struct observer *o, const struct observe_hours *h, float *out);

#endif
