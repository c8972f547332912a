// SPDX-License-Identifier: MIT
// inline_prompts.h - for inline.c only: a file of prompts is read through before it is
// sent, line by line, so that a mistake in it is known at once and memory stays small.
//
// Threads    Any.

#ifndef PROTOCOL_INLINE_PROMPTS_H
#define PROTOCOL_INLINE_PROMPTS_H

#include <stdint.h>

#include "common/error.h"

// ERR_PARSE, ERR_LIMIT with "path:line: what".
MUST_CHECK enum error inline_count_prompts(const char *path, uint32_t *n, struct errtext *t);

#endif
