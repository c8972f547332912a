// SPDX-License-Identifier: MIT
// test_engine.c - every fixture model against its exact reference: logits,
// greedy continuations, routing and perplexity, and the same bits however the
// sequences are put together.
//
// Skipped where the larger fixtures are not.
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "tests/unit/harness.h"
#include "worker/experts/engine.h"

enum { GREEDY = 64, PROMPTS_MAX = 64, MODELS_MAX = 64, POSITIONS = 16384 };

static char names[MODELS_MAX][64];
static int n_names;

static struct arena *arena;
static struct model *model;
static struct group *group;
static struct value expected;
static const float *want_logits;
static uint32_t n_vocab;

// ---- fixture -------------------------------------------------------------------------

static void *slurp(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    ck_assert_msg(f != NULL, "no %s", path);
    ck_assert_int_eq(fseek(f, 0, SEEK_END), 0);
    *n = (size_t)ftell(f);
    rewind(f);
    char *p = arena_room(arena, *n + 1);
    ck_assert_uint_eq(fread(p, 1, *n, f), *n);
    (void)fclose(f);
    return p;
}

static void *slurp_expected(const char *name, const char *suffix, size_t *n)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/moe/expected/%s%s", harness_fixtures(), name, suffix);
    return slurp(path, n);
}

static void load(const char *name)
{
    char path[512];
    struct errtext t = {""};
    struct gguf *file;
    size_t n;

    arena = arena_create();
    group = group_local_create();
    (void)snprintf(path, sizeof path, "%s/moe/models/%s.gguf", harness_fixtures(), name);
    ck_assert_msg(gguf_open(path, &file, &t) == OK, "%s", t.text);
    ck_assert_msg(model_open(file, &model, &t) == OK, "%s", t.text);
    n_vocab = model->h.n_vocab;
    char *json = slurp_expected(name, ".exact.json", &n);
    ck_assert_msg(json_parse(json, n, arena, &expected, &t) == OK, "%s", t.text);
    want_logits = slurp_expected(name, ".exact.logits.f32", &n);
}

static void unload(void)
{
    model_close(model);
    group_destroy(group);
    arena_destroy(arena);
}

static struct engine *create(enum engine_kv kv)
{
    struct engine_options o = {.kv = kv, .n_positions = POSITIONS, .n_tokens = 4096};
    struct errtext t = {""};
    struct engine *e;
    ck_assert_msg(engine_create(model, &o, group, &e, &t) == OK, "%s", t.text);
    return e;
}

// A prompt of the reference and where it stands.
struct prompt {
    const struct value *v;
    const char *id;
    int32_t *tokens;
    uint32_t n, sequence;
    float *logits;     // of its last token
    uint16_t *routing; // [moe layers][n][top_k]
    bool diverged;
};

static int32_t *integers(const struct value *list)
{
    int32_t *out = arena_alloc(arena, (list->n + 1) * sizeof *out);
    for (uint32_t i = 0; i < list->n; i++)
        out[i] = (int32_t)list->items[i].i;
    return out;
}

static uint32_t read_prompts(struct prompt *list)
{
    const struct value *all = value_find(&expected, "prompts");
    uint32_t n = 0;
    for (uint32_t i = 0; i < all->n; i++) {
        const struct value *tokens = value_find(&all->items[i], "tokens");
        if (!tokens->n)
            continue;
        ck_assert_uint_lt(n, PROMPTS_MAX);
        list[n++] = (struct prompt){
            .v = &all->items[i],
            .id = value_find(&all->items[i], "id")->s,
            .tokens = integers(tokens),
            .n = tokens->n,
            .logits = arena_alloc(arena, n_vocab * sizeof(float)),
            .routing = arena_alloc(arena, (size_t)tokens->n * model->h.n_layers
                                              * (model->h.top_k + 1) * sizeof(uint16_t)),
        };
    }
    return n;
}

static struct engine_run run_of(const struct prompt *p)
{
    return (struct engine_run){.sequence = p->sequence,
                               .tokens = p->tokens,
                               .n = p->n,
                               .n_logits = 1,
                               .logits = p->logits,
                               .routing = p->routing};
}

static void prefill(struct engine *e, struct prompt *list, uint32_t n)
{
    struct engine_run runs[PROMPTS_MAX];
    for (uint32_t i = 0; i < n; i++) {
        list[i].sequence = engine_open(e);
        runs[i] = run_of(&list[i]);
    }
    ck_assert_int_eq(engine_step(e, runs, n), OK);
}

// ---- against the reference -------------------------------------------------------------

static void same_logits(const char *name, const struct prompt *p)
{
    const float *want = want_logits + (size_t)value_find(p->v, "logits_row")->i * n_vocab;
    double mean = 0, error = 0, spread = 0, most = 0;
    for (uint32_t i = 0; i < n_vocab; i++)
        mean += (double)want[i] / n_vocab;
    for (uint32_t i = 0; i < n_vocab; i++) {
        double d = (double)p->logits[i] - (double)want[i];
        error += d * d;
        spread += ((double)want[i] - mean) * ((double)want[i] - mean);
        most = fmax(most, fabs(d));
    }
    ck_assert_msg(most < 1e-3 && error / spread < 1e-8, "%s %s: logits off by %g, NMSE %g",
                  name, p->id, most, error / spread);
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

static int32_t best(const float *x)
{
    uint32_t most = 0;
    for (uint32_t i = 1; i < n_vocab; i++)
        if (x[i] > x[most])
            most = i;
    return (int32_t)most;
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

static double nll(const float *x, int32_t token)
{
    double most = (double)x[best(x)], sum = 0;
    for (uint32_t i = 0; i < n_vocab; i++)
        sum += exp((double)x[i] - most);
    return log(sum) + most - (double)x[token];
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
    struct engine *e = create(ENGINE_KV_F32);
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

// The perplexity text alone and in one piece.
static float *in_one_piece(struct engine *e, const int32_t *tokens, uint32_t n)
{
    float *logits = arena_room(arena, (size_t)n * n_vocab * sizeof *logits);
    struct engine_run run = {engine_open(e), tokens, n, n, logits, NULL};
    ck_assert_int_eq(engine_step(e, &run, 1), OK);
    return logits;
}

// In pieces of all lengths, beside a neighbour, begun with another's pages.
START_TEST(a_logit_depends_on_its_sequence_alone)
{
    load(names[_i]);
    enum engine_kv kv = _i % 2 ? ENGINE_KV_F16 : ENGINE_KV_F32;
    struct engine *e = create(kv);
    const struct value *text = value_find(value_find(&expected, "ppl"), "tokens");
    uint32_t n = text->n < 200 ? text->n : 200;
    int32_t *tokens = integers(text);
    float *whole = in_one_piece(e, tokens, n);
    float *got = arena_room(arena, (size_t)n * n_vocab * sizeof *got);
    float *other = arena_room(arena, (size_t)n * n_vocab * sizeof *other);
    uint32_t mine = engine_open(e), beside = engine_open(e);
    uint32_t at = engine_reuse(e, mine, 0, 70);
    ck_assert_uint_eq(at, ENGINE_PAGE);
    for (uint32_t piece = 1; at < n; at += piece++) {
        piece = piece < n - at ? piece : n - at;
        struct engine_run runs[2] = {{beside, tokens + at, piece / 2, 0, other, NULL},
                                     {mine, tokens + at, piece, piece, got, NULL}};
        ck_assert_int_eq(engine_step(e, runs, 2), OK);
        ck_assert_msg(
            memcmp(got, whole + (size_t)at * n_vocab, (size_t)piece * n_vocab * sizeof *got)
                == 0,
            "%s: other bits from position %u on", names[_i], at);
    }
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

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void list_models(void)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/moe/models", harness_fixtures());
    DIR *d = opendir(path);
    for (struct dirent *f; d && (f = readdir(d));) {
        char *end = strstr(f->d_name, ".gguf");
        if (!end || n_names == MODELS_MAX)
            continue;
        (void)snprintf(names[n_names++], sizeof names[0], "%.*s", (int)(end - f->d_name),
                       f->d_name);
    }
    if (d)
        (void)closedir(d);
    qsort(names, (size_t)n_names, sizeof names[0], by_name);
}

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
