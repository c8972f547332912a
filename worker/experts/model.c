// SPDX-License-Identifier: MIT
#include "worker/experts/model.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "worker/tensor/format.h"

enum { WIDTH_MAX = 1 << 20, LAYERS_MAX = 4096, VOCAB_MAX = 4 << 20 };

// ---- numbers ---------------------------------------------------------------------

struct number {
    const char *key;
    size_t at; // in struct hyper
    uint32_t min, max;
};

#define AT(field) offsetof(struct hyper, field)

static const struct number needed[] = {
    {".block_count", AT(n_layers), 1, LAYERS_MAX},
    {".context_length", AT(n_context), 1, 1U << 30},
    {".embedding_length", AT(d), 1, WIDTH_MAX},
    {".attention.head_count", AT(n_heads), 1, 65536},
};

// What stands there already is the default.
static const struct number optional[] = {
    {".attention.head_count_kv", AT(n_kv_heads), 1, 65536},
    {".attention.key_length", AT(key), 1, WIDTH_MAX},
    {".attention.value_length", AT(value), 1, WIDTH_MAX},
    {".rope.dimension_count", AT(n_rot), 2, WIDTH_MAX},
    {".feed_forward_length", AT(ff), 0, WIDTH_MAX},
    {".leading_dense_block_count", AT(n_dense), 0, LAYERS_MAX},
    {".expert_count", AT(n_experts), 0, MODEL_EXPERTS_MAX},
    {".expert_used_count", AT(top_k), 0, MODEL_TOP_K_MAX},
    {".expert_feed_forward_length", AT(ff_expert), 1, WIDTH_MAX},
    {".expert_shared_feed_forward_length", AT(ff_shared), 0, WIDTH_MAX},
    {".expert_group_count", AT(n_groups), 1, MODEL_GROUPS_MAX},
    {".expert_group_used_count", AT(n_groups_used), 1, MODEL_GROUPS_MAX},
};

static const struct number latent[] = {
    {".attention.kv_lora_rank", AT(kv_rank), 1, WIDTH_MAX},
    {".attention.key_length_mla", AT(key), 1, WIDTH_MAX},
    {".attention.value_length_mla", AT(value), 1, WIDTH_MAX},
};

static enum error read_number(
    const struct gguf *f, const struct number *n, bool must, struct hyper *h, struct errtext *t)
{
    uint32_t *field = (uint32_t *)((char *)h + n->at);
    uint64_t v = *field;
    enum error e = must ? gguf_get_u64(f, n->key, &v, t) : gguf_opt_u64(f, n->key, &v, t);
    if (e)
        return e;
    if (gguf_find(f, n->key) && (v < n->min || v > n->max))
        return errtext_set(t, ERR_INVALID, "%s: %s%s is %llu, expected %u to %u", gguf_path(f),
                           gguf_arch(f), n->key, (unsigned long long)v, n->min, n->max);
    *field = (uint32_t)v;
    return OK;
}

static enum error read_numbers(const struct gguf *f,
                               const struct number *list,
                               size_t n,
                               bool must,
                               struct hyper *h,
                               struct errtext *t)
{
    enum error e = OK;
    for (size_t i = 0; i < n && !e; i++)
        e = read_number(f, &list[i], must, h, t);
    return e;
}

#define READ(list, must) read_numbers(f, list, sizeof(list) / sizeof(list)[0], must, h, t)

static enum error read_latent(const struct gguf *f, struct hyper *h, struct errtext *t)
{
    uint64_t q_rank = 0;
    enum error e = READ(latent, true);
    if (!e)
        e = gguf_opt_u64(f, ".attention.q_lora_rank", &q_rank, t);
    if (e)
        return e;
    if (q_rank > WIDTH_MAX || h->key <= h->n_rot)
        return errtext_set(t, ERR_INVALID,
                           "%s: attention.q_lora_rank or key_length_mla makes no sense",
                           gguf_path(f));
    h->q_rank = (uint32_t)q_rank;
    h->nope = h->key - h->n_rot;
    return OK;
}

static enum error read_yarn(const struct gguf *f, struct hyper *h, struct errtext *t)
{
    struct gguf_text type = {.n = 0};
    enum error e = gguf_opt_text(f, ".rope.scaling.type", &type, t);
    if (e || !type.n || (type.n == 4 && strncmp(type.s, "none", 4) == 0))
        return e;
    if (type.n != 4 || strncmp(type.s, "yarn", 4) != 0)
        return errtext_set(t, ERR_UNSUPPORTED,
                           "%s: rope.scaling.type '%.*s', only yarn is known", gguf_path(f),
                           (int)(type.n < 40 ? type.n : 40), type.s);
    h->yarn_context = h->n_context;
    e = gguf_get_f64(f, ".rope.scaling.factor", &h->yarn_factor, t);
    if (!e)
        e = gguf_opt_f64(f, ".rope.scaling.original_context_length", &h->yarn_context, t);
    if (!e)
        e = gguf_opt_f64(f, ".rope.scaling.yarn_log_multiplier", &h->yarn_log_multiplier, t);
    if (!e
        && !(h->yarn_factor >= 1 && h->yarn_factor < 1e6 && h->yarn_context >= 1
             && fabs(h->yarn_log_multiplier) < 1e3))
        e = errtext_set(t, ERR_INVALID, "%s: rope.scaling has values out of range",
                        gguf_path(f));
    return e;
}

static enum error
read_reals(const struct gguf *f, const struct arch *a, struct hyper *h, struct errtext *t)
{
    double eps = 0, scale = 1;
    uint64_t gating = 1, shared = 0;
    h->rope_base = 10000;
    h->renormalise = a->renormalise;
    enum error e = gguf_get_f64(f, ".attention.layer_norm_rms_epsilon", &eps, t);
    if (!e)
        e = gguf_opt_f64(f, ".rope.freq_base", &h->rope_base, t);
    if (!e)
        e = gguf_opt_f64(f, ".expert_weights_scale", &scale, t);
    if (!e)
        e = gguf_opt_bool(f, ".expert_weights_norm", &h->renormalise, t);
    if (!e)
        e = gguf_opt_u64(f, ".expert_gating_func", &gating, t);
    if (!e)
        e = gguf_opt_u64(f, ".expert_shared_count", &shared, t);
    if (e)
        return e;
    if (!(eps >= 0 && eps < 1) || !(h->rope_base > 1 && h->rope_base < 1e12)
        || !(fabs(scale) < 1e6) || gating > 2 || shared > 1024)
        return errtext_set(t, ERR_INVALID,
                           "%s: epsilon, rope base or expert numbers out of range",
                           gguf_path(f));
    h->eps = (float)eps;
    h->weights_scale = scale != 0 ? (float)scale : 1.0F;
    h->sigmoid = gating == 2;
    if (shared && !h->ff_shared)
        h->ff_shared = (uint32_t)shared * h->ff_expert;
    return read_yarn(f, h, t);
}

// What the numbers must be to one another.
static const char *misfit(const struct arch *a, const struct hyper *h)
{
    if (h->n_heads % h->n_kv_heads)
        return "attention.head_count is no multiple of head_count_kv";
    if (h->n_rot % 2 || h->n_rot > h->key)
        return "rope.dimension_count is odd or larger than a head";
    if (a->experts && !h->n_experts)
        return "expert_count is missing";
    if (h->n_experts && (!h->top_k || h->top_k > h->n_experts))
        return "expert_used_count is 0 or above expert_count";
    if (h->n_experts && (h->n_experts % h->n_groups || h->n_groups_used > h->n_groups))
        return "expert_group_count does not divide expert_count, or fewer are there than used";
    if (h->n_experts && h->n_experts / h->n_groups * h->n_groups_used < h->top_k)
        return "the expert groups used hold fewer experts than expert_used_count";
    if (h->n_experts && !h->ff_expert)
        return "expert_feed_forward_length is missing";
    if ((!h->n_experts || h->n_dense) && !h->ff)
        return "feed_forward_length is missing";
    return NULL;
}

static enum error
read_hyper(const struct gguf *f, const struct arch *a, struct hyper *h, struct errtext *t)
{
    *h = (struct hyper){.n_groups = 1, .n_groups_used = 1, .yarn_factor = 1};
    enum error e = READ(needed, true);
    if (e)
        return e;
    h->n_kv_heads = h->n_heads;
    h->key = h->value = h->n_rot = h->d / h->n_heads;
    e = READ(optional, false);
    if (e)
        return e;
    if (!gguf_find(f, ".rope.dimension_count"))
        h->n_rot = h->key;
    if (!h->ff_expert)
        h->ff_expert = h->ff;
    if (a->mla)
        e = read_latent(f, h, t);
    if (!e)
        e = read_reals(f, a, h, t);
    const char *why = e ? NULL : misfit(a, h);
    if (why)
        return errtext_set(t, ERR_INVALID, "%s: %s", gguf_path(f), why);
    return e;
}

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
    SHARED_GATE = 1024
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
           | (a->bias ? BIAS : 0) | (a->qk_norm != ARCH_NORM_NONE ? QK : 0)
           | (h->q_rank ? Q_RANK : NO_Q_RANK) | (experts && h->ff_shared ? SHARED : 0)
           | (experts && h->ff_shared && a->shared_gate ? SHARED_GATE : 0);
}

#define ROLE(name, field, when, ...)                                                           \
    {                                                                                          \
        name, offsetof(struct layer, field), when, false,                                      \
        {                                                                                      \
            __VA_ARGS__                                                                        \
        }                                                                                      \
    }

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
    struct role roles[] = {
        ROLE("ffn_norm.weight", ffn_norm, ALWAYS, d),
        ROLE("ffn_gate.weight", gate, DENSE, d, h->ff),
        ROLE("ffn_up.weight", up, DENSE, d, h->ff),
        ROLE("ffn_down.weight", down, DENSE, h->ff, d),
        ROLE("ffn_gate_inp.weight", router, EXPERTS, d, n),
        ROLE("exp_probs_b.bias", router_bias, EXPERTS, n),
        ROLE("ffn_gate_exps.weight", gate_exps, EXPERTS, d, fe, n),
        ROLE("ffn_up_exps.weight", up_exps, EXPERTS, d, fe, n),
        ROLE("ffn_down_exps.weight", down_exps, EXPERTS, fe, d, n),
        ROLE("ffn_gate_shexp.weight", gate_shared, SHARED, d, fs),
        ROLE("ffn_up_shexp.weight", up_shared, SHARED, d, fs),
        ROLE("ffn_down_shexp.weight", down_shared, SHARED, fs, d),
        ROLE("ffn_gate_inp_shexp.weight", shared_gate, SHARED_GATE, d),
    };
    roles[5].may_lack = true;
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
        e = check_vocabulary(m, t);
    for (uint32_t i = 0; i < m->h.n_layers && !e; i++) {
        e = read_attention(m, i, t);
        if (!e)
            e = read_ffn(m, i, t);
    }
    return e;
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
    enum error e = read_hyper(file, a, &m->h, t);
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
