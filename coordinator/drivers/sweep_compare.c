// SPDX-License-Identifier: MIT
// sweep_compare.c - a comparison is an axis of the grid over what tells apart the things
// compared; and what the workload's catalog entry says of this, and of its metrics.
#include <inttypes.h>
#include <string.h>

#include "coordinator/drivers/sweep_state.h"
#include "coordinator/params.h"

enum { COMPARE_MAX = 100 };

static const char *text_of(const struct value *map, const char *key)
{
    const struct value *v = map ? value_find(map, key) : NULL;
    return v && v->type == VALUE_STR && v->n ? v->s : NULL;
}

void sweep_read_metrics(struct sweep *s, const struct driver_setup *setup)
{
    const struct value *catalog = setup->workload.catalog;
    const struct value *list = catalog ? value_find(catalog, "metrics") : NULL;

    s->seed = setup->seed;
    s->params = value_find(setup->spec, "params");
    if (!catalog)
        return;
    s->known = value_find(catalog, "params");
    s->compares = text_of(catalog, "compares");
    s->compared = text_of(catalog, "compared");
    if (!s->compared)
        s->compares = NULL;
    s->row_item = text_of(catalog, "row_item");
    if (!list || list->type != VALUE_LIST || list->n != s->n_metrics)
        return;
    bool *is_integer = arena_alloc(s->arena, s->n_metrics * sizeof *is_integer);
    bool *is_hash = arena_alloc(s->arena, s->n_metrics * sizeof *is_hash);
    for (uint32_t m = 0; m < s->n_metrics; m++) {
        is_integer[m] = params_flag(&list->items[m], "integer");
        is_hash[m] = params_flag(&list->items[m], "hash");
    }
    s->is_integer = is_integer;
    s->is_hash = is_hash;
}

// The value of the parameter where there is only one: the job's, or the default.
static const char *only_value(const struct sweep *s, const struct driver_setup *setup)
{
    const char *given = text_of(s->params, s->compares);
    const struct value *list = value_find(setup->workload.catalog, "params");

    for (uint32_t i = 0; !given && list && list->type == VALUE_LIST && i < list->n; i++) {
        const char *name = text_of(&list->items[i], "name");
        if (name && strcmp(name, s->compares) == 0)
            given = text_of(&list->items[i], "default");
    }
    return given ? given : "default";
}

static enum error check_values(const struct sweep *s,
                               const struct spec *job,
                               const struct driver_setup *setup,
                               const struct value *list)
{
    for (uint32_t i = 0; i < list->n; i++) {
        struct spec at = spec_at(job, &list->items[i], "compare[%" PRIu32 "]", i);
        enum error e = params_check_set(setup->workload.catalog, &at, s->compares, at.map);
        if (e)
            return e;
        for (uint32_t k = 0; k < i; k++)
            if (strcmp(list->items[i].s, list->items[k].s) == 0)
                return spec_fail(&at, NULL, "compare names '%.60s' twice", list->items[i].s);
    }
    return OK;
}

enum error
sweep_parse_compare(struct sweep *s, const struct spec *job, const struct driver_setup *setup)
{
    const struct value *list = NULL;
    enum error e = spec_strs(job, "compare", 1, COMPARE_MAX, &list);

    if (s->compares)
        s->one = only_value(s, setup);
    if (e || !list)
        return e;
    if (!s->compares)
        return spec_fail(job, spec_find(job, "compare"),
                         "compare: workload '%s' has nothing to compare", setup->workload.name);
    if (s->grid && value_find(s->grid, s->compares))
        return spec_fail(job, spec_find(job, "compare"),
                         "compare stands beside %s in the grid, expected one of them",
                         s->compares);
    e = check_values(s, job, setup, list);
    if (e)
        return e;
    uint32_t n = s->grid ? s->grid->n : 0;
    struct value *grid = arena_alloc(s->arena, sizeof *grid);
    *grid = value_map_of(s->arena, n + 1);
    grid->line = list->line;
    grid->column = list->column;
    grid->pairs[0] = (struct value_pair){s->compares, list->line, list->column, *list};
    for (uint32_t i = 0; i < n; i++)
        grid->pairs[i + 1] = s->grid->pairs[i];
    s->grid = grid;
    return OK;
}

bool sweep_only_compares(const struct sweep *s)
{
    return s->compares && s->grid && s->grid->n == 1
           && strcmp(s->grid->pairs[0].key, s->compares) == 0;
}

const char *sweep_compared_name(const struct sweep *s, uint32_t point)
{
    return s->grid ? s->points.items[point].pairs[0].value.s : s->one;
}
