// SPDX-License-Identifier: MIT
// test_made.c - the models that we make ourselves: valid, the same bytes every
// time, and at work in the engine.
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "tests/tools/model/vocab.h"
#include "tests/unit/harness.h"
#include "tests/unit/made_fixture.h"
#include "worker/experts/chat.h"
#include "worker/experts/engine.h"
#include "worker/experts/tokenizer_gguf.h"

enum { N_STEPS = 32 };

// A model and what it needs, from a shape.
struct made {
    struct made_bytes file;
    struct model *model;
    struct tokenizer *tokenizer;
    struct group *group;
};

static struct made make(const struct made_shape *s)
{
    struct made m = {.file = made_fixture_write(s), .group = group_local_create()};
    struct gguf *g;
    struct errtext t = {""};
    ck_assert_msg(gguf_open_bytes(m.file.bytes, m.file.n, "made", &g, &t) == OK, "%s", t.text);
    ck_assert_msg(tokenizer_from_gguf(g, &m.tokenizer, &t) == OK, "%s", t.text);
    ck_assert_msg(model_open(g, &m.model, &t) == OK, "%s", t.text);
    return m;
}

static void done(struct made *m)
{
    model_close(m->model);
    tokenizer_destroy(m->tokenizer);
    group_destroy(m->group);
    free(m->file.bytes);
}

static struct engine *start(const struct made *m)
{
    struct engine_options o = {.n_positions = 4096};
    struct errtext t = {""};
    struct engine *e;
    ck_assert_msg(engine_create(m->model, &o, m->group, &e, &t) == OK, "%s", t.text);
    return e;
}

static int32_t best(const float *x, uint32_t n)
{
    uint32_t most = 0;
    for (uint32_t i = 1; i < n; i++)
        if (x[i] > x[most])
            most = i;
    return (int32_t)most;
}

// N_STEPS greedy tokens behind `prompt`, and all their logits.
static void go_on(struct made *m, const char *prompt, int32_t *out, float *logits)
{
    struct engine *e = start(m);
    uint32_t n_vocab = m->model->h.n_vocab;
    struct tokens ids = {0};
    ck_assert_int_eq(tokenizer_encode(m->tokenizer, prompt, strlen(prompt), 0, &ids), OK);
    struct engine_run run = {engine_open(e), ids.ids, (uint32_t)ids.n, 1, logits, NULL};
    for (uint32_t i = 0; i < N_STEPS; i++, run.logits += n_vocab) {
        ck_assert_int_eq(engine_step(e, &run, 1), OK);
        out[i] = best(run.logits, n_vocab);
        run.tokens = &out[i];
        run.n = 1;
    }
    tokens_fini(&ids);
    engine_destroy(e);
}

static const struct {
    const char *arch, *format;
} kinds[] = {{"olmoe", "f32"},     {"olmoe", "q8_0"},    {"olmoe", "q4_0"},
             {"olmoe", "q4_k"},    {"olmoe", "bf16"},    {"qwen3moe", "f32"},
             {"qwen3moe", "q8_0"}, {"qwen3moe", "q4_0"}, {"qwen3moe", "q4_k"}};
enum { N_KINDS = sizeof kinds / sizeof kinds[0] };

START_TEST(a_made_model_runs_and_gives_the_same_bits_again)
{
    struct made_shape s = made_fixture_tiny(kinds[_i].arch, kinds[_i].format);
    int32_t ids[2][N_STEPS];
    s.width = 256; // so that K-quants fit
    struct made m = make(&s);
    size_t size = (size_t)N_STEPS * s.n_vocab;
    float *logits = calloc(2 * size, sizeof *logits);
    ck_assert_ptr_nonnull(logits);
    go_on(&m, "The old man", ids[0], logits);
    go_on(&m, "The old man", ids[1], logits + size);
    ck_assert_mem_eq(ids[0], ids[1], sizeof ids[0]);
    ck_assert_mem_eq(logits, logits + size, size * sizeof *logits);
    for (size_t i = 1; i < size; i++)
        ck_assert(logits[i] > -1000 && logits[i] < 1000);
    ck_assert_str_eq(m.model->layers[1].gate_exps->format->name,
                     format_named(kinds[_i].format)->name);
    free(logits);
    done(&m);
}
END_TEST

// What would be chance is that one in four hundred steps does.
START_TEST(what_a_made_model_says_follows_its_text)
{
    struct made_shape s = made_default();
    struct made m = make(&s);
    int32_t ids[N_STEPS];
    uint32_t n_pairs, follow = 0;
    float *logits = calloc((size_t)N_STEPS * s.n_vocab, sizeof *logits);
    static const char *const special[] = {"<|padding|>", "<|endoftext|>"};
    struct vocab *v = vocab_create(s.n_vocab, special, 2);
    const struct vocab_pair *pairs = vocab_pairs(v, &n_pairs);
    ck_assert_ptr_nonnull(logits);
    go_on(&m, "The old man", ids, logits);
    for (int i = 1; i < N_STEPS; i++)
        for (uint32_t k = 0; k < n_pairs; k++)
            follow += (int32_t)pairs[k].left == ids[i - 1] && (int32_t)pairs[k].right == ids[i];
    ck_assert_uint_ge(follow, N_STEPS / 2);
    vocab_destroy(v);
    free(logits);
    done(&m);
}
END_TEST

START_TEST(the_tokenizer_of_a_made_model_cuts_its_text_as_it_was_learned)
{
    struct made_shape s = made_fixture_tiny(_i ? "qwen3moe" : "olmoe", "q4_0");
    struct made m = make(&s);
    static const char *const special[] = {"a", "b", "c"};
    struct vocab *v = vocab_create(s.n_vocab, special, _i ? 3 : 2);
    uint32_t n;
    const uint32_t *want = vocab_tokens(v, &n);
    struct tokens got = {0};
    ck_assert_int_eq(tokenizer_encode(m.tokenizer, vocab_text, strlen(vocab_text), 0, &got),
                     OK);
    ck_assert_uint_eq(got.n, n);
    for (uint32_t i = 0; i < n; i++)
        ck_assert_int_eq(got.ids[i], (int32_t)want[i]);
    ck_assert_uint_gt(vocab_n_merges(v), 150);
    ck_assert_uint_lt(n, strlen(vocab_text) / 2);
    tokens_fini(&got);
    vocab_destroy(v);
    done(&m);
}
END_TEST

START_TEST(the_chat_template_of_a_made_model_is_known)
{
    struct made_shape s = made_fixture_tiny(_i ? "qwen3moe" : "olmoe", "q4_0");
    struct made m = make(&s);
    struct gguf_text text;
    struct errtext t = {""};
    struct chat c;
    ck_assert_int_eq(gguf_get_text(m.model->file, "tokenizer.chat_template", &text, &t), OK);
    struct tokenizer_text template = {text.s, text.n};
    ck_assert_msg(chat_open(NULL, &template, &c, &t) == OK, "%s", t.text);
    ck_assert_str_eq(chat_name(&c), _i ? "chatml" : "olmoe");
    done(&m);
}
END_TEST

// Pinned: benchmarks and digests may name a made model by its options alone.
START_TEST(the_default_model_has_these_bytes)
{
    struct made_shape s = made_default();
    struct made_bytes f = made_fixture_write(&s);
    struct sha256 hash = sha256_of(f.bytes, f.n);
    char hex[65];
    sha256_hex(&hash, hex);
    ck_assert_uint_eq(f.n, 2605152);
    ck_assert_str_eq(hex, "c210c171cb51247b45affb383d7f4ac973415d3e1b480cc18cf65354ff741cbe");
    free(f.bytes);
}
END_TEST

START_TEST(another_seed_gives_other_weights)
{
    struct made_shape s = made_fixture_tiny("olmoe", "q8_0");
    struct made_bytes a = made_fixture_write(&s);
    s.seed++;
    struct made_bytes b = made_fixture_write(&s);
    ck_assert_uint_eq(a.n, b.n);
    ck_assert(memcmp(a.bytes, b.bytes, a.n) != 0);
    free(a.bytes);
    free(b.bytes);
}
END_TEST

// ---- sizes that do not fit -------------------------------------------------------

static void no_arch(struct made_shape *s)
{
    s->arch = "gpt2";
}
static void no_layers(struct made_shape *s)
{
    s->n_layers = 0;
}
static void small_vocabulary(struct made_shape *s)
{
    s->n_vocab = 257;
}
static void odd_heads(struct made_shape *s)
{
    s->n_kv_heads = 3;
}
static void many_used(struct made_shape *s)
{
    s->top_k = 9;
}
static void odd_head(struct made_shape *s)
{
    s->head = 15;
}
static void read_only(struct made_shape *s)
{
    s->format = format_find(FORMAT_Q3_K);
}
static void many_rows(struct made_shape *s)
{
    s->n_experts = MODEL_EXPERTS_MAX;
    s->width = 65536;
}

static const struct {
    void (*change)(struct made_shape *s);
    const char *line;
} misfits[] = {
    {no_arch, "architecture 'gpt2': olmoe or qwen3moe"},
    {no_layers, "layers 0, expected 1 to 4096"},
    {small_vocabulary, "the vocabulary has no room for the 256 bytes and the special tokens"},
    {odd_heads, "the heads are no multiple of the kv heads"},
    {many_used, "more experts are used than there are"},
    {odd_head, "a head's width is odd, which RoPE cannot rotate"},
    {read_only, "the format is one that can only be read"},
    {many_rows, "the experts together have more than 2^32 rows"},
};
enum { N_MISFITS = sizeof misfits / sizeof misfits[0] };

START_TEST(a_shape_that_does_not_fit_is_refused)
{
    struct made_shape s = made_fixture_tiny("olmoe", "q8_0");
    struct errtext t = {""};
    misfits[_i].change(&s);
    ck_assert_int_eq(made_write(&s, stderr, &t), ERR_INVALID);
    ck_assert_str_eq(t.text, misfits[_i].line);
}
END_TEST

START_TEST(a_full_disk_is_an_error)
{
    struct made_shape s = made_fixture_tiny("olmoe", "q8_0");
    struct errtext t = {""};
    FILE *full = fopen("/dev/full", "wb");
    if (!full)
        return;
    ck_assert_int_eq(made_write(&s, full, &t), ERR_IO);
    ck_assert_msg(strstr(t.text, "could not be written"), "%s", t.text);
    (void)fclose(full);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("made");
    TCase *c = tcase_create("made");
    tcase_add_loop_test(c, a_made_model_runs_and_gives_the_same_bits_again, 0, N_KINDS);
    tcase_add_test(c, what_a_made_model_says_follows_its_text);
    tcase_add_loop_test(c, the_tokenizer_of_a_made_model_cuts_its_text_as_it_was_learned, 0, 2);
    tcase_add_loop_test(c, the_chat_template_of_a_made_model_is_known, 0, 2);
    tcase_add_test(c, the_default_model_has_these_bytes);
    tcase_add_test(c, another_seed_gives_other_weights);
    tcase_add_loop_test(c, a_shape_that_does_not_fit_is_refused, 0, N_MISFITS);
    tcase_add_test(c, a_full_disk_is_an_error);
    suite_add_tcase(s, c);
    return harness_run(s);
}
