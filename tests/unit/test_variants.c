// SPDX-License-Identifier: MIT
// test_variants.c - models that say things their architecture's usual files do not.
//
// tests/golden/moe/NAME.gguf has small random weights; NAME.logits.f32 is what a float64
// implementation of the architectures' formulas, independent of the engine, says at the
// last of `tokens`.  One file each of what was once ignored, or refused:
//
//   llama-scaled      biases of the attention, also behind it; rope_freqs; positions
//                     scaled evenly; the embedding as the head
//   qwen3moe-yarn     YaRN of plain attention, which scales cosines and sines; its betas
//                     and factor; a list of numbers by layer
//   qwen2moe-untold   widths of the experts and of the shared one in no key
#include <math.h>
#include <stdio.h>

#include "common/arena.h"
#include "tests/unit/harness.h"
#include "worker/experts/engine.h"

enum { TOKENS = 40, VOCABULARY = 40 };

static const char *const names[] = {"llama-scaled", "qwen3moe-yarn", "qwen2moe-untold"};

static struct model *open_model(const char *name)
{
    char path[128];
    struct errtext t = {""};
    struct gguf *file;
    struct model *m = NULL;
    (void)snprintf(path, sizeof path, "tests/golden/moe/%s.gguf", name);
    ck_assert_msg(gguf_open(path, &file, &t) == OK, "%s", t.text);
    ck_assert_msg(model_open(file, &m, &t) == OK, "%s", t.text);
    ck_assert_uint_eq(m->h.n_vocab, VOCABULARY);
    return m;
}

// The last token's logits, of steps of `each` tokens.
static void run(const struct model *m, enum engine_numerics numerics, uint32_t each, float *out)
{
    struct engine_options o = {.numerics = numerics, .n_positions = 64, .n_threads = 2};
    struct errtext t = {""};
    struct engine *e = NULL;
    struct group *g = group_local_create();
    int32_t tokens[TOKENS];
    for (int32_t i = 0; i < TOKENS; i++)
        tokens[i] = (i * i * 7 + i * 3 + 1) % VOCABULARY;
    ck_assert_msg(engine_create(m, &o, g, &e, &t) == OK, "%s", t.text);
    struct engine_run r = {.sequence = engine_open(e), .n_logits = 1, .logits = out};
    for (uint32_t at = 0; at < TOKENS; at += r.n) {
        r.tokens = tokens + at;
        r.n = TOKENS - at < each ? TOKENS - at : each;
        ck_assert_int_eq(engine_step(e, &r, 1), OK);
    }
    engine_destroy(e);
    group_destroy(g);
}

START_TEST(a_model_s_biases_scaling_and_untold_widths_count)
{
    const char *name = names[_i];
    char path[128];
    float got[VOCABULARY], alone[VOCABULARY];
    size_t n;
    struct arena *a = arena_create();
    struct model *m = open_model(name);
    (void)snprintf(path, sizeof path, "tests/golden/moe/%s.logits.f32", name);
    const float *want = harness_read(path, a, &n);
    ck_assert_uint_eq(n, sizeof got);
    run(m, ENGINE_EXACT, TOKENS, got);
    for (int i = 0; i < VOCABULARY; i++)
        ck_assert_msg(fabsf(got[i] - want[i]) < 1e-4F, "%s: logit %d is %g, not %g", name, i,
                      (double)got[i], (double)want[i]);
    run(m, ENGINE_EXACT, 1, alone);
    for (int i = 0; i < VOCABULARY; i++)
        ck_assert_float_eq(got[i], alone[i]);
    run(m, ENGINE_FAST, 7, got); // floats stay exact
    for (int i = 0; i < VOCABULARY; i++)
        ck_assert_msg(fabsf(got[i] - want[i]) < 5e-2F, "%s: fast logit %d is %g, not %g", name,
                      i, (double)got[i], (double)want[i]);
    model_close(m);
    arena_destroy(a);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("variants");
    TCase *c = tcase_create("golden");
    tcase_add_loop_test(c, a_model_s_biases_scaling_and_untold_widths_count, 0,
                        sizeof names / sizeof names[0]);
    suite_add_tcase(s, c);
    return harness_run(s);
}
