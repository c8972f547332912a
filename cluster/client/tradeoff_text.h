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

// What differs from an earlier one (ATRAF's spiral: iteration n against n - 1): parameters
// that became another kind of point, scenarios whose risk changed.  Both against the same
// tree; a parameter of one document alone is named as new or gone.
MUST_CHECK enum error tradeoff_changes(const struct value *before,
                                       const struct value *now,
                                       const struct utility *u,
                                       struct arena *a,
                                       struct buf *out,
                                       struct errtext *t);

#endif
