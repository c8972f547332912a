// SPDX-License-Identifier: MIT
// where.h - a condition that every point of a space satisfies.
//
// Evaluated on partial points too: false only when no value of what is still
// undecided can make it true as far as the expression shows.
//
// Ownership  In the arena it was compiled into.
// Threads    Read-only; any.

#ifndef COORDINATOR_SEARCH_WHERE_H
#define COORDINATOR_SEARCH_WHERE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/error.h"
#include "common/value.h"

struct where;

// The value of a parameter, with nulls for elements that are not decided; false:
// nothing of it is, or it is not in play.
typedef bool (*where_lookup_fn)(void *ctx, const char *name, struct value *out);

MUST_CHECK enum error
where_compile(const struct value *text, struct arena *a, struct where **out, struct errtext *t);
bool where_mentions(const struct where *w, const char *name);
// The first name in it that is not among `names`; NULL: all are.
const char *where_stranger(const struct where *w, const char *const *names, uint32_t n);
// Instructions of its expression: what a look at it costs besides what the lookups make.
uint32_t where_size(const struct where *w);
// Cannot be true any more.
bool where_fails(const struct where *w, where_lookup_fn lookup, void *ctx, struct arena *a);

#endif
