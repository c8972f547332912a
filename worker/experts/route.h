// SPDX-License-Identifier: MIT
// route.h - which experts a token goes to, and with what weight.
//
// Threads    Any; pure.

#ifndef WORKER_EXPERTS_ROUTE_H
#define WORKER_EXPERTS_ROUTE_H

#include <stdint.h>

#include "worker/experts/model.h"

// logits[n_experts] of one token, turned into scores in place; bias may be NULL.
// expert[top_k] ascends, weight[top_k] goes with it.  `choice` is room for
// n_experts numbers.  Of equal scores the lower expert is taken.
void route_token(const struct hyper *h,
                 float *logits,
                 const float *bias,
                 float *choice,
                 uint16_t *expert,
                 float *weight);

#endif
