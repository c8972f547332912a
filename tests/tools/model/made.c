// SPDX-License-Identifier: MIT
#include "tests/tools/model/made.h"

#include <stdbool.h>

#include "common/math.h"
#include "common/mem.h"
#include "tests/tools/model/made_state.h"
#include "worker/experts/arch.h"
#include "worker/experts/model.h"

// Three tensors of the model itself, then up to 12 of every layer.
enum { ROLES_MAX = 12, WIDTH_MAX = 1 << 16, LAYERS_MAX = 4096, CONTEXT_MAX = 1 << 24 };

// All layers together add noise of this size to the residual stream, which begins
// with embeddings of size 1: enough to hear the experts over the head's memory.
#define RESIDUAL 0.5
// Of silu(a) * b with a and b uniform of deviation 1, from their integral.
#define SWIGLU 0.6
// What softmax leaves for the selected experts when it is not renormalised.
#define SELECTED 0.6

struct made_shape made_default(void)
{
    return (struct made_shape){.arch = "olmoe",
                               .format = format_find(FORMAT_Q4_0),
                               .seed = 1,
                               .n_layers = 4,
                               .width = 256,
                               .n_heads = 8,
                               .n_kv_heads = 8,
                               .head = 32,
                               .n_experts = 16,
                               .top_k = 4,
                               .ff = 64,
                               .n_vocab = 512,
                               .n_context = 2048};
}

// ---- what fits -------------------------------------------------------------------

static const char *misfit(const struct made_shape *s, const struct made_family *f)
{
    if (s->n_heads % s->n_kv_heads)
        return "the heads are no multiple of the kv heads";
    if (s->head % 2)
        return "a head's width is odd, which RoPE cannot rotate";
    if (s->top_k > s->n_experts)
        return "more experts are used than there are";
    if (s->n_vocab < 256 + f->n_special)
        return "the vocabulary has no room for the 256 bytes and the special tokens";
    if (!s->format->pack)
        return "the format is one that can only be read";
    return NULL;
}

static enum error check(const struct made_shape *s, struct errtext *t)
{
    const struct {
        const char *what;
        uint32_t value, max;
    } sizes[] = {
        {"layers", s->n_layers, LAYERS_MAX},   {"width", s->width, WIDTH_MAX},
        {"heads", s->n_heads, 4096},           {"kv heads", s->n_kv_heads, 4096},
        {"head width", s->head, 4096},         {"experts", s->n_experts, MODEL_EXPERTS_MAX},
        {"top-k", s->top_k, MODEL_TOP_K_MAX},  {"expert width", s->ff, WIDTH_MAX},
        {"vocabulary", s->n_vocab, VOCAB_MAX}, {"context", s->n_context, CONTEXT_MAX},
    };
    const struct made_family *f = made_family_find(s->arch);
    if (!f)
        return errtext_set(t, ERR_INVALID, "architecture '%s': olmoe or qwen3moe", s->arch);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        if (sizes[i].value < 1 || sizes[i].value > sizes[i].max)
            return errtext_set(t, ERR_INVALID, "%s %u, expected 1 to %u", sizes[i].what,
                               sizes[i].value, sizes[i].max);
    const char *why = misfit(s, f);
    // A row's number is a 32-bit part of its weights' address.
    if (!why && (uint64_t)s->n_experts * (s->ff > s->width ? s->ff : s->width) > UINT32_MAX)
        why = "the experts together have more than 2^32 rows";
    return why ? errtext_set(t, ERR_INVALID, "%s", why) : OK;
}

// ---- the tensors -----------------------------------------------------------------

static const struct format *fitting(const struct format *wanted, uint64_t row)
{
    if (row % wanted->block == 0)
        return wanted;
    const struct format *q8 = format_find(FORMAT_Q8_0);
    return row % q8->block == 0 ? q8 : format_find(FORMAT_F16);
}

static void add(struct made_plan *p, struct made_tensor x, double deviation, bool is_matrix)
{
    x.format = is_matrix ? fitting(p->s->format, x.dims[0]) : format_find(FORMAT_F32);
    x.deviation = deviation;
    p->tensors[p->n++] = x;
}

static void add_layer(struct made_plan *p, uint32_t layer)
{
    const struct made_shape *s = p->s;
    const struct arch *a = arch_find(s->arch);
    uint64_t d = s->width, ff = s->ff, experts = s->n_experts;
    uint64_t q = (uint64_t)s->n_heads * s->head, k = (uint64_t)s->n_kv_heads * s->head;
    bool whole = a->qk_norm == ARCH_NORM_WHOLE;
    double branch = RESIDUAL / math_sqrt(2.0 * s->n_layers), from_d = 1 / math_sqrt((double)d);
    double mix = math_sqrt(s->top_k) / (a->renormalise ? 1 : SELECTED);

#define AT(role) MADE_##role, layer
    add(p, (struct made_tensor){AT(ATTN_NORM), {d}, NULL, 0, 0}, 0.1, false);
    add(p, (struct made_tensor){AT(Q), {d, q}, NULL, 0, 0}, from_d, true);
    add(p, (struct made_tensor){AT(K), {d, k}, NULL, 0, 0}, from_d, true);
    add(p, (struct made_tensor){AT(V), {d, k}, NULL, 0, 0}, from_d, true);
    add(p, (struct made_tensor){AT(O), {q, d}, NULL, 0, 0}, branch / math_sqrt((double)q),
        true);
    add(p, (struct made_tensor){AT(Q_NORM), {whole ? q : s->head}, NULL, 0, 0}, 0.1, false);
    add(p, (struct made_tensor){AT(K_NORM), {whole ? k : s->head}, NULL, 0, 0}, 0.1, false);
    add(p, (struct made_tensor){AT(FFN_NORM), {d}, NULL, 0, 0}, 0.1, false);
    add(p, (struct made_tensor){AT(ROUTER), {d, experts}, NULL, 0, 0}, 1.5 * from_d, false);
    add(p, (struct made_tensor){AT(GATE), {d, ff, experts}, NULL, 0, 0}, from_d, true);
    add(p, (struct made_tensor){AT(UP), {d, ff, experts}, NULL, 0, 0}, from_d, true);
    add(p, (struct made_tensor){AT(DOWN), {ff, d, experts}, NULL, 0, 0},
        branch * mix / SWIGLU / math_sqrt((double)ff), true);
#undef AT
}

static void plan(struct made_plan *p)
{
    const struct made_shape *s = p->s;
    uint64_t d = s->width, v = s->n_vocab;
    p->tensors = mem_alloc((3 + (size_t)s->n_layers * ROLES_MAX) * sizeof *p->tensors);
    add(p, (struct made_tensor){MADE_EMBED, 0, {d, v}, NULL, 0, 0}, 1, true);
    add(p, (struct made_tensor){MADE_HEAD, 0, {d, v}, NULL, 0, 0}, 0.1 / math_sqrt((double)d),
        true);
    add(p, (struct made_tensor){MADE_OUTPUT_NORM, 0, {d}, NULL, 0, 0}, 0.1, false);
    for (uint32_t i = 0; i < s->n_layers; i++)
        add_layer(p, i);
}

static void name_of(const struct made_tensor *x, char *out, size_t size)
{
    static const char *const names[] = {
        [MADE_EMBED] = "token_embd",
        [MADE_HEAD] = "output",
        [MADE_OUTPUT_NORM] = "output_norm",
        [MADE_ATTN_NORM] = "attn_norm",
        [MADE_Q] = "attn_q",
        [MADE_K] = "attn_k",
        [MADE_V] = "attn_v",
        [MADE_O] = "attn_output",
        [MADE_Q_NORM] = "attn_q_norm",
        [MADE_K_NORM] = "attn_k_norm",
        [MADE_FFN_NORM] = "ffn_norm",
        [MADE_ROUTER] = "ffn_gate_inp",
        [MADE_GATE] = "ffn_gate_exps",
        [MADE_UP] = "ffn_up_exps",
        [MADE_DOWN] = "ffn_down_exps",
    };
    if (x->role <= MADE_OUTPUT_NORM)
        (void)snprintf(out, size, "%s.weight", names[x->role]);
    else
        (void)snprintf(out, size, "blk.%u.%s.weight", x->layer, names[x->role]);
}

enum error made_write(const struct made_shape *s, FILE *to, struct errtext *t)
{
    enum error e = check(s, t);
    if (e)
        return e;
    struct made_plan p = {.s = s, .family = made_family_find(s->arch)};
    struct container c;
    p.vocab = vocab_create(s->n_vocab, p.family->special, p.family->n_special);
    plan(&p);
    container_init(&c);
    made_write_keys(&p, &c);
    for (uint32_t i = 0; i < p.n; i++) {
        struct made_tensor *x = &p.tensors[i];
        uint32_t n_dims = x->dims[2] ? 3 : x->dims[1] ? 2 : 1;
        char name[64];
        name_of(x, name, sizeof name);
        x->bytes = container_tensor(&c, name, n_dims, x->dims, x->format);
    }
    e = container_write_head(&c, to);
    for (uint32_t i = 0; i < p.n && !e; i++)
        e = made_write_tensor(&p, &p.tensors[i], to);
    if (!e && fflush(to) != 0)
        e = ERR_IO;
    container_fini(&c);
    vocab_destroy(p.vocab);
    mem_free(p.tensors);
    return e ? errtext_set(t, e, "the model could not be written: disk full?") : OK;
}
