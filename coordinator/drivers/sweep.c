// SPDX-License-Identifier: MIT
#include "coordinator/drivers/sweep.h"

#include "common/mem.h"
#include "coordinator/drivers/sweep_state.h"

static void destroy(void *state)
{
    struct sweep *s = state;

    if (!s)
        return;
    for (uint32_t i = 0; s->state && i < s->n_points; i++) {
        for (uint32_t k = 0; k < s->state[i].n_folds; k++)
            fold_destroy(s->state[i].folds[k]);
        mem_free(s->state[i].folds);
    }
    for (uint32_t i = 0; s->incoming && i < s->n_metrics; i++)
        fold_destroy(s->incoming[i]);
    mem_free(s->incoming);
    mem_free(s->state);
    mem_free(s->names);
    mem_free(s->rows);
    mem_free(s->outputs);
    mem_free(s->values);
    buf_fini(&s->blob);
    buf_fini(&s->points_blob);
    arena_destroy(s->arena);
    arena_destroy(s->scratch);
    mem_free(s);
}

static enum error create(const struct driver_setup *setup, void **state, struct errtext *t)
{
    struct sweep *s = mem_alloc(sizeof *s);

    s->arena = arena_create();
    s->scratch = arena_create();
    enum error e = sweep_parse(s, setup, t);
    if (e) {
        destroy(s);
        return e;
    }
    s->state = mem_alloc(s->n_points * sizeof *s->state);
    s->incoming = mem_alloc((s->n_metrics + 1) * sizeof(struct fold *));
    *state = s;
    return OK;
}

static enum driver_wants wants(const void *state)
{
    const struct sweep *s = state;
    return s->rows ? DRIVER_ROWS : DRIVER_FOLDS;
}

static void tell(void *state, const struct outcome *o)
{
    sweep_tell(state, o);
}

static void step(void *state, struct driver_output *out)
{
    struct sweep *s = state;

    out->n_items = s->n_items;
    if (s->n_told == s->n_items)
        sweep_finish(s, out);
}

// {"line": …}, when there are lines.
static struct value params_of(const void *state, uint64_t item, struct arena *a)
{
    const struct sweep *s = state;
    struct value v = value_map();

    if (!s->lines)
        return value_null();
    value_set(a, &v, "line", s->lines->items[item % s->per_point]);
    return v;
}

static void
layout(const void *state, uint64_t *per_point, uint64_t *first, const struct value **points)
{
    const struct sweep *s = state;

    *per_point = s->per_point;
    *first = s->first;
    *points = s->grid ? &s->points : NULL;
}

static const char *const keys[] = {"grid",  "compare", "items", "first",
                                   "lines", "shard",   "rows",  NULL};

const struct driver sweep_driver = {
    .name = "sweep",
    .help =
        "The same work at many items, at every point of a grid: the metrics' counts, means, "
        "deviations and quantiles.",
    .is_inline = true,
    .knows_all_items = true,
    .keys = keys,
    .wants = wants,
    .create = create,
    .destroy = destroy,
    .tell = tell,
    .step = step,
    .params_of = params_of,
    .layout = layout,
};
