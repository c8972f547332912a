// SPDX-License-Identifier: MIT
#include "worker/catalog.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/yaml.h"
#include "worker/evaluate/evaluate.h"

const struct workload *const workloads[] = {
    // clang-format off
    &workload_noop,
    &workload_function,
    &workload_exec,
    &workload_allreduce,
    &workload_generate,
    &workload_serve,
    &workload_collbench,
    &workload_placement,
    &workload_cafe,
    &workload_train_line,
    &workload_fleet,
    &workload_fleet_ppo,
    &workload_dram,
    &workload_proxy,
    &workload_prism,
    &workload_txn,
    &workload_judge,
    &workload_compose,
    &workload_rts,
    &workload_heuristic,
    &workload_images,
    &workload_graph,
    &workload_capset,
    NULL,
    // clang-format on
};

const struct workload *workload_find(const char *name)
{
    for (const struct workload *const *w = workloads; *w; w++)
        if (strcmp((*w)->name, name) == 0)
            return *w;
    return NULL;
}

static void set_text(struct arena *a, struct value *map, const char *key, const char *text)
{
    if (text)
        value_set(a, map, key, value_str(a, text));
}

static void set_true(struct arena *a, struct value *map, const char *key, bool b)
{
    if (b)
        value_set(a, map, key, value_bool(true));
}

// A default is JSON text in our own tables: one that does not parse is our bug.
static void set_default(struct arena *a, struct value *map, const char *text)
{
    struct value v;

    if (!text)
        return;
    enum error e = yaml_parse(text, strlen(text), "default", a, &v, NULL);
    assert(e == OK);
    value_set(a, map, "default", v);
}

// An integer where it is one, so that explain shows 600000000 and not 6e+08.
static struct value bound(double x)
{
    bool whole = x == floor(x) && fabs(x) < 0x1p63;
    return whole ? value_int((int64_t)x) : value_float(x);
}

static struct value param_value(const struct param *p, struct arena *a)
{
    static const char *const type[] = {
        [PARAM_BOOL] = "bool", [PARAM_INT] = "int",   [PARAM_FLOAT] = "float",
        [PARAM_STR] = "str",   [PARAM_STRS] = "strs", [PARAM_ANY] = "any",
    };
    struct value v = value_map();

    set_text(a, &v, "name", p->name);
    set_text(a, &v, "type", type[p->type]);
    set_true(a, &v, "required", p->required);
    set_true(a, &v, "searchable", p->searchable);
    if (p->type == PARAM_INT || p->type == PARAM_FLOAT) {
        value_set(a, &v, "min", bound(p->min));
        value_set(a, &v, "max", bound(p->max));
    }
    if (p->choices) {
        struct value *list = value_set(a, &v, "choices", value_list());
        for (const char *const *c = p->choices; *c; c++)
            value_push(a, list, value_str(a, *c));
    }
    set_default(a, &v, p->fallback);
    set_text(a, &v, "unit", p->unit);
    set_text(a, &v, "help", p->help);
    return v;
}

static struct value metric_value(const struct metric *m, struct arena *a)
{
    struct value v = value_map();

    set_text(a, &v, "name", m->name);
    set_text(a, &v, "unit", m->unit);
    set_text(a, &v, "help", m->help);
    set_true(a, &v, "integer", m->integer);
    set_true(a, &v, "hash", m->hash);
    return v;
}

static struct value totals_value_of(const struct workload *w, struct arena *a)
{
    struct value list = value_list();
    for (const struct total_row *r = w->totals; r->name; r++) {
        struct value v = value_map();
        set_text(a, &v, "name", r->name);
        if (r->n)
            value_set(a, &v, "n", value_int(r->n));
        set_true(a, &v, "hex", r->hex);
        set_text(a, &v, "help", r->help);
        value_push(a, &list, v);
    }
    return list;
}

static struct value figures_value(const struct workload *w, struct arena *a)
{
    struct value list = value_list();
    for (const struct figure *f = w->figures; f && f->name; f++) {
        struct value v = value_map();
        set_text(a, &v, "name", f->name);
        set_text(a, &v, "expr", f->expr);
        set_text(a, &v, "help", f->help);
        value_push(a, &list, v);
    }
    return list;
}

struct value catalog_entry(const struct workload *w, struct arena *a)
{
    struct value v = value_map();

    set_text(a, &v, "name", w->name);
    set_text(a, &v, "help", w->help);
    struct value list = value_list();
    for (const struct param *p = w->params; p && p->name; p++)
        value_push(a, &list, param_value(p, a));
    value_set(a, &v, "params", list);
    list = value_list();
    for (const struct metric *m = w->metrics; m && m->name; m++)
        value_push(a, &list, metric_value(m, a));
    if (w->metrics)
        value_set(a, &v, "metrics", list);
    if (w->totals) {
        value_set(a, &v, "totals", totals_value_of(w, a));
        value_set(a, &v, "figures", figures_value(w, a));
        set_true(a, &v, "totals_only", w->totals_only);
    }
    set_text(a, &v, "compares", w->compares);
    set_text(a, &v, "compared", w->compared);
    set_text(a, &v, "row_item", w->row_item);
    set_true(a, &v, "collective", w->collective);
    set_true(a, &v, "commands", w->commands);
    set_true(a, &v, "open_names", w->open_names);
    set_true(a, &v, "pure", w->pure);
    set_true(a, &v, "volatile", w->volatile_metrics);
    value_set(a, &v, "stall_ms", value_int(w->stall_ms));
    return v;
}

struct value catalog_value(struct arena *a)
{
    struct value list = value_list();

    for (const struct workload *const *w = workloads; *w; w++)
        value_push(a, &list, catalog_entry(*w, a));
    return list;
}
