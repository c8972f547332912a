// SPDX-License-Identifier: MIT
#include "worker/experts/model.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "worker/experts/model_state.h"
#include "worker/tensor/format.h"

enum { VOCAB_MAX = 4 << 20 };

// ---- tensors ---------------------------------------------------------------------

enum when {
    ALWAYS = 1,
    PLAIN = 2,
    LATENT = 4,
    DENSE = 8,
    EXPERTS = 16,
    BIAS = 32,
    QK = 64,
    Q_RANK = 128,
    NO_Q_RANK = 256,
    SHARED = 512,
    SHARED_GATE = 1024,
    NO_BIAS = 2048
};

struct role {
    const char *name; // behind "blk.N."
    size_t at;        // in struct layer
    int when;         // all of these must hold
    bool may_lack;
    uint64_t dims[3]; // filled in for the model
};

static enum error get_tensor(struct gguf *f,
                             const char *name,
                             const uint64_t dims[3],
                             bool may_lack,
                             const struct gguf_tensor **out,
                             struct errtext *t)
{
    uint64_t all[GGUF_DIMS_MAX] = {dims[0], dims[1] ? dims[1] : 1, dims[2] ? dims[2] : 1, 1};
    if (may_lack && !gguf_tensor_find(f, name))
        return OK;
    return gguf_tensor_get(f, name, all, out, t);
}

static int conditions(const struct model *m, uint32_t layer)
{
    const struct hyper *h = &m->h;
    const struct arch *a = m->arch;
    bool experts = model_layer_has_experts(m, layer);
    return ALWAYS | (a->mla ? LATENT : PLAIN) | (experts ? EXPERTS : DENSE)
           | (a->bias ? BIAS : NO_BIAS) | (a->qk_norm != ARCH_NORM_NONE ? QK : 0)
           | (h->q_rank ? Q_RANK : NO_Q_RANK) | (experts && h->ff_shared ? SHARED : 0)
           | (experts && h->ff_shared && a->shared_gate ? SHARED_GATE : 0);
}

#define ROLE_IF(may_lack, name, field, when, ...)                                              \
    {                                                                                          \
        name, offsetof(struct layer, field), when, may_lack,                                   \
        {                                                                                      \
            __VA_ARGS__                                                                        \
        }                                                                                      \
    }
#define ROLE(...)  ROLE_IF(false, __VA_ARGS__)
#define MAYBE(...) ROLE_IF(true, __VA_ARGS__)

static enum error
read_roles(struct model *m, uint32_t i, const struct role *roles, size_t n, struct errtext *t)
{
    int here = conditions(m, i);
    for (size_t r = 0; r < n; r++) {
        char name[128];
        if ((roles[r].when & here) != roles[r].when)
            continue;
        (void)snprintf(name, sizeof name, "blk.%u.%s", i, roles[r].name);
        const struct gguf_tensor **slot =
            (const struct gguf_tensor **)(void *)((char *)&m->layers[i] + roles[r].at);
        enum error e = get_tensor(m->file, name, roles[r].dims, roles[r].may_lack, slot, t);
        if (e)
            return e;
    }
    return OK;
}

static enum error read_attention(struct model *m, uint32_t i, struct errtext *t)
{
    const struct hyper *h = &m->h;
    uint64_t d = h->d, q = (uint64_t)h->n_heads * h->key, k = (uint64_t)h->n_kv_heads * h->key;
    uint64_t v = (uint64_t)h->n_kv_heads * h->value, o = (uint64_t)h->n_heads * h->value;
    bool whole = m->arch->qk_norm == ARCH_NORM_WHOLE;
    const struct role roles[] = {
        ROLE("attn_norm.weight", attn_norm, ALWAYS, d),
        ROLE("attn_q.weight", q, PLAIN, d, q),
        ROLE("attn_k.weight", k, PLAIN, d, k),
        ROLE("attn_v.weight", v, PLAIN, d, v),
        ROLE("attn_q.bias", q_bias, PLAIN | BIAS, q),
        ROLE("attn_k.bias", k_bias, PLAIN | BIAS, k),
        ROLE("attn_v.bias", v_bias, PLAIN | BIAS, v),
        MAYBE("attn_q.bias", q_bias, PLAIN | NO_BIAS, q),
        MAYBE("attn_k.bias", k_bias, PLAIN | NO_BIAS, k),
        MAYBE("attn_v.bias", v_bias, PLAIN | NO_BIAS, v),
        MAYBE("attn_output.bias", o_bias, ALWAYS, d),
        ROLE("attn_q_norm.weight", q_norm, QK, whole ? q : h->key),
        ROLE("attn_k_norm.weight", k_norm, QK, whole ? k : h->key),
        ROLE("attn_q.weight", q, LATENT | NO_Q_RANK, d, q),
        ROLE("attn_q_a.weight", q_a, LATENT | Q_RANK, d, h->q_rank),
        ROLE("attn_q_a_norm.weight", q_a_norm, LATENT | Q_RANK, h->q_rank),
        ROLE("attn_q_b.weight", q_b, LATENT | Q_RANK, h->q_rank, q),
        ROLE("attn_kv_a_mqa.weight", kv_a, LATENT, d, h->kv_rank + h->n_rot),
        ROLE("attn_kv_a_norm.weight", kv_a_norm, LATENT, h->kv_rank),
        ROLE("attn_k_b.weight", k_b, LATENT, h->nope, h->kv_rank, h->n_heads),
        ROLE("attn_v_b.weight", v_b, LATENT, h->kv_rank, h->value, h->n_heads),
        ROLE("attn_output.weight", o, ALWAYS, o, d),
    };
    return read_roles(m, i, roles, sizeof roles / sizeof roles[0], t);
}

static enum error read_ffn(struct model *m, uint32_t i, struct errtext *t)
{
    const struct hyper *h = &m->h;
    uint64_t d = h->d, n = h->n_experts, fe = h->ff_expert, fs = h->ff_shared;
    const struct role roles[] = {
        ROLE("ffn_norm.weight", ffn_norm, ALWAYS, d),
        ROLE("ffn_gate.weight", gate, DENSE, d, h->ff),
        ROLE("ffn_up.weight", up, DENSE, d, h->ff),
        ROLE("ffn_down.weight", down, DENSE, h->ff, d),
        ROLE("ffn_gate_inp.weight", router, EXPERTS, d, n),
        MAYBE("exp_probs_b.bias", router_bias, EXPERTS, n),
        ROLE("ffn_gate_exps.weight", gate_exps, EXPERTS, d, fe, n),
        ROLE("ffn_up_exps.weight", up_exps, EXPERTS, d, fe, n),
        ROLE("ffn_down_exps.weight", down_exps, EXPERTS, fe, d, n),
        ROLE("ffn_gate_shexp.weight", gate_shared, SHARED, d, fs),
        ROLE("ffn_up_shexp.weight", up_shared, SHARED, d, fs),
        ROLE("ffn_down_shexp.weight", down_shared, SHARED, fs, d),
        ROLE("ffn_gate_inp_shexp.weight", shared_gate, SHARED_GATE, d),
    };
    return read_roles(m, i, roles, sizeof roles / sizeof roles[0], t);
}

// A token without a row would be read behind the table; rows without a token are
// padding.
static enum error check_vocabulary(const struct model *m, struct errtext *t)
{
    struct gguf_array tokens = {.n = 0};
    if (!gguf_find(m->file, "tokenizer.ggml.tokens"))
        return OK;
    enum error e = gguf_get_array(m->file, "tokenizer.ggml.tokens", GGUF_STR, &tokens, t);
    if (!e && tokens.n > m->h.n_vocab)
        e = errtext_set(t, ERR_INVALID,
                        "%s: tokenizer.ggml.tokens has %llu tokens, token_embd.weight has rows "
                        "for %u",
                        gguf_path(m->file), (unsigned long long)tokens.n, m->h.n_vocab);
    return e;
}

// ---- what is left over -----------------------------------------------------------

static bool is_of_layer(const struct layer *l, const struct gguf_tensor *x)
{
    const struct gguf_tensor *const *slots = (const struct gguf_tensor *const *)(const void *)l;
    for (size_t i = 0; i < sizeof *l / sizeof *slots; i++)
        if (slots[i] == x)
            return true;
    return false;
}

static bool is_used(const struct model *m, const struct gguf_tensor *x)
{
    if (strncmp(x->name, "blk.", 4) == 0) {
        unsigned long layer = strtoul(x->name + 4, NULL, 10);
        return layer < m->h.n_layers && is_of_layer(&m->layers[layer], x);
    }
    return x == m->embed || x == m->output || x == m->output_norm || x == m->rope_freqs;
}

// A tensor that the architecture has no use for is a part of the model that would be
// missing in what it says.
static enum error check_unused(const struct model *m, struct errtext *t)
{
    for (uint32_t i = 0; i < gguf_n_tensors(m->file); i++) {
        const struct gguf_tensor *x = gguf_tensor_at(m->file, i);
        if (!is_used(m, x))
            return errtext_set(t, ERR_UNSUPPORTED,
                               "%s: tensor %s is none that architecture '%s' is known to have",
                               gguf_path(m->file), x->name, m->arch->name);
    }
    return OK;
}

// Widths that no key tells are those of the first layer with experts.
static void read_widths(struct model *m)
{
    struct hyper *h = &m->h;
    char name[128];
    const struct gguf_tensor *x;
    if (h->n_dense >= h->n_layers || !h->n_experts)
        return;
    (void)snprintf(name, sizeof name, "blk.%u.ffn_gate_exps.weight", h->n_dense);
    x = gguf_tensor_find(m->file, name);
    if (x && !gguf_find(m->file, ".expert_feed_forward_length")
        && x->dims[1] <= MODEL_WIDTH_MAX)
        h->ff_expert = (uint32_t)x->dims[1];
    (void)snprintf(name, sizeof name, "blk.%u.ffn_gate_shexp.weight", h->n_dense);
    x = gguf_tensor_find(m->file, name);
    if (x && !h->ff_shared && x->dims[1] <= MODEL_WIDTH_MAX)
        h->ff_shared = (uint32_t)x->dims[1];
}

static enum error read_rope_freqs(struct model *m, struct errtext *t)
{
    uint64_t pairs[3] = {m->h.n_rot / 2, 1, 1};
    enum error e = OK;
    if (!m->arch->mla)
        e = get_tensor(m->file, "rope_freqs.weight", pairs, true, &m->rope_freqs, t);
    if (e || !m->rope_freqs)
        return e;
    if (m->rope_freqs->format->type != FORMAT_F32)
        return errtext_set(t, ERR_UNSUPPORTED,
                           "%s: tensor rope_freqs.weight is %s, expected F32",
                           gguf_path(m->file), m->rope_freqs->format->name);
    const float *x = (const float *)(const void *)m->rope_freqs->data;
    for (uint32_t i = 0; i < pairs[0]; i++)
        if (!(x[i] > 1e-6F && x[i] < 1e6F))
            return errtext_set(
                t, ERR_INVALID,
                "%s: tensor rope_freqs.weight has %g at %u, expected divisors of "
                "frequencies",
                gguf_path(m->file), (double)x[i], i);
    return OK;
}

static enum error read_tensors(struct model *m, struct errtext *t)
{
    struct gguf *f = m->file;
    const struct gguf_tensor *embed = gguf_tensor_find(f, "token_embd.weight");
    if (!embed || embed->n_dims < 2 || embed->dims[1] > VOCAB_MAX)
        return errtext_set(t, ERR_INVALID,
                           "%s: tensor token_embd.weight is missing or no matrix",
                           gguf_path(f));
    m->h.n_vocab = (uint32_t)embed->dims[1];
    uint64_t table[3] = {m->h.d, m->h.n_vocab, 1}, norm[3] = {m->h.d, 1, 1};
    enum error e = get_tensor(f, "token_embd.weight", table, false, &m->embed, t);
    m->output = m->embed;
    if (!e)
        e = get_tensor(f, "output.weight", table, true, &m->output, t);
    if (!e)
        e = get_tensor(f, "output_norm.weight", norm, false, &m->output_norm, t);
    if (!e)
        e = read_rope_freqs(m, t);
    if (!e)
        e = check_vocabulary(m, t);
    read_widths(m);
    for (uint32_t i = 0; i < m->h.n_layers && !e; i++) {
        e = read_attention(m, i, t);
        if (!e)
            e = read_ffn(m, i, t);
    }
    return e ? e : check_unused(m, t);
}

enum error model_open(struct gguf *file, struct model **out, struct errtext *t)
{
    const struct arch *a = arch_find(gguf_arch(file));
    if (!a)
        return errtext_set(t, ERR_UNSUPPORTED, "%s: architecture '%.60s' is not known",
                           gguf_path(file), gguf_arch(file));
    struct model *m = mem_alloc(sizeof *m);
    m->file = file;
    m->arch = a;
    enum error e = model_read_hyper(file, a, &m->h, t);
    if (!e) {
        m->layers = mem_alloc(m->h.n_layers * sizeof *m->layers);
        e = read_tensors(m, t);
    }
    if (e) {
        mem_free(m->layers);
        mem_free(m);
        return e;
    }
    *out = m;
    return OK;
}

void model_close(struct model *m)
{
    if (!m)
        return;
    gguf_close(m->file);
    mem_free(m->layers);
    mem_free(m);
}
