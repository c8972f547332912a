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

// Expert z's share of a product of all pairs: vectors `from` to `to` - 1.
struct product ffn_of_expert(const struct product *all, uint32_t z, uint32_t from, uint32_t to);

#endif
