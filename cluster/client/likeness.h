// SPDX-License-Identifier: MIT
// likeness.h - which jobs of a list are meant: by name, by tag, by the space searched.
//
// The hash of a space is SHA-256 over its JSON with the keys of every map sorted and
// numbers that are whole written as such: order, layout and 1 for 1.0 do not matter,
// defaults that are spelled out do.
//
// Ownership  Results live in the caller's arena.
// Threads    One.

#ifndef CLUSTER_CLIENT_LIKENESS_H
#define CLUSTER_CLIENT_LIKENESS_H

#include "common/error.h"
#include "common/hash.h"
#include "common/value.h"
#include "protocol/caller.h"

struct sha256 likeness_space_hash(const struct value *space);

struct likeness { // NULL: no such condition
    const char *like, *tag;
};

// The rows of `jobs` whose name holds `like`, or whose space is that of the job `like` or
// has a hash that begins with `like` (at least 8 digits); and that have the tag `tag`.
// Rows whose space was looked at get "space", its hash.  Job files are asked for one by
// one; ERR_DENIED: tags, and we may not read them.
MUST_CHECK enum error likeness_filter(struct caller *c,
                                      const struct value *jobs,
                                      const struct likeness *wanted,
                                      struct arena *a,
                                      struct value *out,
                                      struct errtext *t);

#endif
