// SPDX-License-Identifier: MIT
// ffn.h - what ffn.c and whole.c share: which experts a step's tokens go to.
//
// Everything lies in the step's arena.
//
// Threads    Main thread.

#ifndef WORKER_EXPERTS_FFN_H
#define WORKER_EXPERTS_FFN_H

#include "worker/experts/engine_state.h"

// (token, slot) pairs in the order of their experts.
struct routing {
    uint16_t *expert; // [n][top_k] ascending
    float *weight;
    uint32_t *first; // [n_experts + 1] into pair
    uint32_t *pair;  // token * top_k + slot
    uint32_t *place; // of a pair in `pair`
};

// The vectors of n pairs, one behind the other.
struct operand ffn_spread(struct engine *e,
                          const struct layer *l,
                          const uint32_t *pair,
                          uint32_t n,
                          const struct operand *x);

// Vectors `from` to `to` - 1 of x.
static inline struct operand ffn_some(const struct operand *x, uint32_t from, uint32_t to)
{
    return (struct operand){.x = x->x ? x->x + from * x->n_in : NULL,
                            .n_in = x->n_in,
                            .q = x->q ? x->q + from : NULL,
                            .n = to - from};
}

#endif
