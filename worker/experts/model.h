// SPDX-License-Identifier: MIT
// model.h - what a GGUF file says of a model: its numbers, and its tensors by
// role.
//
// Opening checks every number and every shape, so that the engine need not.
//
// Ownership  The model owns the file's mapping; formats are static.
// Threads    Any, once opened.

#ifndef WORKER_EXPERTS_MODEL_H
#define WORKER_EXPERTS_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "worker/experts/arch.h"
#include "worker/experts/gguf.h"

enum { MODEL_TOP_K_MAX = 64, MODEL_EXPERTS_MAX = 65536, MODEL_GROUPS_MAX = 256 };

struct hyper {
    uint32_t n_layers, n_vocab, n_context;
    uint32_t d;          // width of the hidden state
    uint32_t n_heads;    // query heads
    uint32_t n_kv_heads; // divides n_heads
    uint32_t key, value; // of a head; with MLA: nope + rope, and v
    uint32_t n_rot;      // rotated numbers of a head
    uint32_t ff;         // width of the dense FFN
    uint32_t n_dense;    // leading layers without experts
    uint32_t n_experts;  // 0: a dense model
    uint32_t top_k;
    uint32_t ff_expert;
    uint32_t ff_shared;               // of the shared expert; 0: none
    uint32_t n_groups, n_groups_used; // of experts; 1: none
    uint32_t q_rank, kv_rank;         // MLA; q_rank 0: the query is not compressed
    uint32_t nope;                    // MLA: numbers of a head that are not rotated
    bool sigmoid;                     // router scores; else softmax
    bool renormalise;                 // weights of the selected add to 1
    float weights_scale;
    float eps;
    double rope_base;
    double rope_factor; // positions are divided by it; 1: no scaling
    bool yarn;          // where it matters only; else everywhere
    double yarn_context, yarn_log_multiplier, yarn_fast, yarn_slow;
    double rope_gain; // of cosines and sines
};

// NULL where the architecture has none.
struct layer {
    const struct gguf_tensor *attn_norm, *q, *k, *v, *o;
    const struct gguf_tensor *q_bias, *k_bias, *v_bias, *o_bias, *q_norm, *k_norm;
    const struct gguf_tensor *q_a, *q_a_norm, *q_b, *kv_a, *kv_a_norm, *k_b, *v_b;
    const struct gguf_tensor *ffn_norm, *gate, *up, *down;
    const struct gguf_tensor *router, *router_bias, *gate_exps, *up_exps, *down_exps;
    const struct gguf_tensor *gate_shared, *up_shared, *down_shared, *shared_gate;
};

struct model {
    struct gguf *file;
    const struct arch *arch;
    struct hyper h;
    const struct gguf_tensor *embed, *output_norm, *output; // output may be embed
    const struct gguf_tensor *rope_freqs; // what frequencies are divided by, or NULL
    struct layer *layers;
};

// Takes the file on OK.  ERR_UNSUPPORTED, ERR_INVALID, ERR_NOT_FOUND with a line
// that names file and key or tensor.
MUST_CHECK enum error model_open(struct gguf *file, struct model **out, struct errtext *t);
void model_close(struct model *m); // closes the file; NULL is fine

static inline bool model_layer_has_experts(const struct model *m, uint32_t layer)
{
    return m->h.n_experts > 0 && layer >= m->h.n_dense;
}

#endif
