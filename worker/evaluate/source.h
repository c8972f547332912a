// SPDX-License-Identifier: MIT
// source.h - a program's text with marks where a parameter's value belongs.
//
// @name@ stands for the value as template.h writes it, @name:c@ for an expression
// (common/expr.h) written in C.  An @ that begins no mark stands for itself: sources are
// full of braces, so template.h's {name} is not for them.
//
// Threads    Any; pure.

#ifndef WORKER_EVALUATE_SOURCE_H
#define WORKER_EVALUATE_SOURCE_H

#include "common/buf.h"
#include "common/error.h"
#include "common/value.h"

// Append the text with its values from the map `values`.  FAULT_JOB: a mark whose name is
// not there, an expression that does not compile or has no text in C, too long.
MUST_CHECK enum error source_fill(
    const char *text, size_t n, const struct value *values, struct buf *out, struct errtext *t);

#endif
