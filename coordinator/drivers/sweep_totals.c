// SPDX-License-Identifier: MIT
#include "coordinator/drivers/sweep_totals.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "common/expr.h"

enum { FIGURES_MAX = 256 };

struct row {
    const char *name;
    uint32_t at, n;
    bool is_list, hex;
};

struct figure {
    const char *name;
    const struct expr *expr;
};

struct sweep_totals {
    struct row *rows;
    uint32_t n_rows, n; // numbers
    struct figure *figures;
    uint32_t n_figures;
    bool only;
};

// ---- the catalog's entry ---------------------------------------------------------

static const char *name_of(const struct value *v)
{
    const struct value *name = value_find(v, "name");
    return name && name->type == VALUE_STR && name->n ? name->s : NULL;
}

static bool is_true(const struct value *map, const char *key)
{
    const struct value *v = value_find(map, key);
    return v && v->type == VALUE_BOOL && v->b;
}

static bool read_rows(struct sweep_totals *s, const struct value *list, struct arena *a)
{
    s->rows = arena_alloc(a, list->n * sizeof *s->rows);
    for (uint32_t i = 0; i < list->n; i++) {
        const struct value *n = value_find(&list->items[i], "n");
        struct row *r = &s->rows[i];
        *r = (struct row){.name = name_of(&list->items[i]),
                          .at = s->n,
                          .n = 1,
                          .is_list = n != NULL,
                          .hex = is_true(&list->items[i], "hex")};
        if (n && (n->type != VALUE_INT || n->i < 1 || n->i > TOTALS_MAX))
            return false;
        r->n = n ? (uint32_t)n->i : 1;
        s->n += r->n;
        if (!r->name || s->n > TOTALS_MAX)
            return false;
    }
    s->n_rows = list->n;
    return true;
}

// One that does not compile is passed over: a newer worker may know more.
static void read_figures(struct sweep_totals *s, const struct value *list, struct arena *a)
{
    uint32_t most = list && list->type == VALUE_LIST ? list->n : 0;
    most = most < FIGURES_MAX ? most : FIGURES_MAX;
    s->figures = arena_alloc(a, (most + 1) * sizeof *s->figures);
    for (uint32_t i = 0; i < most; i++) {
        const struct value *text = value_find(&list->items[i], "expr");
        struct figure *f = &s->figures[s->n_figures];
        f->name = name_of(&list->items[i]);
        if (f->name && text && text->type == VALUE_STR
            && !expr_compile(text->s, text->n, a, &f->expr, NULL))
            s->n_figures++;
    }
}

struct sweep_totals *sweep_totals_create(const struct value *catalog, struct arena *a)
{
    const struct value *list = catalog ? value_find(catalog, "totals") : NULL;
    if (!list || list->type != VALUE_LIST || !list->n || list->n > TOTALS_MAX)
        return NULL;
    struct sweep_totals *s = arena_alloc(a, sizeof *s);
    *s = (struct sweep_totals){.only = is_true(catalog, "totals_only")};
    if (!read_rows(s, list, a))
        return NULL;
    read_figures(s, value_find(catalog, "figures"), a);
    return s;
}

uint32_t sweep_totals_count(const struct sweep_totals *s)
{
    return s ? s->n : 0;
}

bool sweep_totals_only(const struct sweep_totals *s)
{
    return s && s->only;
}

// ---- sums ------------------------------------------------------------------------

void sweep_totals_add(const struct sweep_totals *s,
                      struct total *sums,
                      const struct outcome_view *v,
                      struct arena *scratch)
{
    size_t used;
    struct total *x = arena_alloc(scratch, s->n * sizeof *x);
    assert(v->n_totals == s->n);
    enum error e = totals_read(v->totals, v->n_totals_bytes, s->n, x, &used);
    assert(e == OK);
    for (uint32_t i = 0; i < s->n; i++)
        totals_add(&sums[i], x[i]);
}

// ---- the result ------------------------------------------------------------------

struct lookup {
    const struct sweep_totals *totals;
    const struct total *sums;
    struct arena *a;
};

static const struct value *find_number(void *ctx, uint32_t i, const char *name)
{
    const struct lookup *l = ctx;
    (void)i;
    for (uint32_t k = 0; k < l->totals->n_rows; k++) {
        const struct row *r = &l->totals->rows[k];
        if (strcmp(r->name, name) != 0)
            continue;
        struct value *v = arena_alloc(l->a, sizeof *v);
        *v = r->is_list ? value_list_of(l->a, r->n) : value_float(totals_f64(&l->sums[r->at]));
        for (uint32_t m = 0; r->is_list && m < r->n; m++)
            v->items[m] = value_float(totals_f64(&l->sums[r->at + m]));
        return v;
    }
    return NULL;
}

static struct value shown(const struct row *r, const struct total *x, struct arena *a)
{
    return r->hex ? value_printf(a, "%016" PRIx64, x->low) : totals_value(x, a);
}

void sweep_totals_put(const struct sweep_totals *s,
                      const struct total *sums,
                      struct arena *a,
                      struct value *map)
{
    struct value totals = value_map(), figures = value_map();
    struct lookup l = {s, sums, a};
    for (uint32_t i = 0; i < s->n_rows; i++) {
        const struct row *r = &s->rows[i];
        struct value v = r->is_list ? value_list() : shown(r, &sums[r->at], a);
        for (uint32_t m = 0; r->is_list && m < r->n; m++)
            value_push(a, &v, shown(r, &sums[r->at + m], a));
        value_set(a, &totals, r->name, v);
    }
    for (uint32_t i = 0; i < s->n_figures; i++) {
        double x = expr_number(s->figures[i].expr, find_number, &l, a);
        value_set(a, &figures, s->figures[i].name, isfinite(x) ? value_float(x) : value_null());
    }
    value_set(a, map, "totals", totals);
    if (s->n_figures)
        value_set(a, map, "figures", figures);
}
