// SPDX-License-Identifier: MIT
#include "coordinator/tables.h"

#include "coordinator/driver.h"
#include "coordinator/search/algorithm.h"
#include "coordinator/search/endpoint.h"

static void put(struct arena *a, struct value *map, const char *key, struct value v)
{
    (void)value_set(a, map, key, v);
}

struct value tables_drivers(struct arena *a)
{
    struct value list = value_list();
    for (int i = 0; drivers[i]; i++) {
        struct value m = value_map();
        struct value keys = value_list();
        for (int k = 0; drivers[i]->keys && drivers[i]->keys[k]; k++)
            (void)value_push(a, &keys, value_str(a, drivers[i]->keys[k]));
        put(a, &m, "name", value_str(a, drivers[i]->name));
        put(a, &m, "help", value_str(a, drivers[i]->help));
        put(a, &m, "keys", keys);
        (void)value_push(a, &list, m);
    }
    return list;
}

static struct value knob_number(const struct knob *k, double x)
{
    if (k->type == KNOB_BOOL)
        return value_bool(x != 0);
    return k->type == KNOB_INT ? value_int((int64_t)x) : value_float(x);
}

static struct value knobs(const struct algorithm *g, struct arena *a)
{
    static const char *const types[] = {"bool", "int", "float"};
    struct value list = value_list();
    for (const struct knob *k = g->knobs; k && k->name; k++) {
        struct value m = value_map();
        put(a, &m, "name", value_str(a, k->name));
        put(a, &m, "type", value_str(a, types[k->type]));
        put(a, &m, "default", knob_number(k, k->fallback));
        if (k->type != KNOB_BOOL) {
            put(a, &m, "min", knob_number(k, k->min));
            put(a, &m, "max", knob_number(k, k->max));
        }
        put(a, &m, "help", value_str(a, k->help));
        (void)value_push(a, &list, m);
    }
    return list;
}

static struct value endpoint_table(struct arena *a)
{
    struct value list = value_list();
    for (const struct endpoint_option *o = endpoint_options; o->name; o++) {
        struct value m = value_map();
        put(a, &m, "name", value_str(a, o->name));
        put(a, &m, "type", value_str(a, o->type));
        if (o->fallback)
            put(a, &m, "default", value_str(a, o->fallback));
        put(a, &m, "help", value_str(a, o->help));
        (void)value_push(a, &list, m);
    }
    return list;
}

struct value tables_algorithms(struct arena *a)
{
    struct value list = value_list();
    for (int i = 0; algorithms[i]; i++) {
        const struct algorithm *g = algorithms[i];
        struct value m = value_map();
        put(a, &m, "name", value_str(a, g->name));
        put(a, &m, "version", value_str(a, g->version));
        put(a, &m, "help", value_str(a, g->help));
        put(a, &m, "source", g->source ? value_str(a, g->source) : value_null());
        put(a, &m, "options", knobs(g, a));
        if (g->parents)
            put(a, &m, "endpoint", endpoint_table(a));
        (void)value_push(a, &list, m);
    }
    return list;
}
