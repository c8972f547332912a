// SPDX-License-Identifier: MIT
// tokenizer_texts.h - short texts and their numbers, both ways.
//
// The first numbers are the vocabulary's token ids; what merges mention beyond
// it follows.  Equal texts have one number, so that merging compares numbers.
//
// Ownership  In the caller's storage; fini frees the copies.
// Threads    Confined to the owner's thread while it grows, read-only after.

#ifndef WORKER_EXPERTS_TOKENIZER_TEXTS_H
#define WORKER_EXPERTS_TOKENIZER_TEXTS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/arena.h"
#include "worker/experts/tokenizer.h"

enum { TEXTS_NONE = UINT32_MAX };

struct texts {
    struct arena *arena;
    struct tokenizer_text *items;
    uint32_t n;
    uint32_t cap;
    uint32_t *slots; // number + 1, 0 is free
    uint32_t n_slots;
};

void texts_init(struct texts *x);
void texts_fini(struct texts *x);
// The text's number, or TEXTS_NONE.
uint32_t texts_find(const struct texts *x, const char *s, size_t n);
// The text's number, a new one if need be.
uint32_t texts_intern(struct texts *x, const char *s, size_t n);
// A new number in any case; false when the text had one, which stays its own.
bool texts_append(struct texts *x, const char *s, size_t n);

#endif
