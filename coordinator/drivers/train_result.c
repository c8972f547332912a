// SPDX-License-Identifier: MIT
// train_result.c - {checkpoint, iterations, curve, evaluation} of a training.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "coordinator/drivers/train_state.h"

struct value train_blob(struct arena *a, const struct train_item *i)
{
    struct value v = value_map();
    if (!i || !i->has_blob)
        return value_null();
    value_set(a, &v, "hash", value_bin(a, &i->blob, sizeof i->blob));
    value_set(a, &v, "size", value_uint(i->size));
    return v;
}

// Rounds whose update is in.
static uint64_t rounds_done(const struct train *s)
{
    uint64_t n = s->n_whole / train_round(s);
    return n < s->n_iterations ? n : s->n_iterations;
}

struct value train_progress(const struct train *s, struct arena *a)
{
    struct value v = value_map();
    uint64_t n = rounds_done(s);
    value_set(a, &v, "iteration", value_uint(n));
    value_set(a, &v, "iterations", value_uint(s->n_iterations));
    if (n)
        value_set(a, &v, "last", value_copy(a, &s->curve[n - 1]));
    return v;
}

static struct value curve_row(const struct train *s, uint64_t i, struct arena *a)
{
    struct value row = value_map();
    value_set(a, &row, "iteration", value_uint(i));
    for (uint32_t k = 0; k < s->curve[i].n; k++)
        value_set(a, &row, s->curve[i].pairs[k].key, s->curve[i].pairs[k].value);
    return row;
}

// curve.jsonl, a line a round; in the result itself too when it is short.
static void put_curve(struct train *s, struct driver_output *out, struct value *result)
{
    struct arena *a = out->arena;
    char hex[65];
    uint64_t n = rounds_done(s);
    struct value list = value_list();
    buf_fini(&s->lines);
    buf_init(&s->lines, SIZE_MAX);
    for (uint64_t i = 0; i < n; i++) {
        struct value row = curve_row(s, i, a);
        value_json(&row, &s->lines);
        buf_puts(&s->lines, "\n");
        if (n <= TRAIN_CURVE_INLINE)
            value_push(a, &list, row);
    }
    driver_add_blob(out, "curve.jsonl", &s->lines, hex);
    value_set(a, result, "curve", n <= TRAIN_CURVE_INLINE ? list : value_str(a, hex));
}

static int by_name(const void *x, const void *y)
{
    return strcmp(((const struct value_pair *)x)->key, ((const struct value_pair *)y)->key);
}

static struct value fold_of(const struct train *s, const char *name, struct arena *a)
{
    struct fold *f = fold_create(true);
    for (uint64_t i = 0; i < s->n_evaluation; i++) {
        const struct value *v = value_find(&s->tests[i], name);
        double x = v ? value_number(v) : 0;
        if (v)
            fold_add(f, &x, 1, 1);
    }
    struct value result = fold_result(f, a);
    fold_destroy(f);
    return result;
}

static struct value evaluation(const struct train *s, struct arena *a)
{
    struct value all = value_map(), metrics = value_map();
    for (uint64_t i = 0; i < s->n_evaluation; i++)
        for (uint32_t k = 0; k < s->tests[i].n; k++) {
            const char *name = s->tests[i].pairs[k].key;
            if (!value_find(&metrics, name))
                value_set(a, &metrics, name, fold_of(s, name, a));
        }
    if (metrics.n)
        qsort(metrics.pairs, metrics.n, sizeof *metrics.pairs, by_name);
    value_set(a, &all, "items", value_uint(s->n_evaluation));
    value_set(a, &all, "metrics", metrics);
    return all;
}

// The last checkpoint, as an artefact too.
static void put_checkpoint(struct train *s, struct driver_output *out, struct value *result)
{
    struct arena *a = out->arena;
    uint64_t n = rounds_done(s);
    const struct train_item *last = n ? train_checkpoint(s, n * train_round(s)) : NULL;
    char hex[65];
    if (!last || !last->has_blob)
        return;
    sha256_hex(&last->blob, hex);
    value_set(a, result, "checkpoint", value_str(a, hex));
    char *line = arena_printf(s->arena, "%s\n", hex);
    out->blobs[out->n_blobs++] = (struct driver_blob){
        .name = "checkpoint", .bytes = line, .n = strlen(line), .is_list = true};
}

void train_finish(struct train *s, struct driver_output *out)
{
    struct arena *a = out->arena;
    struct value v = value_map();

    out->blobs = arena_alloc(a, 2 * sizeof *out->blobs);
    value_set(a, &v, "iterations", value_uint(rounds_done(s)));
    put_curve(s, out, &v);
    put_checkpoint(s, out, &v);
    if (s->n_evaluation && !s->failed)
        value_set(a, &v, "evaluation", evaluation(s, a));
    if (s->failed)
        out->why_failed = arena_printf(a, "item %" PRIu64 " of round %" PRIu64 " failed: %s",
                                       s->failed_item % train_round(s),
                                       s->failed_item / train_round(s), s->failed);
    out->result = v;
    out->finished = true;
}
