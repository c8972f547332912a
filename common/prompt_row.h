// SPDX-License-Identifier: MIT
// prompt_row.h - prompts as lines of JSON: what a line may say, and lines one by one, so
// that a file of them may be larger than memory.
//
//   "a text", or a map {id, text | tokens | messages, add_special, parse_special}
//
// Threads    Any; a stream is its holder's.

#ifndef COMMON_PROMPT_ROW_H
#define COMMON_PROMPT_ROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "common/buf.h"
#include "common/error.h"
#include "common/value.h"

enum {
    PROMPT_ROWS_MAX = 1000000,  // of a job
    PROMPT_LINE_MAX = 16 << 20, // bytes
};

// ERR_PARSE with what is wrong, without a place.
MUST_CHECK enum error prompt_row_check(const struct value *v, struct errtext *t);

bool prompt_line_is_blank(const char *s, size_t n); // and so no prompt

// The next line, without its end, instead of what is in `line`, whose limit is the
// line's.  ERR_NOT_FOUND: there is none; ERR_LIMIT: longer; ERR_IO.
MUST_CHECK enum error prompt_line_next(FILE *f, struct buf *line);

#endif
