// SPDX-License-Identifier: MIT
// made_state.h - what made_*.c share; private to them.
//
// Ownership  The plan owns its vocabulary and its list.
// Threads    Confined.

#ifndef TESTS_TOOLS_MODEL_MADE_STATE_H
#define TESTS_TOOLS_MODEL_MADE_STATE_H

#include "tests/tools/model/container.h"
#include "tests/tools/model/made.h"
#include "tests/tools/model/vocab.h"

// Parts of the weights' addresses: new ones at the end.
enum made_role {
    MADE_EMBED,
    MADE_HEAD,
    MADE_OUTPUT_NORM,
    MADE_ATTN_NORM,
    MADE_Q,
    MADE_K,
    MADE_V,
    MADE_O,
    MADE_Q_NORM,
    MADE_K_NORM,
    MADE_FFN_NORM,
    MADE_ROUTER,
    MADE_GATE,
    MADE_UP,
    MADE_DOWN,
};

struct made_tensor {
    enum made_role role;
    uint32_t layer;
    uint64_t dims[3]; // fastest first, 0: no such dimension
    const struct format *format;
    double deviation; // of a weight; of a norm, around 1
    uint64_t bytes;
};

struct made_plan {
    const struct made_shape *s;
    const struct made_family *family;
    struct vocab *vocab;
    struct made_tensor *tensors;
    uint32_t n;
};

// Which tokens, keys and constants an architecture has.
struct made_family {
    const char *arch, *pre;
    const char *special[VOCAB_SPECIAL_MAX];
    uint32_t n_special, bos, eos, pad; // the last three: of `special`
    float eps, rope_base;
    const char *template;
};
const struct made_family *made_family_find(const char *arch); // or NULL

void made_write_keys(const struct made_plan *p, struct container *c);
MUST_CHECK enum error
made_write_tensor(const struct made_plan *p, const struct made_tensor *x, FILE *to);

#endif
