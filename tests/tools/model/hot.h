// SPDX-License-Identifier: MIT
// hot.h - a model whose routers send many tokens to one expert.
//
// The rows of routers are replaced by random ones (Philox: layer, row) of one length,
// expert 0's by a longer one; each token goes to one expert.  A row `factor` times as
// long is the largest for about P(factor g > the largest of the other g) of all
// tokens, g normal: 3 gives about 0.3 with 16 experts.
//
// Ownership  The creator destroys it before the model is closed; it puts the routers back.
// Threads    Confined to the model's.

#ifndef TESTS_TOOLS_MODEL_HOT_H
#define TESTS_TOOLS_MODEL_HOT_H

#include "worker/experts/model.h"

struct hot;

struct hot *hot_create(struct model *m, float factor);
void hot_destroy(struct hot *h);

#endif
