// SPDX-License-Identifier: MIT
// tokenizer_merge.h - neighbours become one symbol, the best pair first.
//
// The one engine behind both families: symbols in a linked list, the pairs that
// may merge in a heap ordered by (order, left place).  A pair whose symbols have
// changed meanwhile is recognised by its length and dropped.  O(n log n).
//
// Ownership  In the caller's storage, memory is kept from word to word.
// Threads    Confined to the owner's thread.

#ifndef WORKER_EXPERTS_TOKENIZER_MERGE_H
#define WORKER_EXPERTS_TOKENIZER_MERGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MERGE_END = UINT32_MAX };

struct merge_symbol {
    uint32_t start; // of its bytes in the text
    uint32_t n;     // bytes; 0: became part of its left neighbour
    uint32_t prev;
    uint32_t next; // MERGE_END behind the last
    uint32_t id;   // whatever the pair function makes of it
};

struct merge_pair {
    uint64_t key; // order in the high half, place of the left symbol in the low half
    uint32_t n;   // bytes of both
    uint32_t id;  // of what comes out
};

struct merge {
    struct merge_symbol *symbols;
    size_t n_symbols, cap_symbols;
    struct merge_pair *heap;
    size_t n_heap, cap_heap;
};

// May these two merge?  Smaller orders go first.
typedef bool (*merge_pair_fn)(const void *arg,
                              const struct merge_symbol *left,
                              const struct merge_symbol *right,
                              uint32_t *order,
                              uint32_t *id);

void merge_init(struct merge *m);
void merge_fini(struct merge *m);
void merge_reset(struct merge *m);
void merge_add(struct merge *m, uint32_t start, uint32_t n, uint32_t id);
// Afterwards: follow `next` from symbol 0.
void merge_run(struct merge *m, merge_pair_fn pair, const void *arg);

#endif
