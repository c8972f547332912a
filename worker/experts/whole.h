// SPDX-License-Identifier: MIT
// whole.h - whole experts on ranks: each computes the pairs of those that the
// placement gives it.
//
// Every rank has every token's vector, so nothing is sent out.  What comes back is
// every pair's result, not summed, by an all-to-all to the rank that owns the token;
// it adds them in ascending order of slots and all get the sums by a gather.  That
// is the arithmetic of sliced experts in the same order: the same bits.
//
// A placement follows the loads counted so far (engine_stats), which are the same on
// every rank: it is made when a layer's first tokens come this way and again
// whenever their number has doubled.  Weights do not move for it: the ranks of a node
// share them.
//
// Whether a step goes this way or by slices is measured where the options leave it
// open (choice.h).
//
// Ownership  The engine's.
// Threads    Main thread.

#ifndef WORKER_EXPERTS_WHOLE_H
#define WORKER_EXPERTS_WHOLE_H

#include <stdbool.h>

#include "worker/experts/ffn.h"

struct whole;

// For an engine whose rank can read all experts; NULL stays where slices are all
// there is: one rank, a dense model, or options that say so.  ERR_INVALID: the
// placement does not fit.
MUST_CHECK enum error whole_create(const struct engine *e,
                                   const struct engine_options *o,
                                   struct whole **out,
                                   struct errtext *t);
void whole_destroy(struct whole *w); // NULL is fine

// Around a step of n tokens, on all ranks.
void whole_begin(struct engine *e, uint32_t n);
void whole_end(struct engine *e, uint32_t n);
bool whole_is_on(const struct engine *e); // for this step
void whole_spent(struct engine *e, int64_t ns);
uint64_t whole_pairs(const struct whole *w); // that this rank has computed
uint64_t whole_steps(const struct whole *w);

// y[n][d] on every rank: the tokens' experts, weighted and summed.
float *whole_experts(struct engine *e,
                     uint32_t layer,
                     const struct routing *r,
                     const struct operand *x);

#endif
