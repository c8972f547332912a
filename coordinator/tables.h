// SPDX-License-Identifier: MIT
// tables.h - the rows that this program has compiled in, as values: for `explain`
// and --catalog.
//
// Threads    Any; pure.

#ifndef COORDINATOR_TABLES_H
#define COORDINATOR_TABLES_H

#include "common/arena.h"
#include "common/value.h"

struct value tables_drivers(struct arena *a);
struct value tables_algorithms(struct arena *a);

#endif
