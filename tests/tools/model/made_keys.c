// SPDX-License-Identifier: MIT
// made_keys.c - the metadata of a made model: its numbers and its tokenizer.
#include <stdio.h>
#include <string.h>

#include "tests/tools/model/made_state.h"

static const struct made_family families[] = {
    {.arch = "olmoe",
     .pre = "olmo",
     .special = {"<|padding|>", "<|endoftext|>"},
     .n_special = 2,
     .bos = 1,
     .eos = 1,
     .pad = 0,
     .eps = 1e-5F,
     .rope_base = 1e4F,
     .template = "{{ bos_token }}{% for m in messages %}<|{{ m['role'] }}|>\n{{ m['content'] }}"
                 "{% if m['role'] == 'assistant' %}{{ eos_token }}{% endif %}\n{% endfor %}"
                 "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"},
    {.arch = "qwen3moe",
     .pre = "qwen2",
     .special = {"<|endoftext|>", "<|im_start|>", "<|im_end|>"},
     .n_special = 3,
     .bos = 0,
     .eos = 2,
     .pad = 0,
     .eps = 1e-6F,
     .rope_base = 1e6F,
     .template = "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}"
                 "<|im_end|>\n{% endfor %}"
                 "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"},
};

const struct made_family *made_family_find(const char *arch)
{
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++)
        if (strcmp(families[i].arch, arch) == 0)
            return &families[i];
    return NULL;
}

// What other programs call a file of this format: general.file_type.
static void write_file_type(const struct format *f, struct container *c)
{
    static const struct {
        enum format_type type;
        uint32_t file_type;
    } known[] = {{FORMAT_F32, 0},  {FORMAT_F16, 1},   {FORMAT_Q4_0, 2},
                 {FORMAT_Q8_0, 7}, {FORMAT_Q4_K, 14}, {FORMAT_BF16, 32}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].type == f->type)
            container_u32(c, "general.file_type", known[i].file_type);
}

static void write_tokenizer(const struct made_plan *p, struct container *c)
{
    const struct vocab *v = p->vocab;
    const struct made_family *f = p->family;
    uint32_t n = vocab_n(v);

    container_text(c, "tokenizer.ggml.model", "gpt2");
    container_text(c, "tokenizer.ggml.pre", f->pre);
    container_array(c, "tokenizer.ggml.tokens", GGUF_STR, n);
    for (uint32_t i = 0; i < n; i++)
        container_element_text(c, vocab_piece(v, i));
    container_array(c, "tokenizer.ggml.token_type", GGUF_I32, n);
    for (uint32_t i = 0; i < n; i++)
        container_element_i32(c, vocab_type(v, i));
    container_array(c, "tokenizer.ggml.merges", GGUF_STR, vocab_n_merges(v));
    for (uint32_t i = 0; i < vocab_n_merges(v); i++)
        container_element_text(c, vocab_merge(v, i));
    container_u32(c, "tokenizer.ggml.bos_token_id", vocab_special(v, f->bos));
    container_u32(c, "tokenizer.ggml.eos_token_id", vocab_special(v, f->eos));
    container_u32(c, "tokenizer.ggml.padding_token_id", vocab_special(v, f->pad));
    container_bool(c, "tokenizer.ggml.add_bos_token", false);
    container_bool(c, "tokenizer.ggml.add_eos_token", false);
    container_text(c, "tokenizer.chat_template", f->template);
}

void made_write_keys(const struct made_plan *p, struct container *c)
{
    const struct made_shape *s = p->s;
    const struct {
        const char *key;
        uint32_t value;
    } numbers[] = {
        {"context_length", s->n_context},      {"embedding_length", s->width},
        {"block_count", s->n_layers},          {"vocab_size", s->n_vocab},
        {"attention.head_count", s->n_heads},  {"attention.head_count_kv", s->n_kv_heads},
        {"attention.key_length", s->head},     {"attention.value_length", s->head},
        {"rope.dimension_count", s->head},     {"feed_forward_length", s->ff},
        {"expert_feed_forward_length", s->ff}, {"expert_count", s->n_experts},
        {"expert_used_count", s->top_k},
    };
    char key[96], name[96];

    (void)snprintf(name, sizeof name, "made-%s", s->arch);
    container_text(c, "general.architecture", s->arch);
    container_text(c, "general.name", name);
    container_u32(c, "general.quantization_version", 2);
    write_file_type(s->format, c);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        (void)snprintf(key, sizeof key, "%s.%s", s->arch, numbers[i].key);
        container_u32(c, key, numbers[i].value);
    }
    (void)snprintf(key, sizeof key, "%s.attention.layer_norm_rms_epsilon", s->arch);
    container_f32(c, key, p->family->eps);
    (void)snprintf(key, sizeof key, "%s.rope.freq_base", s->arch);
    container_f32(c, key, p->family->rope_base);
    write_tokenizer(p, c);
}
