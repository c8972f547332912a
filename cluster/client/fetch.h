// SPDX-License-Identifier: MIT
// fetch.h - what a job made, into a directory.
//
// Threads    One.

#ifndef CLUSTER_CLIENT_FETCH_H
#define CLUSTER_CLIENT_FETCH_H

#include <stdio.h>

#include "common/value.h"
#include "protocol/caller.h"

// The artefacts of a final document under their names (those that are lists: the parts
// that they list, joined), and the document itself as
// result.json.  The directory is made when it is not there.
MUST_CHECK enum error
fetch_all(struct caller *c, const struct value *document, const char *dir, struct errtext *t);

// The artefact of that name; NULL: the document lists none.
const struct value *fetch_find(const struct value *document, const char *name);
// Open for reading; once it is closed nothing of it lies anywhere.
MUST_CHECK enum error
fetch_open(struct caller *c, const struct value *artefact, FILE **out, struct errtext *t);
// The same for a blob.
MUST_CHECK enum error
fetch_open_blob(struct caller *c, const struct sha256 *hash, FILE **out, struct errtext *t);

#endif
