// SPDX-License-Identifier: MIT
// sweep_row.c - one item as a line of rows.jsonl.
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "coordinator/drivers/sweep_state.h"

struct value sweep_integer(double x)
{
    return x == floor(x) && fabs(x) < 0x1p63 ? value_int((int64_t)x) : value_float(x);
}

static void set_metric(const struct sweep *s, const double *row, uint32_t m, struct value *out)
{
    struct arena *a = s->scratch;

    if (!sweep_is_hash(s, m)) {
        bool integer = s->is_integer && s->is_integer[m];
        value_set(a, out, s->metrics[m], integer ? sweep_integer(row[m]) : value_float(row[m]));
    } else if (m + 1 < s->n_metrics) {
        value_set(
            a, out, s->metrics[m],
            value_printf(a, "%08" PRIx32 "%08" PRIx32, (uint32_t)row[m], (uint32_t)row[m + 1]));
    }
}

static void set_metrics(const struct sweep *s, uint64_t item, struct value *out)
{
    const double *row = s->values + item * s->n_metrics;
    for (uint32_t m = 0; m < s->n_metrics; m += sweep_is_hash(s, m) ? 2 : 1)
        set_metric(s, row, m, out);
}

static void put_metrics(const struct sweep *s, uint64_t item, struct buf *out)
{
    struct value v = value_map();

    if (!s->metrics) {
        buf_put(out, s->rows[item].json, s->rows[item].n);
        return;
    }
    set_metrics(s, item, &v);
    value_json(&v, out);
    arena_reset(s->scratch);
}

static struct value params_of(const struct sweep *s, uint64_t item)
{
    struct value v = value_map();

    if (s->grid)
        v = value_copy(s->scratch, &s->points.items[item / s->per_point]);
    if (s->lines)
        value_set(s->scratch, &v, "line", s->lines->items[item % s->per_point]);
    return v;
}

// A file by its stem, a map by its name, what is longer not at all.
static struct value short_value(const struct value *v, struct arena *a)
{
    if (v->type == VALUE_MAP && value_find(v, "name"))
        return *value_find(v, "name");
    if (v->type == VALUE_MAP || v->type == VALUE_LIST)
        return value_null();
    if (v->type != VALUE_STR)
        return *v;
    const char *slash = strrchr(v->s, '/');
    const char *stem = slash ? slash + 1 : v->s;
    const char *dot = strrchr(stem, '.');
    bool is_file = dot && (strcmp(dot, ".json") == 0 || strcmp(dot, ".yaml") == 0);
    return value_strn(a, stem, is_file ? (size_t)(dot - stem) : strlen(stem));
}

// What stands in no row so far and is by default a map with a name: that name.
static void put_default_names(const struct sweep *s, struct value *row)
{
    for (uint32_t i = 0; s->known && s->known->type == VALUE_LIST && i < s->known->n; i++) {
        const struct value *param = &s->known->items[i];
        const struct value *key = value_find(param, "name"),
                           *map = value_find(param, "default");
        const struct value *name =
            map && map->type == VALUE_MAP ? value_find(map, "name") : NULL;
        if (key && key->type == VALUE_STR && name && !value_find(row, key->s))
            value_set(s->scratch, row, key->s, *name);
    }
}

static void put_flat(const struct sweep *s, uint64_t item, struct buf *out)
{
    struct arena *a = s->scratch;
    struct value v = value_map(), point = params_of(s, item);

    for (uint32_t i = 0; s->params && s->params->type == VALUE_MAP && i < s->params->n; i++) {
        struct value x = short_value(&s->params->pairs[i].value, a);
        if (x.type != VALUE_NULL)
            value_set(a, &v, s->params->pairs[i].key, x);
    }
    put_default_names(s, &v);
    if (s->one)
        value_set(a, &v, s->compares, value_str(a, s->one));
    for (uint32_t i = 0; i < point.n; i++)
        value_set(a, &v, point.pairs[i].key, point.pairs[i].value);
    value_set(a, &v, "seed", value_uint(s->seed));
    value_set(a, &v, s->row_item, value_uint(s->first + item % s->per_point));
    if (s->rows[item].state == ROW_HERE)
        set_metrics(s, item, &v);
    else
        value_set(a, &v, "failed", value_bool(true));
    value_json(&v, out);
    buf_puts(out, "\n");
    arena_reset(a);
}

void sweep_put_row(const struct sweep *s, uint64_t item, struct buf *out)
{
    if (s->row_item && s->metrics) {
        put_flat(s, item, out);
        return;
    }
    buf_printf(out, "{\"item\":%" PRIu64, s->first + item % s->per_point);
    if (s->grid || s->lines) {
        struct value params = params_of(s, item);
        buf_puts(out, ",\"params\":");
        value_json(&params, out);
        arena_reset(s->scratch);
    }
    if (s->rows[item].state == ROW_HERE) {
        buf_puts(out, ",\"metrics\":");
        put_metrics(s, item, out);
    } else {
        buf_puts(out, ",\"failed\":true");
    }
    buf_puts(out, "}\n");
}
