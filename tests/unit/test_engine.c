// SPDX-License-Identifier: MIT
// test_engine.c - every fixture model against its exact reference: logits,
// greedy continuations, routing and perplexity, and the same bits however the
// sequences are put together.
//
// Skipped where the larger fixtures are not.
#include "tests/unit/engine_fixture.h"

// ---- against the reference -------------------------------------------------------------

static void same_logits(const char *name, const struct prompt *p)
{
    struct distance d = distance_of(p->logits, wanted(p, want_logits));
    ck_assert_msg(d.most < 1e-3 && d.nmse < 1e-8, "%s %s: logits off by %g, NMSE %g", name,
                  p->id, d.most, d.nmse);
}

static void same_routing(const char *name, const struct prompt *p)
{
    const struct value *routing = value_find(p->v, "routing");
    uint32_t k = model->h.top_k;
    if (value_number(value_find(p->v, "min_router_rel_margin")) < 1e-4)
        return;
    for (uint32_t l = model->h.n_dense; l < model->h.n_layers; l++) {
        char key[16];
        (void)snprintf(key, sizeof key, "%u", l);
        const struct value *tokens = value_find(routing, key);
        const uint16_t *got = p->routing + (size_t)(l - model->h.n_dense) * p->n * k;
        for (uint32_t i = 0; i < p->n * k; i++)
            ck_assert_msg(got[i] == tokens->items[i / k].items[i % k].i,
                          "%s %s: layer %u token %u goes to other experts", name, p->id, l,
                          i / k);
    }
}

// All prompts go on together; one leaves the comparison where the reference
// itself is undecided.
static void same_greedy(const char *name, struct engine *e, struct prompt *list, uint32_t n)
{
    struct engine_run runs[PROMPTS_MAX];
    int32_t next[PROMPTS_MAX];
    for (uint32_t step = 0; step < GREEDY; step++) {
        for (uint32_t i = 0; i < n; i++) {
            struct prompt *p = &list[i];
            double margin = value_number(&value_find(p->v, "greedy_margin")->items[step]);
            p->diverged = p->diverged || margin < 1e-4;
            next[i] = best(p->logits);
            int64_t want = value_find(p->v, "greedy")->items[step].i;
            ck_assert_msg(p->diverged || next[i] == want,
                          "%s %s: greedy token %u is %d, not %d", name, p->id, step, next[i],
                          (int)want);
            runs[i] = (struct engine_run){.sequence = p->sequence,
                                          .tokens = &next[i],
                                          .n = 1,
                                          .n_logits = 1,
                                          .logits = p->logits};
        }
        ck_assert_int_eq(engine_step(e, runs, n), OK);
    }
}

static void same_perplexity(const char *name, struct engine *e)
{
    const struct value *ppl = value_find(&expected, "ppl");
    const struct value *list = value_find(ppl, "tokens");
    uint32_t n = list->n;
    int32_t *tokens = integers(list);
    float *logits = arena_room(arena, (size_t)n * n_vocab * sizeof *logits);
    struct engine_run run = {
        .sequence = engine_open(e), .tokens = tokens, .n = n, .n_logits = n, .logits = logits};
    size_t size;
    const float *want = slurp_expected(name, ".exact.nll.f32", &size);
    double sum = 0;
    ck_assert_int_eq(engine_step(e, &run, 1), OK);
    for (uint32_t i = 0; i + 1 < n; i++) {
        double got = nll(logits + (size_t)i * n_vocab, tokens[i + 1]);
        ck_assert_msg(fabs(got - (double)want[i]) < 2e-3, "%s: nll %u is %g, not %g", name, i,
                      got, (double)want[i]);
        sum += got;
    }
    double got = exp(sum / (n - 1)), ref = value_number(value_find(ppl, "ppl"));
    ck_assert_msg(fabs(got / ref - 1) < 1e-4, "%s: perplexity %g, not %g", name, got, ref);
}

START_TEST(what_a_model_computes_is_what_its_reference_says)
{
    const char *name = names[_i];
    struct prompt list[PROMPTS_MAX];
    load(name);
    struct engine *e = create(ENGINE_EXACT, ENGINE_KV_F32, 1 + (uint32_t)_i % 3);
    uint32_t n = read_prompts(list);
    ck_assert_uint_gt(n, 10);
    prefill(e, list, n);
    for (uint32_t i = 0; i < n; i++) {
        same_logits(name, &list[i]);
        same_routing(name, &list[i]);
    }
    same_greedy(name, e, list, n);
    same_perplexity(name, e);
    engine_destroy(e);
    unload();
}
END_TEST

// ---- the same bits -----------------------------------------------------------------------

START_TEST(a_logit_depends_on_its_sequence_alone)
{
    load(names[_i]);
    enum engine_kv kv = _i % 2 ? ENGINE_KV_F16 : ENGINE_KV_F32;
    struct engine *e = create(ENGINE_EXACT, kv, 1);
    const struct value *text = value_find(value_find(&expected, "ppl"), "tokens");
    uint32_t n = text->n < 200 ? text->n : 200;
    int32_t *tokens = integers(text);
    check_pieces(names[_i], e, tokens, n, in_one_piece(e, tokens, n));
    engine_destroy(e);
    unload();
}
END_TEST

START_TEST(a_step_without_room_changes_nothing)
{
    load(names[_i]);
    struct engine_options o = {.n_positions = ENGINE_PAGE};
    struct errtext t;
    struct engine *e;
    ck_assert_int_eq(engine_create(model, &o, group, &e, &t), OK);
    int32_t *tokens = integers(value_find(value_find(&expected, "ppl"), "tokens"));
    struct engine_run run = {engine_open(e), tokens, ENGINE_PAGE + 1, 0, NULL, NULL};
    ck_assert_int_eq(engine_step(e, &run, 1), ERR_LIMIT);
    ck_assert_uint_eq(engine_length(e, run.sequence), 0);
    run.n = ENGINE_PAGE;
    ck_assert_int_eq(engine_step(e, &run, 1), OK);
    ck_assert_uint_eq(engine_free(e), 0);
    engine_close(e, run.sequence);
    ck_assert_uint_eq(engine_free(e), ENGINE_PAGE);
    engine_destroy(e);
    unload();
}
END_TEST

int main(void)
{
    if (!harness_fixtures())
        return harness_skip("no larger fixtures here");
    list_models();
    Suite *s = suite_create("engine");
    TCase *c = tcase_create("fixtures");
    tcase_set_timeout(c, 120);
    tcase_add_loop_test(c, what_a_model_computes_is_what_its_reference_says, 0, n_names);
    tcase_add_loop_test(c, a_logit_depends_on_its_sequence_alone, 0, n_names);
    tcase_add_loop_test(c, a_step_without_room_changes_nothing, 0, 1);
    suite_add_tcase(s, c);
    return harness_run(s);
}
