// SPDX-License-Identifier: MIT
// expr_print.h - an expression as text again.
//
// Every operation in parentheses but the outermost, numbers in the shortest form that
// reads back: what is printed compiles to the same code, and two expressions with the same
// text are the same.  As C it is an expression of double and int (1 and 0 for true and
// false) that needs math.h; min and max become fmin and fmax, ** pow.  There x / 0 is
// infinite and fmin drops a NaN: a program in C is judged by what it does, not by what the
// expression would have been.
//
// Ownership  The text is appended to the caller's buffer.
// Threads    Any; pure.

#ifndef COMMON_EXPR_PRINT_H
#define COMMON_EXPR_PRINT_H

#include "common/buf.h"
#include "common/error.h"
#include "common/expr.h"

enum expr_syntax { EXPR_SYNTAX_OWN, EXPR_SYNTAX_C };

// Longer ones are not printed: their text would grow with the square.
enum { EXPR_PRINT_MAX = 1024 };

// ERR_INVALID: what has no text in the syntax (lists, texts, `in`; as C also %), or too long.
MUST_CHECK enum error
expr_print(const struct expr *e, enum expr_syntax syntax, struct buf *out, struct errtext *t);

#endif
