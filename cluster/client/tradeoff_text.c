// SPDX-License-Identifier: MIT
#include "cluster/client/tradeoff_text.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "cluster/client/tradeoff.h"

enum { ROWS_MAX = 20000, PARAMS_MAX = 64 };

struct study {
    struct tradeoff_table t;
    const char *params[PARAMS_MAX];
    const char *attributes[UTILITY_MAX];
    bool less[UTILITY_MAX];
    double *x, *y;
};

// ---- the table -------------------------------------------------------------------------

static void take_attributes(struct study *s, const struct utility *u)
{
    for (uint32_t i = 0; i < u->n; i++) {
        uint32_t a = 0;
        while (a < s->t.n_attributes
               && strcmp(s->attributes[a], u->scenarios[i].attribute) != 0)
            a++;
        if (a < s->t.n_attributes)
            continue;
        s->attributes[a] = u->scenarios[i].attribute;
        s->less[a] = u->scenarios[i].at_most;
        s->t.n_attributes++;
    }
}

static void take_params(struct study *s, const struct value *point)
{
    const struct value *params = value_find(point, "params");
    for (uint32_t i = 0; params && params->type == VALUE_MAP && i < params->n; i++)
        if (value_is_number(&params->pairs[i].value) && s->t.n_params < PARAMS_MAX)
            s->params[s->t.n_params++] = params->pairs[i].key;
}

// A point whose items failed has no means and is left out.
static bool take_row(struct study *s, const struct value *point)
{
    const struct value *params = value_find(point, "params");
    const struct value *metrics = value_find(point, "metrics");
    double *x = s->x + (size_t)s->t.n_rows * s->t.n_params;
    double *y = s->y + (size_t)s->t.n_rows * s->t.n_attributes;

    for (uint32_t p = 0; p < s->t.n_params; p++) {
        const struct value *v = value_find(params, s->params[p]);
        x[p] = v ? value_number(v) : 0;
    }
    for (uint32_t a = 0; a < s->t.n_attributes; a++) {
        const struct value *m = metrics ? value_find(metrics, s->attributes[a]) : NULL;
        const struct value *mean = m ? value_find(m, "mean") : NULL;
        if (!mean || !value_is_number(mean) || !isfinite(value_number(mean)))
            return false;
        y[a] = value_number(mean);
    }
    return true;
}

static enum error
take_points(struct study *s, const struct value *document, struct arena *a, struct errtext *t)
{
    const struct value *result = value_find(document, "result");
    const struct value *points = result ? value_find(result, "points") : NULL;

    if (!points || points->type != VALUE_LIST || points->n < 2)
        return errtext_set(t, ERR_INVALID,
                           "a utility tree needs the points of a sweep with a grid");
    if (points->n > ROWS_MAX)
        return errtext_set(t, ERR_LIMIT, "more than %d points", ROWS_MAX);
    take_params(s, &points->items[0]);
    s->x = arena_alloc(a, (size_t)points->n * s->t.n_params * sizeof *s->x);
    s->y = arena_alloc(a, (size_t)points->n * s->t.n_attributes * sizeof *s->y);
    for (uint32_t i = 0; i < points->n; i++)
        s->t.n_rows += take_row(s, &points->items[i]);
    s->t.x = s->x;
    s->t.y = s->y;
    s->t.less_is_better = s->less;
    if (s->t.n_rows == 0)
        return errtext_set(t, ERR_INVALID,
                           "no point has all attributes of the utility tree as metrics");
    return OK;
}

// ---- the text --------------------------------------------------------------------------

static const char *direction(double effect)
{
    return effect > TRADEOFF_MOVES ? "better" : effect < -TRADEOFF_MOVES ? "worse" : "-";
}

static const char *const kinds[] = {"neither", "sensitivity point", "trade-off point"};

static void put_points(const struct study *s, struct buf *out)
{
    buf_printf(out, "%-20s %-18s", "parameter", "what it is");
    for (uint32_t a = 0; a < s->t.n_attributes; a++)
        buf_printf(out, " %22s", s->attributes[a]);
    for (uint32_t p = 0; p < s->t.n_params; p++) {
        buf_printf(out, "\n%-20s %-18s", s->params[p], kinds[tradeoff_kind(&s->t, p)]);
        for (uint32_t a = 0; a < s->t.n_attributes; a++)
            buf_printf(out, " %8s %+13.4g", direction(tradeoff_effect(&s->t, p, a)),
                       tradeoff_slope(&s->t, 0, p, a));
    }
    buf_puts(out, "\n");
}

// "no risk", "at risk from a, b", "broken at the base"
static void put_risk(const struct study *s, const struct utility_scenario *x, struct buf *out)
{
    uint32_t a = 0, n = 0;

    while (strcmp(s->attributes[a], x->attribute) != 0)
        a++;
    if (tradeoff_breaks(&s->t, x, 0, a)) {
        buf_puts(out, "broken at the base");
        return;
    }
    for (uint32_t p = 0; p < s->t.n_params; p++)
        if (tradeoff_risk(&s->t, x, 0, p, a))
            buf_printf(out, "%s%s", n++ ? ", " : "at risk from ", s->params[p]);
    if (!n)
        buf_puts(out, "no risk");
}

static void put_risks(const struct study *s, const struct utility *u, struct buf *out)
{
    for (uint32_t i = 0; i < u->n; i++) {
        const struct utility_scenario *x = &u->scenarios[i];
        buf_printf(out, "%s (%s %s %g, importance %g): ", x->name, x->attribute,
                   x->at_most ? "at most" : "at least", x->bound, x->importance);
        put_risk(s, x, out);
        buf_puts(out, "\n");
    }
}

enum error tradeoff_text(const struct value *document,
                         const struct utility *u,
                         struct arena *a,
                         struct buf *out,
                         struct errtext *t)
{
    struct study *s = arena_alloc(a, sizeof *s);
    uint32_t n = 0;

    take_attributes(s, u);
    enum error e = take_points(s, document, a, t);
    if (e)
        return e;
    put_points(s, out);
    put_risks(s, u, out);
    for (uint32_t i = 0; i < s->t.n_rows; i++)
        n += tradeoff_is_front(&s->t, i);
    buf_printf(out, "not beaten: %" PRIu32 " of %" PRIu32 " points\n", n, s->t.n_rows);
    return OK;
}

// ---- what changed ----------------------------------------------------------------------
static const char *kind_of(const struct study *s, const char *param)
{
    for (uint32_t p = 0; p < s->t.n_params; p++)
        if (strcmp(s->params[p], param) == 0)
            return kinds[tradeoff_kind(&s->t, p)];
    return NULL;
}

static uint32_t
put_kind_change(const char *param, const char *was, const char *is, struct buf *out)
{
    if (was && is && strcmp(was, is) == 0)
        return 0;
    if (was && is)
        buf_printf(out, "%s: was %s, is %s\n", param, was, is);
    else
        buf_printf(out, "%s: %s, %s\n", param, is ? "new" : "gone", is ? is : was);
    return 1;
}

static uint32_t put_risk_changes(const struct study *before,
                                 const struct study *now,
                                 const struct utility *u,
                                 struct buf *out)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < u->n; i++) {
        struct buf was, is;
        buf_init(&was, SIZE_MAX);
        buf_init(&is, SIZE_MAX);
        put_risk(before, &u->scenarios[i], &was);
        put_risk(now, &u->scenarios[i], &is);
        if (strcmp(buf_cstr(&was), buf_cstr(&is)) != 0) {
            buf_printf(out, "%s: was %s, is %s\n", u->scenarios[i].name, buf_cstr(&was),
                       buf_cstr(&is));
            n++;
        }
        buf_fini(&was);
        buf_fini(&is);
    }
    return n;
}

enum error tradeoff_changes(const struct value *before,
                            const struct value *now,
                            const struct utility *u,
                            struct arena *a,
                            struct buf *out,
                            struct errtext *t)
{
    struct study *old = arena_alloc(a, sizeof *old), *new = arena_alloc(a, sizeof *new);
    uint32_t n = 0;

    take_attributes(old, u);
    take_attributes(new, u);
    enum error e = take_points(old, before, a, t);
    if (!e)
        e = take_points(new, now, a, t);
    if (e)
        return e;
    for (uint32_t p = 0; p < new->t.n_params; p++)
        n += put_kind_change(new->params[p], kind_of(old, new->params[p]),
                             kinds[tradeoff_kind(&new->t, p)], out);
    for (uint32_t p = 0; p < old->t.n_params; p++)
        if (!kind_of(new, old->params[p]))
            n += put_kind_change(old->params[p], kinds[tradeoff_kind(&old->t, p)], NULL, out);
    n += put_risk_changes(old, new, u, out);
    if (!n)
        buf_puts(out, "nothing changed\n");
    return OK;
}
