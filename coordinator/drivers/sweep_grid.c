// SPDX-License-Identifier: MIT
// sweep_grid.c - the keys of a sweep, and its grid as a list of points.
#include <inttypes.h>
#include <string.h>

#include "common/mem.h"
#include "coordinator/drivers/sweep_state.h"
#include "coordinator/params.h"
#include "protocol/pack.h"

enum { GRID_VALUES_MAX = 10000 };
#define ITEMS_MAX (INT64_C(1) << 53)
#define SHARD_MAX INT64_C(1000000000)
// The JOB message carries the points, and fits a frame with room to spare.
#define POINTS_BYTES_MAX ((size_t)8 << 20)

static enum error check_axis(const struct spec *grid,
                             const struct driver_setup *setup,
                             const struct value_pair *axis)
{
    struct value key = {.line = axis->line, .column = axis->column};
    struct spec at = spec_at(grid, &key, "%s", axis->key);
    const struct value *list = NULL;
    enum error e = params_check_set(setup->workload.catalog, &at, axis->key, NULL);

    if (e)
        return e;
    if (axis->value.type != VALUE_LIST)
        return spec_expected(grid, axis->key, "a list of values");
    e = spec_list(grid, axis->key, 1, GRID_VALUES_MAX, &list);
    for (uint32_t i = 0; !e && i < list->n; i++) {
        at = spec_at(grid, &list->items[i], "%s[%" PRIu32 "]", axis->key, i);
        e = params_check_set(setup->workload.catalog, &at, axis->key, at.map);
    }
    return e;
}

// All combinations, the last key fastest.
static void make_points(struct sweep *s)
{
    s->points = value_list_of(s->arena, s->n_points);
    for (uint32_t i = 0; i < s->n_points; i++) {
        struct value point = value_map_of(s->arena, s->grid->n);
        uint32_t rest = i;
        for (uint32_t k = s->grid->n; k-- > 0;) {
            const struct value_pair *axis = &s->grid->pairs[k];
            point.pairs[k].key = axis->key;
            point.pairs[k].value = axis->value.items[rest % axis->value.n];
            rest /= axis->value.n;
        }
        s->points.items[i] = point;
    }
}

static bool fits_a_message(const struct sweep *s)
{
    struct buf b;

    buf_init(&b, POINTS_BYTES_MAX);
    pack_write(&s->points, &b);
    bool fits = !b.full;
    buf_fini(&b);
    return fits;
}

static enum error
parse_grid(struct sweep *s, const struct spec *job, const struct driver_setup *setup)
{
    enum error e = spec_map(job, "grid", &s->grid);
    uint64_t n = 1;

    s->n_points = 1;
    if (e || !s->grid)
        return e;
    if (s->grid->n == 0)
        return spec_fail(job, s->grid, "grid is empty, expected parameters and their values");
    struct spec grid = spec_at(job, s->grid, "grid");
    for (uint32_t k = 0; k < s->grid->n; k++) {
        e = check_axis(&grid, setup, &s->grid->pairs[k]);
        if (e)
            return e;
        n *= s->grid->pairs[k].value.n;
        if (n > SWEEP_POINTS_MAX)
            return spec_fail(job, s->grid, "grid has too many points, expected at most %d",
                             SWEEP_POINTS_MAX);
    }
    s->n_points = (uint32_t)n;
    make_points(s);
    if (!fits_a_message(s))
        return spec_fail(job, s->grid, "grid is too large, expected at most %zu bytes in all",
                         POINTS_BYTES_MAX);
    return OK;
}

static enum error parse_lines(struct sweep *s, const struct spec *job)
{
    const struct value *list = NULL;
    enum error e = spec_list(job, "lines", 1, SWEEP_LINES_MAX, &list);

    for (uint32_t i = 0; !e && list && i < list->n; i++)
        if (list->items[i].type != VALUE_STR) {
            struct spec at = spec_at(job, &list->items[i], "lines[%" PRIu32 "]", i);
            e = spec_fail(&at, NULL, "%s is %s, expected a string", at.path,
                          value_type_name(at.map->type));
        }
    s->lines = list;
    return e;
}

static enum error parse_items(struct sweep *s, const struct spec *job)
{
    int64_t items = 0, first = 0, shard = 0;
    enum error e;

    if ((e = parse_lines(s, job)) || (e = spec_int(job, "items", 1, ITEMS_MAX, &items))
        || (e = spec_int(job, "first", 0, ITEMS_MAX, &first))
        || (e = spec_int(job, "shard", 1, SHARD_MAX, &shard)))
        return e;
    if (s->lines && spec_find(job, "items"))
        return spec_fail(job, spec_find(job, "items"),
                         "items stands beside lines, expected one of them");
    if (!s->lines && (e = spec_require(job, "items", "how many there are")))
        return e;
    s->per_point = s->lines ? s->lines->n : (uint64_t)items;
    s->first = (uint64_t)first;
    if (s->per_point > (uint64_t)ITEMS_MAX / s->n_points)
        return spec_fail(job, spec_find(job, "items"),
                         "items at %" PRIu32
                         " grid points are too many, expected at most %" PRId64 " in all",
                         s->n_points, ITEMS_MAX);
    s->n_items = s->per_point * s->n_points;
    if (s->lines && s->n_items > SWEEP_ROWS_MAX)
        return spec_fail(job, s->lines,
                         "lines at all grid points are too many, expected at most %d",
                         SWEEP_ROWS_MAX);
    return OK;
}

static enum error parse_rows(struct sweep *s, const struct spec *job)
{
    bool rows = false;
    enum error e = spec_bool(job, "rows", &rows);

    if (e || !rows)
        return e;
    if (s->n_items > SWEEP_ROWS_MAX)
        return spec_fail(job, spec_find(job, "rows"),
                         "rows of %" PRIu64 " items are too many, expected at most %d",
                         s->n_items, SWEEP_ROWS_MAX);
    s->rows = mem_alloc(s->n_items * sizeof *s->rows);
    if (s->n_metrics)
        s->values = mem_alloc(s->n_items * s->n_metrics * sizeof *s->values);
    return OK;
}

enum error sweep_parse(struct sweep *s, const struct driver_setup *setup, struct errtext *t)
{
    struct spec job = spec_of(setup->spec, setup->file, t);
    enum error e;

    s->spec = setup->spec;
    s->metrics = setup->workload.metrics;
    while (s->metrics && s->metrics[s->n_metrics])
        s->n_metrics++;
    s->totals = sweep_totals_create(setup->workload.catalog, s->arena);
    s->no_totals =
        arena_alloc(s->arena, (sweep_totals_count(s->totals) + 1) * sizeof(struct total));
    if ((e = parse_grid(s, &job, setup)) || (e = parse_items(s, &job))
        || (e = parse_rows(s, &job)))
        return e;
    bool reproducible = true;
    e = spec_bool(&job, "reproducible", &reproducible);
    if (e)
        return e;
    if (params_flag(setup->workload.catalog, "volatile"))
        s->why_no_digest = "the workload's metrics measure time";
    if (!reproducible)
        s->why_no_digest = "the job says reproducible: false";
    s->exact = s->per_point <= FOLD_EXACT_MAX;
    return OK;
}
