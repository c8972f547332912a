// SPDX-License-Identifier: MIT
// sobol_table.h - direction numbers of the Sobol sequence, as data.
//
// Threads    Any; constant.

#ifndef COORDINATOR_SEARCH_SOBOL_TABLE_H
#define COORDINATOR_SEARCH_SOBOL_TABLE_H

#include <stdint.h>

enum { SOBOL_ROWS = 255, SOBOL_DEGREE_MAX = 11 };

struct sobol_row {
    uint16_t polynomial; // its degree is the number of direction numbers given
    uint16_t m[SOBOL_DEGREE_MAX];
};

extern const struct sobol_row SOBOL_TABLE[SOBOL_ROWS]; // dimension 2 first

#endif
