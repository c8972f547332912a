// SPDX-License-Identifier: MIT
// told.h - what an outcome says of its items, for drivers whose items name their metrics
// or return blobs.
//
// What makes no sense is not there: it was committed and will not change.
//
// Ownership  Borrows the outcome; metrics live in the arena.
// Threads    Any; pure.

#ifndef COORDINATOR_DRIVERS_TOLD_H
#define COORDINATOR_DRIVERS_TOLD_H

#include "common/hash.h"
#include "coordinator/driver.h"

// The named metrics of its items, a list of maps; told_map gives the i-th item's.
struct value told_list(const struct outcome *o, struct arena *a);
// A map, or null.
struct value told_map(const struct value *list, uint32_t i);

// Why the item failed; NULL: it did not.
const char *told_fault(const struct outcome *o, uint64_t item);

struct told_blob {
    uint64_t item; // of this outcome
    const char *name;
    struct sha256 hash;
    uint64_t size;
};
uint32_t told_n_blobs(const struct outcome *o);
// False: the i-th makes no sense.
bool told_blob(const struct outcome *o, uint32_t i, struct told_blob *out);

#endif
