// SPDX-License-Identifier: MIT
// warm_table.h - a table (CSV, RFC 4180) of trials as the list `warm_start` of a search.
//
// The first line names the columns.  Those that the space has, at any depth, are parameters;
// "trial" and "state" are left out; of all others the numbers are metrics.  "params." or
// "metrics." before a name says it.  A cell that is JSON is what it says, unless the space
// has that very text; an empty one is not there.  Rows without a metric, and those whose
// state is "failed", are left out.
//
// Threads    Any.

#ifndef PROTOCOL_WARM_TABLE_H
#define PROTOCOL_WARM_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/arena.h"
#include "common/error.h"
#include "common/value.h"

struct warm_table {
    const char *text;
    size_t n;
    const char *path;          // for messages
    const struct value *space; // of the job; NULL: it has none
};

// *out: a list of {params, metrics}.  ERR_PARSE: "path:line: what".
MUST_CHECK enum error warm_table_read(const struct warm_table *table,
                                      struct arena *a,
                                      struct value *out,
                                      struct errtext *t);

// The parameter of that name in the space, at any depth; NULL: none.
const struct value *warm_table_parameter(const struct value *v, const char *name);

#endif
