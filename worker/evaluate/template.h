// SPDX-License-Identifier: MIT
// template.h - a user's text with {name} where a parameter's value belongs.
//
// {{ and }} stand for single braces; every other brace must be part of a
// {name}, so that a forgotten one is found before anything runs.  A name is
// made of letters, digits, '_', '-' and '.'.  Values: strings as they are,
// numbers in the shortest form that reads back, true and false, lists joined
// by single spaces, maps as JSON.
//
// Threads    Any; pure.

#ifndef WORKER_EVALUATE_TEMPLATE_H
#define WORKER_EVALUATE_TEMPLATE_H

#include "common/buf.h"
#include "common/error.h"
#include "common/value.h"

// The braces only.  ERR_PARSE, text "a lone { at character 3 (write {{ for a brace)".
MUST_CHECK enum error template_check(const struct value *text, struct errtext *t);

// Append the text with its values from the map `values`.  FAULT_JOB: a name
// that is not there, or longer than the buffer's limit.
MUST_CHECK enum error template_fill(const struct value *text,
                                    const struct value *values,
                                    struct buf *out,
                                    struct errtext *t);

// A value as it stands in a filled text.
void template_put(const struct value *v, struct buf *out);

#endif
