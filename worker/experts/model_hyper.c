// SPDX-License-Identifier: MIT
// model_hyper.c - a model's numbers out of its file's metadata, each within its limits.
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "common/math.h"
#include "worker/experts/model_state.h"

enum { LAYERS_MAX = 4096 };

struct number {
    const char *key;
    size_t at; // in struct hyper
    uint32_t min, max;
};

#define AT(field) offsetof(struct hyper, field)

static const struct number needed[] = {
    {".block_count", AT(n_layers), 1, LAYERS_MAX},
    {".context_length", AT(n_context), 1, 1U << 30},
    {".embedding_length", AT(d), 1, MODEL_WIDTH_MAX},
    {".attention.head_count", AT(n_heads), 1, 65536},
};

// What stands there already is the default.
static const struct number optional[] = {
    {".attention.head_count_kv", AT(n_kv_heads), 1, 65536},
    {".attention.key_length", AT(key), 1, MODEL_WIDTH_MAX},
    {".attention.value_length", AT(value), 1, MODEL_WIDTH_MAX},
    {".rope.dimension_count", AT(n_rot), 2, MODEL_WIDTH_MAX},
    {".feed_forward_length", AT(ff), 0, MODEL_WIDTH_MAX},
    {".leading_dense_block_count", AT(n_dense), 0, LAYERS_MAX},
    {".expert_count", AT(n_experts), 0, MODEL_EXPERTS_MAX},
    {".expert_used_count", AT(top_k), 0, MODEL_TOP_K_MAX},
    {".expert_feed_forward_length", AT(ff_expert), 1, MODEL_WIDTH_MAX},
    {".expert_shared_feed_forward_length", AT(ff_shared), 0, MODEL_WIDTH_MAX},
    {".expert_group_count", AT(n_groups), 1, MODEL_GROUPS_MAX},
    {".expert_group_used_count", AT(n_groups_used), 1, MODEL_GROUPS_MAX},
};

static const struct number latent[] = {
    {".attention.kv_lora_rank", AT(kv_rank), 1, MODEL_WIDTH_MAX},
    {".attention.key_length_mla", AT(key), 1, MODEL_WIDTH_MAX},
    {".attention.value_length_mla", AT(value), 1, MODEL_WIDTH_MAX},
};

// A number a layer, as some converters write it: taken where all are one.
static enum error
read_each(const struct gguf *f, const char *key, uint64_t *out, struct errtext *t)
{
    struct gguf_array a = {.n = 0};
    enum error e = gguf_get_array(f, key, GGUF_I64, &a, t);
    for (uint64_t i = 0; i < a.n && !e; i++)
        if (gguf_array_i64(&a, i) != gguf_array_i64(&a, 0))
            e = errtext_set(t, ERR_UNSUPPORTED,
                            "%s: %s%s differs from layer to layer, expected one number",
                            gguf_path(f), gguf_arch(f), key);
    if (!e && a.n)
        *out = (uint64_t)gguf_array_i64(&a, 0);
    return e;
}

static enum error read_number(
    const struct gguf *f, const struct number *n, bool must, struct hyper *h, struct errtext *t)
{
    uint32_t *field = (uint32_t *)((char *)h + n->at);
    uint64_t v = *field;
    const struct gguf_value *there = gguf_find(f, n->key);
    enum error e = there && there->kind == GGUF_ARRAY ? read_each(f, n->key, &v, t)
                   : must                             ? gguf_get_u64(f, n->key, &v, t)
                                                      : gguf_opt_u64(f, n->key, &v, t);
    if (e)
        return e;
    if (there && (v < n->min || v > n->max))
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
    if (q_rank > MODEL_WIDTH_MAX || h->key <= h->n_rot)
        return errtext_set(t, ERR_INVALID,
                           "%s: attention.q_lora_rank or key_length_mla makes no sense",
                           gguf_path(f));
    h->q_rank = (uint32_t)q_rank;
    h->nope = h->key - h->n_rot;
    return OK;
}

static bool is_text(const struct gguf_text *x, const char *s)
{
    return x->n == strlen(s) && strncmp(x->s, s, x->n) == 0;
}

// YaRN makes attention sharper: by longer queries and keys, or, where they are latent,
// by the scores' scale (rope_score_scale).
static enum error
read_yarn(const struct gguf *f, const struct arch *a, struct hyper *h, struct errtext *t)
{
    double gain = 1;
    h->yarn = true;
    h->yarn_context = h->n_context;
    enum error e =
        gguf_opt_f64(f, ".rope.scaling.original_context_length", &h->yarn_context, t);
    if (!e)
        e = gguf_opt_f64(f, ".rope.scaling.yarn_log_multiplier", &h->yarn_log_multiplier, t);
    if (!e)
        e = gguf_opt_f64(f, ".rope.scaling.yarn_beta_fast", &h->yarn_fast, t);
    if (!e)
        e = gguf_opt_f64(f, ".rope.scaling.yarn_beta_slow", &h->yarn_slow, t);
    if (!e)
        e = gguf_opt_f64(f, ".rope.scaling.attn_factor", &gain, t);
    if (!e
        && !(h->yarn_context >= 1 && fabs(h->yarn_log_multiplier) < 1e3 && h->yarn_slow > 0
             && h->yarn_fast < 1e6 && h->yarn_fast >= h->yarn_slow && gain > 0 && gain < 1e3))
        e = errtext_set(t, ERR_INVALID, "%s: rope.scaling has values out of range",
                        gguf_path(f));
    if (!e && !a->mla) {
        double log_factor = 0.1 * math_log(h->rope_factor);
        h->rope_gain = gain * (1 + log_factor) / (1 + h->yarn_log_multiplier * log_factor);
    }
    return e;
}

static enum error
read_scaling(const struct gguf *f, const struct arch *a, struct hyper *h, struct errtext *t)
{
    struct gguf_text type = {.s = "linear", .n = 6};
    enum error e = gguf_opt_text(f, ".rope.scaling.type", &type, t);
    if (e || is_text(&type, "none"))
        return e;
    if (is_text(&type, "yarn") && !gguf_find(f, ".rope.scaling.factor"))
        return gguf_get_f64(f, ".rope.scaling.factor", &h->rope_factor, t);
    e = gguf_opt_f64(f, ".rope.scaling.factor", &h->rope_factor, t);
    if (e)
        return e;
    if (h->rope_factor == 0) // as converters write "none"
        h->rope_factor = 1;
    if (!(h->rope_factor >= 1 && h->rope_factor < 1e6))
        return errtext_set(t, ERR_INVALID, "%s: rope.scaling has values out of range",
                           gguf_path(f));
    if (is_text(&type, "yarn"))
        return read_yarn(f, a, h, t);
    if (is_text(&type, "linear"))
        return OK;
    return errtext_set(t, ERR_UNSUPPORTED,
                       "%s: rope.scaling.type '%.*s', expected one of: none, linear, yarn",
                       gguf_path(f), (int)(type.n < 40 ? type.n : 40), type.s);
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
    return read_scaling(f, a, h, t);
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

enum error
model_read_hyper(const struct gguf *f, const struct arch *a, struct hyper *h, struct errtext *t)
{
    *h = (struct hyper){.n_groups = 1, .n_groups_used = 1, .rope_factor = 1};
    h->rope_gain = h->yarn_slow = 1;
    h->yarn_fast = 32;
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
