// SPDX-License-Identifier: MIT
// final_compare.h - a finished sweep that compares, as tables: a metric a line and a
// column for each of what is compared; then the paired differences.
//
// Threads    One.

#ifndef CLUSTER_CLIENT_FINAL_COMPARE_H
#define CLUSTER_CLIENT_FINAL_COMPARE_H

#include "common/arena.h"
#include "common/value.h"

// Prints nothing where nothing is compared.  `stats` may lack the differences.
void final_compare(const struct value *result, const struct value *stats, struct arena *a);

#endif
