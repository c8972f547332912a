// SPDX-License-Identifier: MIT
// map.h - 64-bit keys to 64-bit values, open addressing.
//
// Iteration order depends only on the sequence of calls, never on addresses,
// so the simulator repeats.  Strings are keyed by hash_bytes and compared by
// the caller.
//
// Ownership  In the caller's storage; fini frees the slots.
// Threads    Confined to the owner's thread.

#ifndef COMMON_MAP_H
#define COMMON_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_slot {
    uint64_t key;
    uint64_t value;
};

struct map {
    struct map_slot *slots;
    uint8_t *used; // 0 free, 1 used
    size_t n_slots;
    size_t n;
};

void map_init(struct map *m);
void map_fini(struct map *m);
bool map_find(const struct map *m, uint64_t key, uint64_t *value); // value may be NULL
void map_set(struct map *m, uint64_t key, uint64_t value);
bool map_remove(struct map *m, uint64_t key);
// Walk all entries: start with *at = 0, until false.  No change during a walk.
bool map_next(const struct map *m, size_t *at, uint64_t *key, uint64_t *value);

#endif
