// SPDX-License-Identifier: MIT
// expr_rows.h - an expression of numbers for many rows at once.
//
// The same bits as expr_number for each row, one instruction over all rows at a time: the
// price of taking an instruction apart is shared.  For heuristics that score many
// candidates with one expression.
//
// Ownership  Borrows the inputs; scratch in the arena is given back.
// Threads    Any; pure.

#ifndef COMMON_EXPR_ROWS_H
#define COMMON_EXPR_ROWS_H

#include "common/arena.h"
#include "common/error.h"
#include "common/expr.h"

// Does it use names of the NULL-ended list only, and nothing but numbers and booleans?
// ERR_INVALID with what does not fit.
MUST_CHECK enum error
expr_rows_check(const struct expr *e, const char *const *names, struct errtext *t);

struct expr_column {
    const char *name;
    const double *x; // [n_rows]
};

// Of an expression that has passed the check; columns (ended by a row without a name) has
// all its names.
void expr_rows(const struct expr *e,
               const struct expr_column *columns,
               uint32_t n_rows,
               struct arena *scratch,
               double *out);

#endif
