// SPDX-License-Identifier: MIT
// fetch.h - what a job made, into a directory.
//
// Threads    One.

#ifndef CLUSTER_CLIENT_FETCH_H
#define CLUSTER_CLIENT_FETCH_H

#include "common/value.h"
#include "protocol/caller.h"

// The artefacts of a final document under their names (those that are lists: the parts
// that they list, joined), and the document itself as
// result.json.  The directory is made when it is not there.
MUST_CHECK enum error
fetch_all(struct caller *c, const struct value *document, const char *dir, struct errtext *t);

// One of the artefacts.
MUST_CHECK enum error
fetch_one(struct caller *c, const struct value *v, const char *dir, struct errtext *t);

#endif
