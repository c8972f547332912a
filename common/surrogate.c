// SPDX-License-Identifier: MIT
#include "common/surrogate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/math.h"
#include "common/mem.h"
#include "common/surrogate_parts.h"

enum { ROWS_LEAST = 4 };

#define FORMAT "shoal-proxy-2"

const char *const surrogate_models[] = {"forest", "ridge", "gp", "boost", NULL};
static const struct surrogate_kind *const kinds[] = {&surrogate_forest, &surrogate_ridge,
                                                     &surrogate_gp, &surrogate_boost, NULL};

static const struct surrogate_kind *find_kind(const char *name)
{
    for (int i = 0; kinds[i]; i++)
        if (strcmp(kinds[i]->name, name) == 0)
            return kinds[i];
    return NULL;
}

// --- columns --------------------------------------------------------------------------
// What stands for a category; maps, and lists within lists, by how many they are.
static const char *text_of(const struct value *v, char text[40])
{
    if (v->type == VALUE_STR)
        return v->s;
    if (v->type == VALUE_BOOL)
        return v->b ? "true" : "false";
    if (value_is_number(v))
        (void)snprintf(text, 40, "%.17g", value_number(v));
    else
        (void)snprintf(text, 40, "(%u)", v->n);
    return text;
}

static uint32_t level_of(const struct surrogate_column *c, const char *text)
{
    uint32_t k = 0;
    while (k < c->n_levels && strcmp(c->levels[k], text) != 0)
        k++;
    return k;
}

static struct surrogate_column *find_column(struct surrogate_data *d, const char *name)
{
    for (uint32_t c = 0; c < d->n_columns; c++)
        if (strcmp(d->columns[c].name, name) == 0)
            return &d->columns[c];
    return NULL;
}

static bool is_count(const char *name)
{
    return strstr(name, SURROGATE_COUNT) != NULL;
}

// A column is a number when all that stands in it are numbers.
static enum error
note(struct surrogate_data *d, const struct value_pair *p, struct arena *a, struct errtext *t)
{
    struct surrogate_column *c = find_column(d, p->key);
    char text[40];

    if (!c && d->n_columns >= SURROGATE_COLUMNS_MAX / 2 && is_count(p->key))
        return OK; // long sequences: pairs that come late have no column
    if (!c && d->n_columns == SURROGATE_COLUMNS_MAX)
        return errtext_set(t, ERR_LIMIT, "more than %d columns", SURROGATE_COLUMNS_MAX);
    if (!c) {
        c = &d->columns[d->n_columns++];
        *c = (struct surrogate_column){.name = arena_str(a, p->key, strlen(p->key))};
        c->levels = arena_alloc(a, SURROGATE_LEVELS_MAX * sizeof *c->levels);
    }
    if (value_is_number(&p->value) || c->n_levels == SURROGATE_LEVELS_MAX)
        return OK;
    const char *level = text_of(&p->value, text);
    if (level_of(c, level) == c->n_levels)
        c->levels[c->n_levels++] = arena_str(a, level, strlen(level));
    return OK;
}

static void fill_row(const struct surrogate_data *d, const struct value *params, double *x)
{
    char text[40];

    for (uint32_t c = 0; c < d->n_columns; c++) {
        const struct surrogate_column *column = &d->columns[c];
        const struct value *v = value_find(params, column->name);
        if (column->n_levels)
            x[c] = v ? level_of(column, text_of(v, text)) : column->n_levels;
        else
            x[c] = v && value_is_number(v) ? value_number(v) : column->mean;
    }
}

static void measure(struct surrogate_data *d, const struct value *const *rows)
{
    for (uint32_t c = 0; c < d->n_columns; c++) {
        struct surrogate_column *column = &d->columns[c];
        double sum = 0;
        uint32_t n = 0;
        column->low = INFINITY;
        column->high = -INFINITY;
        for (uint32_t i = 0; i < d->n_rows; i++) {
            const struct value *v = value_find(rows[i], column->name);
            if (!v || !value_is_number(v))
                continue;
            double x = value_number(v);
            sum += x;
            n++;
            column->low = x < column->low ? x : column->low;
            column->high = x > column->high ? x : column->high;
        }
        column->mean = n && !is_count(column->name) ? sum / n : 0;
        if (is_count(column->name))
            column->low = 0;
    }
}

static struct value columns_value(const struct surrogate_data *d, struct arena *a)
{
    struct value list = value_list();

    for (uint32_t c = 0; c < d->n_columns; c++) {
        const struct surrogate_column *column = &d->columns[c];
        struct value v = value_map(), levels = value_list();
        value_set(a, &v, "name", value_str(a, column->name));
        for (uint32_t k = 0; k < column->n_levels; k++)
            value_push(a, &levels, value_str(a, column->levels[k]));
        value_set(a, &v, "levels", levels);
        value_set(a, &v, "low", value_float(column->low));
        value_set(a, &v, "high", value_float(column->high));
        value_set(a, &v, "mean", value_float(column->mean));
        value_push(a, &list, v);
    }
    return list;
}

enum error surrogate_fit(const struct surrogate_options *o,
                         const struct surrogate_trials *from,
                         struct arena *a,
                         struct value *out,
                         struct errtext *t)
{
    const struct surrogate_kind *kind = find_kind(o->model);
    uint32_t n = from->n;
    struct surrogate_data d = {.n_rows = n};
    enum error e = OK;

    if (!kind)
        return errtext_set(t, ERR_INVALID, "no model '%.40s'", o->model);
    if (n < ROWS_LEAST || n > SURROGATE_ROWS_MAX)
        return errtext_set(t, ERR_INVALID, "%u trials to fit, expected %d to %d", n, ROWS_LEAST,
                           SURROGATE_ROWS_MAX);
    struct value joined = surrogate_joined(from, a);
    const struct value **rows = arena_alloc(a, n * sizeof *rows);
    for (uint32_t i = 0; i < n; i++)
        rows[i] = surrogate_unroll(from->rows[i], &joined, a);
    d.columns = arena_alloc(a, SURROGATE_COLUMNS_MAX * sizeof *d.columns);
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = 0; !e && k < rows[i]->n; k++)
            e = note(&d, &rows[i]->pairs[k], a, t);
    if (!e && d.n_columns == 0)
        e = errtext_set(t, ERR_INVALID, "the trials have no parameters");
    if (e)
        return e;
    measure(&d, rows);
    d.x = mem_alloc((size_t)n * d.n_columns * sizeof *d.x);
    d.y = mem_alloc(n * sizeof *d.y);
    for (uint32_t i = 0; i < n; i++) {
        fill_row(&d, rows[i], d.x + (size_t)i * d.n_columns);
        d.y[i] = o->is_log ? math_log(from->targets[i]) : from->targets[i];
        if (!isfinite(d.y[i]) && !e)
            e = errtext_set(t, ERR_INVALID, "target %.17g has no logarithm, or is not finite",
                            from->targets[i]);
    }
    *out = value_map();
    value_set(a, out, "format", value_str(a, FORMAT));
    value_set(a, out, "model", value_str(a, kind->name));
    value_set(a, out, "log", value_bool(o->is_log));
    value_set(a, out, "joined", joined);
    value_set(a, out, "columns", columns_value(&d, a));
    if (!e)
        e = kind->fit(&d, o, a, out, t);
    mem_free(d.x);
    mem_free(d.y);
    return e;
}

// --- opening ------------------------------------------------------------------------------
struct surrogate {
    const struct surrogate_kind *kind;
    struct surrogate_data shape;
    bool is_log;
    void *model;
    double *row;
    const struct value *joined;
    struct arena *arena; // a trial's columns live here while it is looked at
};

static double number_of(const struct value *v, const char *key)
{
    const struct value *x = value_find(v, key);
    return x && value_is_number(x) ? value_number(x) : 0;
}

static bool read_column(const struct value *v, struct arena *a, struct surrogate_column *c)
{
    const struct value *name = value_find(v, "name"), *levels = value_find(v, "levels");

    if (!name || name->type != VALUE_STR || !levels || levels->type != VALUE_LIST
        || levels->n > SURROGATE_LEVELS_MAX)
        return false;
    *c = (struct surrogate_column){.name = name->s, .n_levels = levels->n};
    c->low = number_of(v, "low");
    c->high = number_of(v, "high");
    c->mean = number_of(v, "mean");
    c->levels = arena_alloc(a, (levels->n + 1) * sizeof *c->levels);
    for (uint32_t k = 0; k < levels->n; k++) {
        if (levels->items[k].type != VALUE_STR)
            return false;
        c->levels[k] = levels->items[k].s;
    }
    return true;
}

static bool read_shape(const struct value *v, struct arena *a, struct surrogate *s)
{
    const struct value *list = value_find(v, "columns");

    if (!list || list->type != VALUE_LIST || list->n == 0 || list->n > SURROGATE_COLUMNS_MAX)
        return false;
    s->shape.n_columns = list->n;
    s->shape.columns = arena_alloc(a, list->n * sizeof *s->shape.columns);
    s->row = arena_alloc(a, list->n * sizeof *s->row);
    for (uint32_t c = 0; c < list->n; c++)
        if (!read_column(&list->items[c], a, &s->shape.columns[c]))
            return false;
    return true;
}

enum error surrogate_open(const struct value *v,
                          struct arena *a,
                          struct surrogate **out,
                          struct errtext *t)
{
    const struct value *format = value_find(v, "format"), *model = value_find(v, "model");
    const struct value *is_log = value_find(v, "log");
    struct surrogate *s = arena_alloc(a, sizeof *s);

    if (!format || format->type != VALUE_STR || strcmp(format->s, FORMAT) != 0)
        return errtext_set(t, ERR_PARSE, "not a proxy of format " FORMAT);
    s->kind = model && model->type == VALUE_STR ? find_kind(model->s) : NULL;
    s->is_log = is_log && is_log->type == VALUE_BOOL && is_log->b;
    s->shape = (struct surrogate_data){0};
    s->joined = value_find(v, "joined");
    s->arena = a;
    bool ok = s->kind && s->joined && s->joined->type == VALUE_LIST && read_shape(v, a, s);
    s->model = ok ? s->kind->open(&s->shape, v, a) : NULL;
    if (!s->model)
        return errtext_set(t, ERR_PARSE, "the proxy's model makes no sense");
    *out = s;
    return OK;
}

double surrogate_predict(const struct surrogate *s, const struct value *params)
{
    struct arena_mark mark = arena_mark(s->arena);
    fill_row(&s->shape, surrogate_unroll(params, s->joined, s->arena), s->row);
    arena_release(s->arena, mark);
    double y = s->kind->predict(s->model, &s->shape, s->row);
    return s->is_log ? math_exp(y) : y;
}

// --- quality ------------------------------------------------------------------------------
static int by_key(const void *a, const void *b, void *key)
{
    double x = ((double *)key)[*(const uint32_t *)a], y = ((double *)key)[*(const uint32_t *)b];
    return (x > y) - (x < y);
}

// Ranks from 1, equal values share the mean of theirs.
static void find_ranks(const double *x, uint32_t n, double *ranks)
{
    uint32_t *order = mem_alloc(n * sizeof *order);

    for (uint32_t i = 0; i < n; i++)
        order[i] = i;
    qsort_r(order, n, sizeof *order, by_key, (void *)x);
    for (uint32_t i = 0, j; i < n; i = j) {
        for (j = i; j < n && x[order[j]] == x[order[i]]; j++)
            continue;
        for (uint32_t k = i; k < j; k++)
            ranks[order[k]] = (i + j + 1) / 2.0;
    }
    mem_free(order);
}

static double correlation(const double *x, const double *y, uint32_t n)
{
    double mx = 0, my = 0, xy = 0, xx = 0, yy = 0;

    for (uint32_t i = 0; i < n; i++) {
        mx += x[i] / n;
        my += y[i] / n;
    }
    for (uint32_t i = 0; i < n; i++) {
        xy += (x[i] - mx) * (y[i] - my);
        xx += (x[i] - mx) * (x[i] - mx);
        yy += (y[i] - my) * (y[i] - my);
    }
    return xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : 0;
}

// Tau-b; pairs are counted one by one, of 20,000 points at most.
static double kendall(const double *x, const double *y, uint32_t n)
{
    double s = 0, nx = 0, ny = 0;

    n = n < 20000 ? n : 20000;
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t j = 0; j < i; j++) {
            int a = (x[i] > x[j]) - (x[i] < x[j]), b = (y[i] > y[j]) - (y[i] < y[j]);
            s += a * b;
            nx += a != 0;
            ny += b != 0;
        }
    return nx > 0 && ny > 0 ? s / sqrt(nx * ny) : 0;
}

struct surrogate_quality surrogate_quality(const double *predicted, const double *y, uint32_t n)
{
    struct surrogate_quality q = {0};
    double *ranks = mem_alloc((2 * (size_t)n + 1) * sizeof *ranks);

    for (uint32_t i = 0; i < n; i++) {
        q.rmse += (predicted[i] - y[i]) * (predicted[i] - y[i]) / n;
        q.mae += fabs(predicted[i] - y[i]) / n;
    }
    q.rmse = sqrt(q.rmse);
    find_ranks(predicted, n, ranks);
    find_ranks(y, n, ranks + n);
    q.spearman = correlation(ranks, ranks + n, n);
    q.kendall = kendall(predicted, y, n);
    mem_free(ranks);
    return q;
}
