// SPDX-License-Identifier: MIT
// make_model.c - write a mixture-of-experts model of random weights: for the demo,
// for tests and, larger, for benchmarks.
//
//   make_model --arch olmoe --quant q4_0 --out FILE
//   make_model --layers 16 --width 1024 --heads 16 --experts 64 --top-k 8 --ff 512
//              --vocab 50304 --out FILE                                  1.0 GB
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/options.h"
#include "tests/tools/model/made.h"

enum { EXIT_USAGE = 2 };

struct arguments {
    const char *arch, *quant, *out;
    int64_t seed, layers, width, heads, kv_heads, head, experts, top_k, ff, vocab, context;
};

#define AT(field) offsetof(struct arguments, field)
#define NUMBER(name, text, field)                                                              \
    {                                                                                          \
        name, 0, OPTION_INT, "N", NULL, text, 1, INT32_MAX, AT(field)                          \
    }

static const struct option_row rows[] = {
    {"arch", 0, OPTION_STR, "NAME", NULL, "olmoe (default) or qwen3moe", 0, 0, AT(arch)},
    {"quant", 0, OPTION_STR, "FORMAT", NULL,
     "of the matrices: f32, f16, bf16, q8_0, q4_0 (default) or q4_k", 0, 0, AT(quant)},
    {"out", 'o', OPTION_STR, "FILE", NULL, "where to", 0, 0, AT(out)},
    {"seed", 0, OPTION_INT, "N", NULL, "of the weights; default 1", 0, INT64_MAX, AT(seed)},
    NUMBER("layers", "default 4", layers),
    NUMBER("width", "of the hidden state; default 256", width),
    NUMBER("heads", "query heads; default 8", heads),
    NUMBER("kv-heads", "default: as many as heads", kv_heads),
    NUMBER("head-width", "default: width / heads", head),
    NUMBER("experts", "of a layer; default 16", experts),
    NUMBER("top-k", "experts that a token goes to; default 4", top_k),
    NUMBER("ff", "width of an expert; default 64", ff),
    NUMBER("vocab", "tokens; default 512", vocab),
    NUMBER("context", "positions; default 2048", context),
    {0},
};

static const struct options options = {
    .program = "make_model",
    .usage = "--out FILE [options]",
    .about = "Writes a GGUF model of random weights, the same bytes for the same options.",
    .rows = rows,
};

static enum error read_options(int argc, char **argv, struct arguments *a, struct errtext *t)
{
    int n_args;
    enum error e = options_parse(&options, argc - 1, argv + 1, a, &n_args, t);
    if (!e && n_args)
        e = errtext_set(t, ERR_INVALID, "'%s' is no option", argv[1]);
    if (!e && !a->out)
        e = errtext_set(t, ERR_INVALID, "--out FILE is missing");
    if (!e && !format_named(a->quant))
        e = errtext_set(t, ERR_INVALID, "--quant '%s': f32, f16, bf16, q8_0, q4_0 or q4_k",
                        a->quant);
    return e;
}

static struct made_shape shape_of(const struct arguments *a)
{
    int64_t kv = a->kv_heads ? a->kv_heads : a->heads;
    int64_t head = a->head ? a->head : a->width / a->heads;
    return (struct made_shape){.arch = a->arch,
                               .format = format_named(a->quant),
                               .seed = (uint64_t)a->seed,
                               .n_layers = (uint32_t)a->layers,
                               .width = (uint32_t)a->width,
                               .n_heads = (uint32_t)a->heads,
                               .n_kv_heads = (uint32_t)kv,
                               .head = (uint32_t)head,
                               .n_experts = (uint32_t)a->experts,
                               .top_k = (uint32_t)a->top_k,
                               .ff = (uint32_t)a->ff,
                               .n_vocab = (uint32_t)a->vocab,
                               .n_context = (uint32_t)a->context};
}

// Half a model is removed.
static enum error write_file(const struct made_shape *s, const char *path, struct errtext *t)
{
    FILE *to = fopen(path, "wb");
    if (!to)
        return errtext_set(t, ERR_IO, "%s: %s", path, strerror(errno));
    enum error e = made_write(s, to, t);
    if (fclose(to) != 0 && !e)
        e = errtext_set(t, ERR_IO, "%s: %s", path, strerror(errno));
    if (e)
        (void)remove(path);
    return e;
}

int main(int argc, char **argv)
{
    struct made_shape d = made_default();
    struct arguments a = {.arch = d.arch,
                          .quant = d.format->name,
                          .seed = (int64_t)d.seed,
                          .layers = d.n_layers,
                          .width = d.width,
                          .heads = d.n_heads,
                          .experts = d.n_experts,
                          .top_k = d.top_k,
                          .ff = d.ff,
                          .vocab = d.n_vocab,
                          .context = d.n_context};
    struct errtext t = {""};
    enum error e = read_options(argc, argv, &a, &t);
    if (e == ERR_CANCELLED)
        return 0;
    if (!e) {
        struct made_shape s = shape_of(&a);
        e = write_file(&s, a.out, &t);
    }
    if (e)
        (void)fprintf(stderr, "make_model: %s\n", t.text);
    return !e ? 0 : e == ERR_INVALID || e == ERR_PARSE ? EXIT_USAGE : EXIT_FAILURE;
}
