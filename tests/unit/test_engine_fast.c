// SPDX-License-Identifier: MIT
// test_engine_fast.c - fast numerics: as near to the exact reference as its own native
// one, and the same bits for every class of kernels, team and batch.
//
// Skipped where the larger fixtures are not.
#include "tests/unit/engine_fixture.h"
#include "worker/tensor/kernels.h"

static bool is_quantised(const char *name)
{
    return strstr(name, "-q4") || strstr(name, "-q8") || strstr(name, "-bf16");
}

// ---- against the reference -------------------------------------------------------------

static int by_size(const void *a, const void *b)
{
    const double *p = a, *q = b;
    return (*p > *q) - (*p < *q);
}

static double median(double *x, uint32_t n)
{
    qsort(x, n, sizeof *x, by_size);
    return n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}

static void near_logits(const char *name, const struct prompt *list, uint32_t n)
{
    double ours[PROMPTS_MAX], native[PROMPTS_MAX];
    size_t size;
    const float *others = slurp_expected(name, ".native.logits.f32", &size);
    for (uint32_t i = 0; i < n; i++) {
        const float *want = wanted(&list[i], want_logits);
        ours[i] = distance_of(list[i].logits, want).nmse;
        native[i] = distance_of(wanted(&list[i], others), want).nmse;
    }
    double got = median(ours, n), limit = 1.25 * median(native, n);
    ck_assert_msg(got <= limit, "%s: median NMSE %g, limit %g", name, got, limit);
    ck_assert_msg(got > 0, "%s: these are not fast numerics", name);
}

// Up to the first step where the reference's lead is within ten times the error.
static void near_greedy(const char *name, struct engine *e, struct prompt *list, uint32_t n)
{
    struct engine_run runs[PROMPTS_MAX];
    int32_t next[PROMPTS_MAX];
    double error[PROMPTS_MAX];
    for (uint32_t i = 0; i < n; i++)
        error[i] = distance_of(list[i].logits, wanted(&list[i], want_logits)).most;
    for (uint32_t step = 0; step < GREEDY; step++) {
        for (uint32_t i = 0; i < n; i++) {
            struct prompt *p = &list[i];
            double margin = value_number(&value_find(p->v, "greedy_margin")->items[step]);
            int64_t want = value_find(p->v, "greedy")->items[step].i;
            next[i] = best(p->logits);
            p->diverged = p->diverged || margin < 10 * error[i];
            ck_assert_msg(p->diverged || next[i] == want, "%s %s: greedy token %u", name, p->id,
                          step);
            runs[i] = (struct engine_run){p->sequence, &next[i], 1, 1, p->logits, NULL};
        }
        ck_assert_int_eq(engine_step(e, runs, n), OK);
    }
}

static void near_perplexity(const char *name, struct engine *e)
{
    const struct value *ppl = value_find(&expected, "ppl");
    uint32_t n = value_find(ppl, "tokens")->n;
    int32_t *tokens = integers(value_find(ppl, "tokens"));
    float *logits = arena_room(arena, (size_t)n * n_vocab * sizeof *logits);
    struct engine_run run = {engine_open(e), tokens, n, n, logits, NULL};
    double sum = 0;
    ck_assert_int_eq(engine_step(e, &run, 1), OK);
    for (uint32_t i = 0; i + 1 < n; i++)
        sum += nll(logits + (size_t)i * n_vocab, tokens[i + 1]);
    double got = exp(sum / (n - 1)), ref = value_number(value_find(ppl, "ppl"));
    ck_assert_msg(fabs(got / ref - 1) < 0.015, "%s: perplexity %g, exact %g", name, got, ref);
}

START_TEST(fast_is_as_near_as_the_reference_s_own)
{
    const char *name = names[_i];
    struct prompt list[PROMPTS_MAX];
    if (!is_quantised(name))
        return;
    load(name);
    struct engine *e = create(ENGINE_FAST, ENGINE_KV_DEFAULT, 1);
    uint32_t n = read_prompts(list);
    ck_assert_uint_gt(n, 10);
    prefill(e, list, n);
    near_logits(name, list, n);
    near_greedy(name, e, list, n);
    near_perplexity(name, e);
    engine_destroy(e);
    unload();
}
END_TEST

// ---- the same bits -----------------------------------------------------------------------

enum { N = 150 };

START_TEST(neither_class_nor_team_nor_batch_changes_a_bit)
{
    static const char *const classes[] = {"avx512", "avx2", "portable"};
    struct errtext t;
    load(names[_i]);
    int32_t *tokens = integers(value_find(value_find(&expected, "ppl"), "tokens"));
    ck_assert_uint_ge(value_find(value_find(&expected, "ppl"), "tokens")->n, N);
    const float *want = NULL;
    for (uint32_t k = 0; k < 3; k++) {
        if (kernels_force(classes[k], &t) == ERR_UNSUPPORTED)
            continue;
        struct engine *e = create(ENGINE_FAST, ENGINE_KV_DEFAULT, k + 1);
        const float *got = in_one_piece(e, tokens, N);
        if (!want)
            want = got;
        ck_assert_msg(memcmp(got, want, (size_t)N * n_vocab * sizeof *got) == 0,
                      "%s: other bits, %s, %u threads", names[_i], classes[k], k + 1);
        if (k < 2)
            check_pieces(names[_i], e, tokens, N, want);
        engine_destroy(e);
    }
    unload();
}
END_TEST

int main(void)
{
    if (!harness_fixtures())
        return harness_skip("no larger fixtures here");
    list_models();
    Suite *s = suite_create("engine fast");
    TCase *c = tcase_create("fixtures");
    tcase_set_timeout(c, 120);
    tcase_add_loop_test(c, fast_is_as_near_as_the_reference_s_own, 0, n_names);
    tcase_add_loop_test(c, neither_class_nor_team_nor_batch_changes_a_bit, 0, n_names);
    suite_add_tcase(s, c);
    return harness_run(s);
}
