// SPDX-License-Identifier: MIT
// weights.h - a rank's share of a model's quantised matrices, packed for integer
// products; the ranks of a node can have one copy of them together.
//
// The file's own bytes stay where they are, mapped, and are not looked at again.
//
// Ownership  The creator destroys; the model outlives it.
// Threads    Read-only once created.

#ifndef WORKER_EXPERTS_WEIGHTS_H
#define WORKER_EXPERTS_WEIGHTS_H

#include <stdbool.h>

#include "common/error.h"
#include "worker/experts/model.h"
#include "worker/group.h"
#include "worker/tensor/packed.h"
#include "worker/tensor/team.h"

struct range {
    uint32_t from, to;
};

static inline size_t range_n(struct range r)
{
    return r.to - r.from;
}

// Some rows (of the second dimension) of some slices (of the third) of a tensor.
struct weights_share {
    const struct gguf_tensor *tensor;
    struct range rows, slices;
};

struct weights;
struct weights_entry; // a tensor that is packed

// Tensors of floats are left out.  With `node` all of its ranks call with the same
// shares, and each packs a part: ERR_AGAIN for all when they cannot share memory.
// ERR_LIMIT: memory.
MUST_CHECK enum error weights_create(const struct weights_share *shares,
                                     uint32_t n,
                                     struct team *team,
                                     struct group *node,
                                     struct weights **out,
                                     struct errtext *t);
void weights_destroy(struct weights *w); // NULL is fine
size_t weights_bytes(const struct weights *w);
// fn for each tensor that was packed.
typedef void (*weights_fn)(const struct gguf_tensor *t, void *arg);
void weights_each(const struct weights *w, weights_fn fn, void *arg);

// Whether the packed weights take activations by packed_round; else by packed_quantise.
bool weights_round(const struct weights *w);
// NULL where the tensor is not packed; w may be NULL.
const struct weights_entry *weights_find(const struct weights *w, const struct gguf_tensor *t);
// Groups from row `row` (a group's first) of slice `z` on, which must be in the share.
const uint8_t *weights_at(const struct weights_entry *s, uint32_t z, uint32_t row);

#endif
