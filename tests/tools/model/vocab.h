// SPDX-License-Identifier: MIT
// vocab.h - a small vocabulary of byte-level BPE, learned from a text of its own.
//
// Sennrich et al., "Neural machine translation of rare words with subword units",
// ACL 2016: the pair of neighbours seen most often becomes a token, again and
// again; of pairs seen equally often the one of the smaller ids.  Tokens 0 to 255
// are the bytes, then come the learned ones, then unused ones up to the number
// asked for, at the end the special ones.
//
// Ownership  The creator destroys it; what it shows is borrowed.
// Threads    Confined to its holder's.

#ifndef TESTS_TOOLS_MODEL_VOCAB_H
#define TESTS_TOOLS_MODEL_VOCAB_H

#include <stdint.h>

enum { VOCAB_SPECIAL_MAX = 4, VOCAB_MAX = 4 << 20 };

extern const char vocab_text[];

// Two tokens that stand side by side, and how often.
struct vocab_pair {
    uint32_t left, right;
    uint32_t count;
};

struct vocab;

// n tokens, at least 256 + n_special.
struct vocab *vocab_create(uint32_t n, const char *const *special, uint32_t n_special);
void vocab_destroy(struct vocab *v); // NULL is fine

uint32_t vocab_n(const struct vocab *v);
const char *vocab_piece(const struct vocab *v, uint32_t id); // as a GGUF file writes it
int32_t vocab_type(const struct vocab *v, uint32_t id);      // enum tokenizer_type
uint32_t vocab_special(const struct vocab *v, uint32_t i);   // the id of special[i]
uint32_t vocab_n_merges(const struct vocab *v);
const char *vocab_merge(const struct vocab *v, uint32_t i); // "left right"

// The text in tokens, and its pairs in the order of (right, left).
const uint32_t *vocab_tokens(const struct vocab *v, uint32_t *n);
const struct vocab_pair *vocab_pairs(const struct vocab *v, uint32_t *n);

#endif
