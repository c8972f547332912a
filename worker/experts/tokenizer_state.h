// SPDX-License-Identifier: MIT
// tokenizer_state.h - what the files of the tokenizer share.
//
// Only tokenizer*.c include it.
//
// Ownership  Everything belongs to the tokenizer.
// Threads    `merge`, `scratch`, `split` and `found` are the encoder's scratch.

#ifndef WORKER_EXPERTS_TOKENIZER_STATE_H
#define WORKER_EXPERTS_TOKENIZER_STATE_H

#include "common/map.h"
#include "worker/experts/tokenizer.h"
#include "worker/experts/tokenizer_merge.h"
#include "worker/experts/tokenizer_split.h"
#include "worker/experts/tokenizer_texts.h"

// What a token is; several may hold at once.
enum {
    KIND_NORMAL = 1,
    KIND_UNKNOWN = 2,
    KIND_CONTROL = 4,
    KIND_USER = 8,
    KIND_UNUSED = 16,
    KIND_BYTE = 32,
    KIND_END = 64,     // generation ends with it
    KIND_RSTRIP = 128, // blanks behind it in a text are dropped
};

// A token that is found in the text as it is written.
struct special {
    uint32_t id;
    uint32_t n; // bytes
};

struct special_match {
    uint32_t id;
    uint32_t n;
    size_t at;
};

struct tokenizer {
    bool bpe;
    bool add_bos, add_eos, add_space_prefix;
    bool whole_words;  // BPE: a word that is a piece needs no merges
    bool blanks_start; // llama: no piece has a blank behind something else
    int64_t bos, eos, unk;
    uint32_t n;
    size_t piece_max; // bytes of the longest piece
    struct texts texts;
    uint8_t *kinds;             // n
    uint32_t *order;            // llama: n; how early a merge into this piece happens
    struct tokenizer_text *out; // n; the bytes that a token stands for
    char *out_bytes;
    uint32_t of_byte[256];       // llama: the byte's token; BPE: its character's text
    uint32_t of_single[256];     // BPE: the piece that is just this byte
    struct map merges;           // BPE: left << 32 | right -> rank << 32 | text
    struct special *specials;    // by first byte
    uint32_t special_first[257]; // where each first byte's begin
    struct tokenizer_split *split;
    struct merge merge;
    struct buf scratch;
    struct special_match *found;
    size_t n_found, cap_found;
};

// UTF-8 of the character by which byte-level BPE writes a byte; 1 or 2 bytes.
size_t tokenizer_byte_text(uint8_t byte, char out[2]);
// The bytes that a piece of byte-level BPE stands for; returns how many, at most n.
size_t tokenizer_byte_decode(const char *piece, size_t n, char *out);

// The special tokens in the text, ascending, none overlapping another.
void tokenizer_find_special(struct tokenizer *k, const char *text, size_t n, int flags);
void tokenizer_index_special(struct tokenizer *k);

#endif
