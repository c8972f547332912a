// SPDX-License-Identifier: MIT
#include "coordinator/params.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/number.h"
#include "common/options.h"

enum { CHOICES_MAX = 64 };

static const char *text_of(const struct value *map, const char *key)
{
    const struct value *v = value_find(map, key);
    return v && v->type == VALUE_STR ? v->s : NULL;
}

// ---- the catalog ------------------------------------------------------------

const struct value *params_find_workload(const struct value *catalog, const char *name)
{
    for (uint32_t i = 0; catalog && catalog->type == VALUE_LIST && i < catalog->n; i++) {
        const char *known = text_of(&catalog->items[i], "name");
        if (known && strcmp(known, name) == 0)
            return &catalog->items[i];
    }
    return NULL;
}

bool params_flag(const struct value *entry, const char *name)
{
    const struct value *v = value_find(entry, name);
    return v && v->type == VALUE_BOOL && v->b;
}

// The names in a list of maps, NULL-ended.
static const char *const *names_of(const struct value *list, struct arena *a)
{
    uint32_t n = list && list->type == VALUE_LIST ? list->n : 0;
    const char **names = arena_alloc(a, (n + 1) * sizeof *names);
    uint32_t k = 0;

    for (uint32_t i = 0; i < n; i++) {
        const char *name = text_of(&list->items[i], "name");
        if (name)
            names[k++] = name;
    }
    return names;
}

const char *const *params_metrics(const struct value *entry, struct arena *a)
{
    const struct value *list = value_find(entry, "metrics");
    return list && list->type == VALUE_LIST ? names_of(list, a) : NULL;
}

static const struct value *find_param(const struct value *entry, const char *name)
{
    return params_find_workload(value_find(entry, "params"), name); // lists of named maps both
}

// ---- one value --------------------------------------------------------------

static bool is_text(const struct value *v)
{
    return v->type == VALUE_STR && !memchr(v->s, 0, v->n);
}

static uint32_t depth_of(const struct value *v)
{
    uint32_t most = 0;

    for (uint32_t i = 0; (v->type == VALUE_LIST || v->type == VALUE_MAP) && i < v->n; i++) {
        uint32_t d = depth_of(v->type == VALUE_LIST ? &v->items[i] : &v->pairs[i].value);
        most = d > most ? d : most;
    }
    return most + 1;
}

static enum error is_not(const struct spec *at, const struct value *v, const char *expected)
{
    struct arena *a = arena_create();
    enum error e =
        spec_fail(at, v, "%s is %s, expected %s", at->path, value_describe(v, a), expected);
    arena_destroy(a);
    return e;
}

static enum error check_number(const struct value *param,
                               bool whole,
                               const struct spec *at,
                               const struct value *v)
{
    const struct value *min = value_find(param, "min");
    const struct value *max = value_find(param, "max");
    const char *unit = text_of(param, "unit");
    char text[200], low[NUMBER_TEXT_MAX + 40], high[NUMBER_TEXT_MAX + 40];
    int64_t i;
    bool fits = whole ? spec_is_int(v, &i) : value_is_number(v) && isfinite(value_number(v));

    if (!min || !max || !value_is_number(min) || !value_is_number(max))
        return fits ? OK : is_not(at, v, whole ? "an integer" : "a finite number");
    if (fits && value_number(v) >= value_number(min) && value_number(v) <= value_number(max))
        return OK;
    struct arena *a = arena_create();
    (void)snprintf(low, sizeof low, "%s", value_describe(min, a));
    (void)snprintf(high, sizeof high, "%s", value_describe(max, a));
    arena_destroy(a);
    (void)snprintf(text, sizeof text, "%s from %s to %s%s%s", whole ? "an integer" : "a number",
                   low, high, unit ? " " : "", unit ? unit : "");
    return is_not(at, v, text);
}

static enum error
check_text(const struct value *param, const struct spec *at, const struct value *v)
{
    const struct value *list = value_find(param, "choices");
    const char *names[CHOICES_MAX + 1];
    char known[300], text[400];
    uint32_t n = 0;

    if (!is_text(v))
        return is_not(at, v, "a string");
    if (!list || list->type != VALUE_LIST || list->n == 0)
        return OK;
    for (uint32_t i = 0; i < list->n && n < CHOICES_MAX; i++)
        if (is_text(&list->items[i]))
            names[n++] = list->items[i].s;
    names[n] = NULL;
    for (uint32_t i = 0; i < n; i++)
        if (strcmp(names[i], v->s) == 0)
            return OK;
    spec_join(names, known, sizeof known);
    const char *near = options_nearest(v->s, names);
    (void)snprintf(text, sizeof text, "one of: %s%s%s%s", known, near ? " (did you mean '" : "",
                   near ? near : "", near ? "'?)" : "");
    return is_not(at, v, text);
}

static enum error check_texts(const struct spec *at, const struct value *v)
{
    if (v->type != VALUE_LIST)
        return is_not(at, v, "a list of strings");
    for (uint32_t i = 0; i < v->n; i++) {
        struct spec inner = *at;
        size_t n = strlen(inner.path);
        (void)snprintf(inner.path + n, sizeof inner.path - n, "[%" PRIu32 "]", i);
        if (!is_text(&v->items[i]))
            return is_not(&inner, &v->items[i], "a string");
    }
    return OK;
}

// at->path names the parameter.
static enum error
check_value(const struct value *param, const struct spec *at, const struct value *v)
{
    const char *type = text_of(param, "type");

    if (depth_of(v) > PARAMS_DEPTH_MAX)
        return spec_fail(at, v, "%s is nested too deeply, expected at most %d levels", at->path,
                         PARAMS_DEPTH_MAX);
    if (!type || strcmp(type, "any") == 0)
        return OK;
    if (strcmp(type, "bool") == 0)
        return v->type == VALUE_BOOL ? OK : is_not(at, v, "true or false");
    if (strcmp(type, "int") == 0)
        return check_number(param, true, at, v);
    if (strcmp(type, "float") == 0)
        return check_number(param, false, at, v);
    if (strcmp(type, "str") == 0)
        return check_text(param, at, v);
    return strcmp(type, "strs") == 0 ? check_texts(at, v) : OK;
}

// An integer written 1e6 is an integer from here on.
static struct value normal(const struct value *param, const struct value *v)
{
    const char *type = text_of(param, "type");
    struct value out = *v;
    int64_t i;

    if (type && strcmp(type, "int") == 0 && v->type == VALUE_FLOAT && spec_is_int(v, &i)) {
        out.type = VALUE_INT;
        out.i = i;
    }
    return out;
}

// ---- all of them ------------------------------------------------------------

static bool is_among(const char *word, const char *const *names)
{
    for (; names && *names; names++)
        if (strcmp(word, *names) == 0)
            return true;
    return false;
}

static enum error
check_given(const struct value *list, const struct spec *s, struct arena *a, struct value *full)
{
    enum error e = OK;

    for (uint32_t i = 0; i < list->n && !e; i++) {
        const struct value *param = &list->items[i];
        const char *name = text_of(param, "name");
        const struct value *v = name ? spec_find(s, name) : NULL;
        const struct value *fallback = value_find(param, "default");
        struct spec at = spec_at(s, v, "%s", name ? name : "");
        if (v && !(e = check_value(param, &at, v)))
            value_set(a, full, name, normal(param, v));
        else if (!v && name && fallback)
            value_set(a, full, name, *fallback);
    }
    return e;
}

static enum error
check_required(const struct value *list, const struct spec *s, const char *const *elsewhere)
{
    for (uint32_t i = 0; i < list->n; i++) {
        const struct value *param = &list->items[i];
        const char *name = text_of(param, "name");
        const char *help = text_of(param, "help");
        if (name && params_flag(param, "required") && !spec_find(s, name)
            && !is_among(name, elsewhere))
            return spec_fail(s, NULL, "%s%s%s is missing, expected %s", s->path,
                             *s->path ? "." : "", name, help ? help : "a value");
    }
    return OK;
}

enum error params_check(const struct value *entry,
                        const struct spec *params,
                        const char *const *elsewhere,
                        struct arena *a,
                        struct value *full)
{
    static const struct value none = {.type = VALUE_LIST};
    const struct value *list = value_find(entry, "params");
    enum error e;

    if (!list || list->type != VALUE_LIST)
        list = &none;
    const char *const *names = names_of(list, a);
    if (!*names && params->map->n)
        return spec_fail(params, NULL,
                         "params has keys, expected none: the workload takes none");
    *full = value_map();
    if ((e = spec_keys(params, names, NULL)) || (e = check_given(list, params, a, full)))
        return e;
    return check_required(list, params, elsewhere);
}

static struct value searchable_of(const struct value *entry, struct arena *a)
{
    const struct value *list = value_find(entry, "params");
    struct value out = value_list();

    for (uint32_t i = 0; list && list->type == VALUE_LIST && i < list->n; i++)
        if (params_flag(&list->items[i], "searchable"))
            value_push(a, &out, list->items[i]);
    return out;
}

static enum error
cannot_vary(const struct value *entry, const struct spec *at, const char *name)
{
    struct arena *a = arena_create();
    struct value list = searchable_of(entry, a);
    const char *const *names = names_of(&list, a);
    const char *near = options_nearest(name, names);
    char known[600];
    enum error e;

    spec_join(names, known, sizeof known);
    if (params_flag(entry, "commands"))
        e = spec_fail(at, NULL,
                      "'%.60s' is the same for all items, expected a name of your own", name);
    else if (near)
        e = spec_fail(at, NULL, "'%.60s' is no parameter that can vary, did you mean '%s'?",
                      name, near);
    else
        e = spec_fail(at, NULL, "'%.60s' is no parameter that can vary, expected %s%s", name,
                      list.n ? "one of: " : "none: all are the same for all items", known);
    arena_destroy(a);
    return e;
}

enum error params_check_set(const struct value *entry,
                            const struct spec *at,
                            const char *name,
                            const struct value *v)
{
    const struct value *param = find_param(entry, name);

    if (*name == '@') // protocol/propose.h
        return spec_fail(at, NULL, "'%.60s' is a reserved name, expected one without @", name);
    if (!entry
        || (!param && (params_flag(entry, "commands") || params_flag(entry, "open_names"))))
        return OK;
    if (!param || !params_flag(param, "searchable"))
        return cannot_vary(entry, at, name);
    return v ? check_value(param, at, v) : OK;
}
