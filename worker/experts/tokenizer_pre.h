// SPDX-License-Identifier: MIT
// tokenizer_pre.h - the pre-tokenisers by name: how text is cut before merging.
//
// Each is a list of regular expressions applied one after the other: every
// match, and every stretch between two matches, is a piece for the next one.
//
// Ownership  Static.
// Threads    Any.

#ifndef WORKER_EXPERTS_TOKENIZER_PRE_H
#define WORKER_EXPERTS_TOKENIZER_PRE_H

#include <stdbool.h>

enum { PRE_EXPRESSIONS_MAX = 6 };

struct tokenizer_pre {
    const char *names; // blank-separated
    const char *expressions[PRE_EXPRESSIONS_MAX + 1];
    bool whole_words; // a word that is a piece needs no merges
    bool add_bos;     // unless the metadata say otherwise
};

// NULL if there is none of that name.
const struct tokenizer_pre *tokenizer_pre_find(const char *name);

#endif
