// SPDX-License-Identifier: MIT
// table.h - columns of text, as wide as they must be.
//
// Ownership  Cells are copied into the arena given at the start.
// Threads    One.

#ifndef CLUSTER_CLIENT_TABLE_H
#define CLUSTER_CLIENT_TABLE_H

#include <stdint.h>

#include "common/arena.h"

enum { TABLE_COLUMNS_MAX = 24 };

struct table {
    struct arena *arena;
    uint32_t n_columns;
    uint32_t n_cells, cap;
    char **cells; // row by row, the first row holds the titles
    int indent;
};

// Titles NULL-ended; one that begins with '>' is aligned to the right.
void table_init(struct table *t, struct arena *a, const char *const *titles);
void table_put(struct table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void table_print(const struct table *t); // on stdout

#endif
