// SPDX-License-Identifier: MIT
// prefix.h - sequences that have ended, kept for whoever begins alike.
//
// Book-keeping alone: whose pages the engine still holds, and for which tokens.  The
// caller opens and closes sequences, and gives back the oldest when it needs pages.
//
// Ownership  The creator destroys; tokens are copied, notes taken over.
// Threads    Confined to the owner's.

#ifndef WORKER_EXPERTS_PREFIX_H
#define WORKER_EXPERTS_PREFIX_H

#include <stdbool.h>
#include <stdint.h>

enum { PREFIX_KEPT_MAX = 64 };

struct prefix;

struct prefix_entry {
    uint32_t sequence;
    const int32_t *tokens;
    uint32_t n;
    void *note; // the keeper's, from mem_alloc, or NULL
};

struct prefix *prefix_create(void);
void prefix_destroy(struct prefix *p); // NULL is fine

// Equal tokens at the beginning of both.
uint32_t prefix_common(const int32_t *a, uint32_t n_a, const int32_t *b, uint32_t n_b);

// There must be room: fewer than PREFIX_KEPT_MAX.
void prefix_keep(struct prefix *p, const struct prefix_entry *e);
uint32_t prefix_n(const struct prefix *p);
// The one that shares most with `tokens`, at least `least`; it is the youngest then.
// NULL: none.  Good until the next call.
const struct prefix_entry *prefix_find(
    struct prefix *p, const int32_t *tokens, uint32_t n, uint32_t least, uint32_t *common);
// Takes out the one that was of no use for longest; its sequence is the caller's again.
bool prefix_oldest(struct prefix *p, uint32_t *sequence);
void prefix_forget(struct prefix *p); // all, where the engine is gone
// A function of all that was kept and in which order.
uint64_t prefix_mark(const struct prefix *p);

#endif
