// SPDX-License-Identifier: MIT
// sights.h - rows of observations, one behind the other, as the network takes them.
//
// Ownership  The rows are the struct's; the world is borrowed.
// Threads    One at a time.

#ifndef WORKER_FLEET_SIGHTS_H
#define WORKER_FLEET_SIGHTS_H

#include "worker/fleet/captain.h"
#include "worker/fleet/observe.h"

struct sights {
    const struct world *world;
    struct observation seen; // of all rows
    uint32_t *deciding;      // the aircraft of each
};

size_t sights_bytes(const struct world *w); // of one row
void sights_init(struct sights *s, const struct world *w, size_t n);
void sights_drop_series(struct sights *s); // from now on rows are without them
void sights_fini(struct sights *s);

// Row i becomes what the day shows at its decision, or row j of another.
void sights_take(struct sights *s, size_t i, const struct observer *o, const struct day *d);
void sights_copy(struct sights *s, size_t i, const struct sights *from, size_t j);
struct captain_batch sights_batch(const struct sights *s, size_t first, size_t n);

#endif
