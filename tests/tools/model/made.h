// SPDX-License-Identifier: MIT
// made.h - a mixture-of-experts model of random weights, any size, the same bytes
// everywhere.
//
// Weights are uniform and addressed (Philox: the seed; layer, role, row), so a
// layer's weights are the same up to their scale whatever stands around it.
// They are scaled so that activations keep their size through any number of
// layers.  The head remembers which token followed which in the vocabulary's
// text (an associative memory: the sum of the embeddings of what came before,
// weighted by the logarithm of how often), so what a model says can be read.
//
// Ownership  None kept.
// Threads    Any.

#ifndef TESTS_TOOLS_MODEL_MADE_H
#define TESTS_TOOLS_MODEL_MADE_H

#include <stdint.h>
#include <stdio.h>

#include "common/error.h"
#include "worker/tensor/format.h"

struct made_shape {
    const char *arch;            // "olmoe" or "qwen3moe"
    const struct format *format; // of the matrices; must pack
    uint64_t seed;
    uint32_t n_layers;
    uint32_t width;
    uint32_t n_heads, n_kv_heads;
    uint32_t head; // width of a head
    uint32_t n_experts, top_k;
    uint32_t ff; // width of an expert
    uint32_t n_vocab, n_context;
};

// The default: 4.5 million weights, 2.6 MB in Q4_0.
struct made_shape made_default(void);

// Write the file, without seeking.  A matrix whose rows are no multiple of the
// format's block becomes Q8_0, else F16; norms and routers stay F32.
// ERR_INVALID with a line: a size out of range or two that do not fit; ERR_IO.
MUST_CHECK enum error made_write(const struct made_shape *s, FILE *to, struct errtext *t);

#endif
