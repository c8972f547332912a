// SPDX-License-Identifier: MIT
// sobol_net.h - a coordinate of a scrambled Sobol sequence, by address.
//
// Source     Joe and Kuo, SIAM J. Sci. Comput. 30 (2008); Owen's scrambling by hashing.
// Threads    Any; pure.

#ifndef COORDINATOR_SEARCH_SOBOL_NET_H
#define COORDINATOR_SEARCH_SOBOL_NET_H

#include <stdint.h>

#include "coordinator/search/sobol_table.h"

enum { SOBOL_AXES = SOBOL_ROWS + 1 };

// Of the sequence's point `index`, as 32 bits; axis < SOBOL_AXES, the seed its own.
uint32_t sobol_scrambled(uint32_t axis, uint64_t index, uint64_t seed);

#endif
