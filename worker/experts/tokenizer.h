// SPDX-License-Identifier: MIT
// tokenizer.h - text to token ids and back, as the model's own metadata says.
//
// Two families: "llama" (SentencePiece style: blanks are part of the pieces,
// pairs merge by score, what has no piece becomes byte tokens) and "gpt2"
// (byte-level BPE: a pre-tokeniser cuts the text into words, pairs merge by
// rank).  Special tokens are found in the text before either sees it: those a
// user defined always, control tokens only when asked for.
//
// Text need not be valid UTF-8: every byte comes back from the tokens, as long
// as the vocabulary has a token for each byte.
//
// Ownership  Everything of the source is copied; the creator destroys.
// Threads    An encoder keeps scratch memory: confined to its holder's thread.
//            Pieces and decoding are read-only and may be shared.

#ifndef WORKER_EXPERTS_TOKENIZER_H
#define WORKER_EXPERTS_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/error.h"

enum {
    TOKENIZER_VOCAB_MAX = 4 << 20,
    TOKENIZER_PIECE_MAX = 64 << 10, // bytes of one piece
    TOKENIZER_MERGES_MAX = 8 << 20,
    TOKENIZER_TEXT_MAX = 64 << 20, // bytes of one text
};

// Types as GGUF numbers them.
enum tokenizer_type {
    TOKENIZER_NORMAL = 1,
    TOKENIZER_UNKNOWN = 2,
    TOKENIZER_CONTROL = 3,
    TOKENIZER_USER_DEFINED = 4,
    TOKENIZER_UNUSED = 5,
    TOKENIZER_BYTE = 6,
};

// A key that the model's file may leave out; the family then decides.
enum { TOKENIZER_UNSET = -1 };

struct tokenizer_text {
    const char *s; // not terminated
    size_t n;
};

// What the metadata says; borrowed during tokenizer_create.
struct tokenizer_source {
    const char *model; // "llama" or "gpt2"
    const char *pre;   // the pre-tokeniser of "gpt2"; NULL: "default"
    const char *name;  // of the model, NULL if unknown: some families strip blanks
    uint32_t n;
    const struct tokenizer_text *pieces; // n of them
    const float *scores;                 // n, or NULL
    const int32_t *types;                // n, or NULL: all normal
    uint32_t n_merges;
    const struct tokenizer_text *merges;    // "left right", best first
    int64_t bos, eos, eot, unk;             // token ids or TOKENIZER_UNSET
    int add_bos, add_eos, add_space_prefix; // 0, 1 or TOKENIZER_UNSET
};

struct tokenizer;

// ERR_PARSE or ERR_LIMIT with a line that names the metadata key,
// ERR_UNSUPPORTED for an unknown family or pre-tokeniser.
MUST_CHECK enum error
tokenizer_create(const struct tokenizer_source *s, struct tokenizer **out, struct errtext *t);
void tokenizer_destroy(struct tokenizer *k); // NULL is fine

uint32_t tokenizer_n(const struct tokenizer *k);
// TOKENIZER_UNSET when the model has none.
int64_t tokenizer_bos(const struct tokenizer *k);
int64_t tokenizer_eos(const struct tokenizer *k);
bool tokenizer_adds_bos(const struct tokenizer *k);
bool tokenizer_is_special(const struct tokenizer *k, int32_t id); // control or unknown
bool tokenizer_is_end(const struct tokenizer *k, int32_t id);     // generation ends with it
// The token whose piece reads exactly so, or TOKENIZER_UNSET.
int64_t tokenizer_find(const struct tokenizer *k, const char *piece, size_t n);
// The bytes that the token stands for; special tokens read as their text.
// Borrowed; an id outside of the vocabulary has none.
struct tokenizer_text tokenizer_piece(const struct tokenizer *k, int32_t id);

struct tokens {
    int32_t *ids;
    size_t n;
    size_t cap;
};

void tokens_push(struct tokens *list, int32_t id);
void tokens_fini(struct tokens *list);

enum tokenizer_flags {
    TOKENIZER_ADD_SPECIAL = 1,   // the model's rules about BOS and EOS apply
    TOKENIZER_PARSE_SPECIAL = 2, // control tokens in the text are meant as such
};

// Append the text's tokens.  ERR_LIMIT: too long; FAULT_JOB: the vocabulary has
// no token for some byte of it, nor one for the unknown.
MUST_CHECK enum error tokenizer_encode(
    struct tokenizer *k, const char *text, size_t n, int flags, struct tokens *out);

enum tokenizer_decode_flags {
    TOKENIZER_SKIP_SPECIAL = 1, // control tokens read as nothing
    TOKENIZER_REPLACE = 2,      // what is no UTF-8 reads as U+FFFD, a part a time
};

// Append the bytes of a list of tokens.
void tokenizer_decode(
    const struct tokenizer *k, const int32_t *ids, size_t n, int flags, struct buf *out);

#endif
