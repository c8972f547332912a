// SPDX-License-Identifier: MIT
// group_ops.h - what stands behind a struct group.
//
// An implementation puts a struct group first in its own struct; group.h's
// functions (worker/group_local.c) go through the table.
//
// Threads    Main thread only.

#ifndef WORKER_GROUP_OPS_H
#define WORKER_GROUP_OPS_H

#include <stddef.h>
#include <stdint.h>

#include "worker/group.h"

struct group_ops {
    uint32_t (*rank)(const struct group *g);
    uint32_t (*size)(const struct group *g);
    void (*barrier)(struct group *g);
    void (*bcast)(struct group *g, void *p, size_t n, uint32_t root);
    void (*allgather)(struct group *g, const void *in, size_t n, void *out);
    void (*gather_rows)(
        struct group *g, const void *in, size_t n, const size_t *bytes, void *out);
    void (*tree_sum)(struct group *g, const float *in, uint32_t parts, size_t n, float *out);
    void (*alltoall)(struct group *g, const void *in, size_t n, void *out);
    void (*alltoallv)(
        struct group *g, const void *in, const size_t *give, void *out, const size_t *take);
    struct group *(*first)(struct group *g, uint32_t n);
    struct group *(*node)(struct group *g);
    void (*destroy)(struct group *g);
};

struct group {
    const struct group_ops *ops;
    float *scratch; // see group_scratch
    size_t n_scratch;
    int64_t waited_ns; // see group_waited
};

// So many floats with nothing certain in them, until the next call or
// group_scratch_done.  They stay with the group between collectives: memory fresh
// from the system costs more than the sums (its pages are made one by one).
float *group_scratch(struct group *g, size_t n);
void group_scratch_done(struct group *g); // gives back what is too much to keep

// The parts [group_first_part(r), group_first_part(r + 1)) are rank r's: those
// p with p * size / parts == r.
static inline uint32_t group_first_part(uint32_t rank, uint32_t size, uint32_t parts)
{
    return (uint32_t)(((uint64_t)rank * parts + size - 1) / size);
}

// The fixed tree over `parts` vectors of n floats, one behind the other; the
// sum is left in the first, the others are scratch afterwards.
void group_fold_tree(float *vectors, uint32_t parts, size_t n);

#endif
