// SPDX-License-Identifier: MIT
// tradeoff_text.h - a sweep's points against a utility tree, for people.
//
// Threads    One.

#ifndef CLUSTER_CLIENT_TRADEOFF_TEXT_H
#define CLUSTER_CLIENT_TRADEOFF_TEXT_H

#include "cluster/client/utility.h"
#include "common/buf.h"
#include "common/value.h"

// Of a final document's result.points, means, numeric parameters; the first point is the
// base.  ERR_INVALID: no such points, or a metric of the tree is not among theirs.
MUST_CHECK enum error tradeoff_text(const struct value *document,
                                    const struct utility *u,
                                    struct arena *a,
                                    struct buf *out,
                                    struct errtext *t);

#endif
