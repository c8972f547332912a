// SPDX-License-Identifier: MIT
// tokenizer_gguf.h - a tokenizer from a model file's metadata.
//
// Ownership  The tokenizer copies what it needs; the creator destroys it.
// Threads    Any.

#ifndef WORKER_EXPERTS_TOKENIZER_GGUF_H
#define WORKER_EXPERTS_TOKENIZER_GGUF_H

#include "common/error.h"
#include "worker/experts/gguf.h"
#include "worker/experts/tokenizer.h"

// What gguf_get_… and tokenizer_create return, with the file's name in the line.
MUST_CHECK enum error
tokenizer_from_gguf(const struct gguf *g, struct tokenizer **out, struct errtext *t);

#endif
