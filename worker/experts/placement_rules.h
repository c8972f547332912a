// SPDX-License-Identifier: MIT
// placement_rules.h - for placement*.c only: the rules behind the table.
//
// Threads    Any; pure.

#ifndef WORKER_EXPERTS_PLACEMENT_RULES_H
#define WORKER_EXPERTS_PLACEMENT_RULES_H

#include "worker/experts/placement.h"

void placement_contiguous(const struct placement *p,
                          const double *load,
                          uint32_t *expert,
                          struct arena *scratch);
void placement_round_robin(const struct placement *p,
                           const double *load,
                           uint32_t *expert,
                           struct arena *scratch);
void placement_balanced(const struct placement *p,
                        const double *load,
                        uint32_t *expert,
                        struct arena *scratch);
void placement_snake(const struct placement *p,
                     const double *load,
                     uint32_t *expert,
                     struct arena *scratch);

#endif
