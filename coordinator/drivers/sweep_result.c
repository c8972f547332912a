// SPDX-License-Identifier: MIT
// sweep_result.c - what a sweep answers when all its items are settled.
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "common/mem.h"
#include "coordinator/drivers/sweep_state.h"

static int by_name(const void *a, const void *b)
{
    const struct value_pair *x = a;
    const struct value_pair *y = b;
    return strcmp(x->key, y->key);
}

// Of integers also their sum, which is exact as long as a double holds it.
static struct value
with_sum(const struct sweep *s, uint32_t metric, const struct fold *f, struct arena *a)
{
    struct value v = fold_result(f, a);

    if (s->is_integer && s->is_integer[metric] && fold_count(f))
        value_set(a, &v, "sum", sweep_integer(fold_sum(f)));
    return v;
}

// A fixed workload's metrics in its order, dynamic ones by name.
static struct value
metrics_of(const struct sweep *s, const struct sweep_point *p, struct arena *a)
{
    const char *const *names = s->metrics ? s->metrics : (const char *const *)s->names;
    struct fold *none = s->metrics ? fold_create(s->exact) : NULL;
    struct value v = value_map();

    for (uint32_t i = 0; i < (s->metrics ? s->n_metrics : p->n_folds); i++) {
        const struct fold *f = i < p->n_folds && p->folds[i] ? p->folds[i] : none;
        if (f && !sweep_is_hash(s, i))
            value_set(a, &v, names[i], with_sum(s, i, f, a));
    }
    if (!s->metrics && v.n)
        qsort(v.pairs, v.n, sizeof *v.pairs, by_name);
    fold_destroy(none);
    return v;
}

static void drop_folds(struct sweep_point *p)
{
    for (uint32_t i = 0; i < p->n_folds; i++)
        fold_destroy(p->folds[i]);
    mem_free(p->folds);
    p->folds = NULL;
    p->n_folds = 0;
}

void sweep_finish_point(struct sweep *s, struct sweep_point *p)
{
    struct value v = metrics_of(s, p, s->arena);
    p->metrics = arena_copy(s->arena, &v, sizeof v);
    drop_folds(p);
}

// Metrics, unless the totals are all that came, and totals.
static void put_sums(const struct sweep *s, uint32_t i, struct arena *a, struct value *v)
{
    const struct sweep_point *p = &s->state[i];
    bool bare = sweep_totals_only(s->totals) && !s->rows;

    if (!bare)
        value_set(a, v, "metrics", p->metrics ? *p->metrics : metrics_of(s, p, a));
    if (s->totals)
        sweep_totals_put(s->totals, p->totals ? p->totals : s->no_totals, a, v);
}

static struct value pooled(const struct sweep *s, struct arena *a)
{
    uint32_t n = sweep_totals_count(s->totals);
    struct total *sums = arena_alloc(a, n * sizeof *sums);
    struct value v = value_map();

    for (uint32_t i = 0; i < s->n_points; i++)
        for (uint32_t k = 0; s->state[i].totals && k < n; k++)
            totals_add(&sums[k], s->state[i].totals[k]);
    sweep_totals_put(s->totals, sums, a, &v);
    return v;
}

static struct value point_value(const struct sweep *s, uint32_t i, struct arena *a)
{
    const struct sweep_point *p = &s->state[i];
    struct value v = value_map();

    value_set(a, &v, "params", s->points.items[i]);
    value_set(a, &v, "failed", value_uint(p->n_failed));
    put_sums(s, i, a, &v);
    return v;
}

// By name, what each of those compared gave; without a comparison, the sums of the one.
static struct value put_compared(const struct sweep *s, struct arena *a)
{
    struct value all = value_map();

    for (uint32_t i = 0; i < s->n_points; i++) {
        const struct sweep_point *p = &s->state[i];
        struct value one = value_map();
        if (s->grid) {
            value_set(a, &one, "failed", value_uint(p->n_failed));
            value_set(a, &one, "metrics", p->metrics ? *p->metrics : metrics_of(s, p, a));
        }
        if (s->totals)
            sweep_totals_put_flat(s->totals, p->totals ? p->totals : s->no_totals, a, &one);
        value_set(a, &all, sweep_compared_name(s, i), one);
    }
    return all;
}

// ---- blobs ------------------------------------------------------------------

static void put_rows(struct sweep *s, struct driver_output *out, struct value *result)
{
    char hex[65];

    buf_fini(&s->blob);
    buf_init(&s->blob, SIZE_MAX / 4);
    for (uint64_t i = 0; i < s->n_items; i++)
        sweep_put_row(s, i, &s->blob);
    driver_add_blob(out, "rows.jsonl", &s->blob, hex);
    value_set(out->arena, result, "rows", value_str(out->arena, hex));
}

static void put_points(struct sweep *s, struct driver_output *out, struct value *result)
{
    struct arena *a = out->arena;
    struct value list = value_list();
    char hex[65];

    if (s->n_points <= SWEEP_POINTS_INLINE) {
        for (uint32_t i = 0; i < s->n_points; i++)
            value_push(a, &list, point_value(s, i, a));
        value_set(a, result, "points", list);
        return;
    }
    buf_fini(&s->points_blob);
    buf_init(&s->points_blob, SIZE_MAX / 4);
    for (uint32_t i = 0; i < s->n_points; i++) {
        struct value v = point_value(s, i, s->scratch);
        value_json(&v, &s->points_blob);
        buf_puts(&s->points_blob, "\n");
        arena_reset(s->scratch);
    }
    driver_add_blob(out, "points.jsonl", &s->points_blob, hex);
    value_set(a, result, "n_points", value_uint(s->n_points));
    value_set(a, result, "points", value_str(a, hex));
}

void sweep_finish(struct sweep *s, struct driver_output *out)
{
    struct arena *a = out->arena;
    struct value v = value_map();

    out->blobs = arena_alloc(a, (2 + s->n_outputs) * sizeof *out->blobs);
    value_set(a, &v, "items", value_uint(s->n_items));
    value_set(a, &v, "failed", value_uint(s->n_failed));
    if (s->compares && (!s->grid || sweep_only_compares(s)))
        value_set(a, &v, s->compared, put_compared(s, a));
    if (s->grid && !sweep_only_compares(s))
        put_points(s, out, &v);
    else if (!s->grid)
        put_sums(s, 0, a, &v);
    if (s->grid && s->totals && !s->compares)
        value_set(a, &v, "pooled", pooled(s, a));
    if (s->keeps_rows)
        put_rows(s, out, &v);
    sweep_put_outputs(s, out, &v);
    out->result = v;
    out->stats = value_map();
    sweep_put_statistics(s, a, &out->stats);
    out->finished = true;
    out->why_no_digest = s->why_no_digest;
    if (s->too_many_names) // which ones were dropped depends on the order of arrival
        out->why_no_digest = "items named more different metrics than are kept";
}
