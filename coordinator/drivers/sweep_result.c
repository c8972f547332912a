// SPDX-License-Identifier: MIT
// sweep_result.c - what a sweep answers when all its items are settled.
#include <inttypes.h>
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

// A fixed workload's metrics in its order, dynamic ones by name.
static struct value
metrics_of(const struct sweep *s, const struct sweep_point *p, struct arena *a)
{
    const char *const *names = s->metrics ? s->metrics : (const char *const *)s->names;
    struct fold *none = s->metrics ? fold_create(s->exact) : NULL;
    struct value v = value_map();

    for (uint32_t i = 0; i < (s->metrics ? s->n_metrics : p->n_folds); i++) {
        const struct fold *f = i < p->n_folds && p->folds[i] ? p->folds[i] : none;
        if (f)
            value_set(a, &v, names[i], fold_result(f, a));
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

// ---- blobs ------------------------------------------------------------------

static void put_metrics(const struct sweep *s, uint64_t item, struct buf *out)
{
    struct arena *a = s->scratch;
    struct value v = value_map();

    if (!s->metrics) {
        buf_put(out, s->rows[item].json, s->rows[item].n);
        return;
    }
    for (uint32_t m = 0; m < s->n_metrics; m++)
        value_set(a, &v, s->metrics[m], value_float(s->values[item * s->n_metrics + m]));
    value_json(&v, out);
    arena_reset(a);
}

static void put_params(const struct sweep *s, uint64_t item, struct buf *out)
{
    struct value v = value_map();

    if (!s->grid && !s->lines)
        return;
    if (s->grid)
        v = value_copy(s->scratch, &s->points.items[item / s->per_point]);
    if (s->lines)
        value_set(s->scratch, &v, "line", s->lines->items[item % s->per_point]);
    buf_puts(out, ",\"params\":");
    value_json(&v, out);
    arena_reset(s->scratch);
}

static void put_row(const struct sweep *s, uint64_t item, struct buf *out)
{
    buf_printf(out, "{\"item\":%" PRIu64, s->first + item % s->per_point);
    put_params(s, item, out);
    if (s->rows[item].state == ROW_HERE) {
        buf_puts(out, ",\"metrics\":");
        put_metrics(s, item, out);
    } else {
        buf_puts(out, ",\"failed\":true");
    }
    buf_puts(out, "}\n");
}

static void put_rows(struct sweep *s, struct driver_output *out, struct value *result)
{
    char hex[65];

    buf_fini(&s->blob);
    buf_init(&s->blob, SIZE_MAX / 4);
    for (uint64_t i = 0; i < s->n_items; i++)
        put_row(s, i, &s->blob);
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

    out->blobs = arena_alloc(a, 2 * sizeof *out->blobs);
    value_set(a, &v, "items", value_uint(s->n_items));
    value_set(a, &v, "failed", value_uint(s->n_failed));
    if (s->grid)
        put_points(s, out, &v);
    else
        put_sums(s, 0, a, &v);
    if (s->grid && s->totals)
        value_set(a, &v, "pooled", pooled(s, a));
    if (s->rows)
        put_rows(s, out, &v);
    out->result = v;
    out->stats = value_map();
    out->finished = true;
    out->why_no_digest = s->why_no_digest;
    if (s->too_many_names) // which ones were dropped depends on the order of arrival
        out->why_no_digest = "items named more different metrics than are kept";
}
