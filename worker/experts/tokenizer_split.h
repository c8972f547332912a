// SPDX-License-Identifier: MIT
// tokenizer_split.h - a text cut into words by a pre-tokeniser's expressions.
//
// A stretch of bytes that are no UTF-8 is a word.
//
// Ownership  The creator destroys; the ends are the splitter's until the next run.
// Threads    Confined to the owner's thread.

#ifndef WORKER_EXPERTS_TOKENIZER_SPLIT_H
#define WORKER_EXPERTS_TOKENIZER_SPLIT_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "worker/experts/tokenizer_pre.h"

struct tokenizer_split;

struct tokenizer_split *tokenizer_split_create(const struct tokenizer_pre *pre);
void tokenizer_split_destroy(struct tokenizer_split *s); // NULL is fine
// Where each word ends, ascending; the last is n.  ERR_LIMIT if an expression
// takes more steps than a text of this length may need.
MUST_CHECK enum error tokenizer_split_run(struct tokenizer_split *s,
                                          const char *text,
                                          size_t n,
                                          const uint32_t **ends,
                                          size_t *n_ends);

#endif
