// SPDX-License-Identifier: MIT
// engine_fixture.h - fixture models with their expected values, for the engine's tests.
//
// Threads    The test's.

#ifndef TESTS_UNIT_ENGINE_FIXTURE_H
#define TESTS_UNIT_ENGINE_FIXTURE_H

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

static void *slurp_expected(const char *name, const char *suffix, size_t *n)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/moe/expected/%s%s", harness_fixtures(), name, suffix);
    return harness_read(path, arena, n);
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

// Options of exact numerics or fast ones.
static struct engine *create(enum engine_numerics numerics, enum engine_kv kv, uint32_t threads)
{
    struct engine_options o = {.numerics = numerics,
                               .n_threads = threads,
                               .kv = kv,
                               .n_positions = POSITIONS,
                               .n_tokens = 4096};
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

// How far logits are from the reference's.
struct distance {
    double most, nmse;
};

static struct distance distance_of(const float *got, const float *want)
{
    double mean = 0, error = 0, spread = 0, most = 0;
    for (uint32_t i = 0; i < n_vocab; i++)
        mean += (double)want[i] / n_vocab;
    for (uint32_t i = 0; i < n_vocab; i++) {
        double d = (double)got[i] - (double)want[i];
        error += d * d;
        spread += ((double)want[i] - mean) * ((double)want[i] - mean);
        most = fmax(most, fabs(d));
    }
    return (struct distance){most, error / spread};
}

static const float *wanted(const struct prompt *p, const float *logits)
{
    return logits + (size_t)value_find(p->v, "logits_row")->i * n_vocab;
}

static int32_t best(const float *x)
{
    uint32_t most = 0;
    for (uint32_t i = 1; i < n_vocab; i++)
        if (x[i] > x[most])
            most = i;
    return (int32_t)most;
}

static double nll(const float *x, int32_t token)
{
    double most = (double)x[best(x)], sum = 0;
    for (uint32_t i = 0; i < n_vocab; i++)
        sum += exp((double)x[i] - most);
    return log(sum) + most - (double)x[token];
}

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

// A sequence alone and in one piece.
static float *in_one_piece(struct engine *e, const int32_t *tokens, uint32_t n)
{
    float *logits = arena_room(arena, (size_t)n * n_vocab * sizeof *logits);
    struct engine_run run = {engine_open(e), tokens, n, n, logits, NULL};
    ck_assert_int_eq(engine_step(e, &run, 1), OK);
    return logits;
}

// In pieces of all lengths, beside a neighbour, begun with pages of sequence 0, which
// was all of it: bits as in `whole`.
static void check_pieces(
    const char *name, struct engine *e, const int32_t *tokens, uint32_t n, const float *whole)
{
    float *got = arena_room(arena, (size_t)n * n_vocab * sizeof *got);
    uint32_t mine = engine_open(e), beside = engine_open(e);
    uint32_t at = engine_reuse(e, mine, 0, 70);
    ck_assert_uint_eq(at, ENGINE_PAGE);
    for (uint32_t piece = 1; at < n; at += piece++) {
        piece = piece < n - at ? piece : n - at;
        struct engine_run runs[2] = {{beside, tokens + at, piece / 2, 0, NULL, NULL},
                                     {mine, tokens + at, piece, piece, got, NULL}};
        ck_assert_int_eq(engine_step(e, runs, 2), OK);
        ck_assert_msg(
            memcmp(got, whole + (size_t)at * n_vocab, (size_t)piece * n_vocab * sizeof *got)
                == 0,
            "%s: other bits from position %u on", name, at);
    }
}

#endif
