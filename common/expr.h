// SPDX-License-Identifier: MIT
// expr.h - the expressions of `where`, `derived` and metrics.
//
//   numbers (doubles), 'text' "text", true false, [lists], (…)
//   names: x, svm.C; x[3], x[-1]
//   + - * / % **   == != < <= > >=   in, not in   and or not   a if c else b
//   abs min max log log2 log10 exp sqrt pow floor ceil round sum mean len any all
//
// Precedence and meaning are Python's where both have a word for it: 1 < x < 3
// is a chain, % takes the sign of its right side, ** binds to the right, round
// goes to even.  min, max, sum, mean, any, all take a list or several values.
//
// Unknown.  A name without a value (not assigned yet, or inactive because its
// branch was not chosen), a null, an element that is not there: all unknown,
// and so is whatever is computed from them.  `and`, `or`, `in`, any, all know
// their answer early where it cannot change any more (false and unknown is
// false); `a if c else b` also when both sides agree.  A null in a list is an
// element not assigned yet: its len is known, its sum is not.  So a space can
// test a partial point: false prunes, unknown goes on, and what is still
// unknown of a complete point does not concern it.
//
// Wrong arithmetic (division by zero, a text in a product, log(-1)) is NaN; a
// comparison with NaN or of different kinds is false, but != is true.
//
// The same bits everywhere: functions come from common/math.h.
//
// Ownership  The arena's given to compile.  An expression is read-only.
// Threads    Any.

#ifndef COMMON_EXPR_H
#define COMMON_EXPR_H

#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/error.h"
#include "common/value.h"

enum { EXPR_TEXT_MAX = 8192, EXPR_DEPTH_MAX = 64 };

struct expr;

enum expr_truth { EXPR_FALSE, EXPR_TRUE, EXPR_UNKNOWN };

// ERR_PARSE, or ERR_LIMIT when too long or too deep: "column 5: what, what was
// expected", counted in characters from 1.
MUST_CHECK enum error expr_compile(
    const char *text, size_t n, struct arena *a, const struct expr **out, struct errtext *t);

// The distinct names in order of first use; returns how many.
uint32_t expr_names(const struct expr *e, const char *const **names);

// What an evaluation costs, lists and texts of the names aside: instructions.
uint32_t expr_size(const struct expr *e);

// The value of names[i] (the name again, for those who did not bind it
// before), NULL or a null: unknown.
typedef const struct value *(*expr_lookup_fn)(void *ctx, uint32_t i, const char *name);

// Null: unknown.  Lists are made in `scratch`; texts belong to the expression
// or to whoever answered the lookup.
struct value
expr_eval(const struct expr *e, expr_lookup_fn lookup, void *ctx, struct arena *scratch);
// As a condition: a number is true unless 0 or NaN; a text or list unless empty.
enum expr_truth
expr_test(const struct expr *e, expr_lookup_fn lookup, void *ctx, struct arena *scratch);
// As a number; true and false are 1 and 0; NaN when unknown or something else.
double
expr_number(const struct expr *e, expr_lookup_fn lookup, void *ctx, struct arena *scratch);

#endif
