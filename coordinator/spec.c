// SPDX-License-Identifier: MIT
#include "coordinator/spec.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/number.h"
#include "common/options.h"

enum { NAMES_MAX = 128 };

struct spec spec_of(const struct value *map, const char *file, struct errtext *t)
{
    return (struct spec){.map = map, .file = file, .t = t};
}

struct spec spec_at(const struct spec *parent, const struct value *v, const char *fmt, ...)
{
    struct spec s = spec_of(v, parent->file, parent->t);
    int n = 0;
    va_list ap;

    if (*parent->path)
        n = snprintf(s.path, sizeof s.path, "%s.", parent->path);
    if ((size_t)n >= sizeof s.path)
        return s;
    va_start(ap, fmt);
    (void)vsnprintf(s.path + n, sizeof s.path - (size_t)n, fmt, ap);
    va_end(ap);
    return s;
}

static enum error fail_at(const struct spec *s, const struct value *at, const char *text)
{
    if (!at)
        at = s->map;
    return errtext_set(s->t, ERR_PARSE, "%s:%" PRIu32 ":%" PRIu32 ": %s", s->file, at->line,
                       at->column, text);
}

enum error spec_fail(const struct spec *s, const struct value *at, const char *fmt, ...)
{
    char text[sizeof s->t->text];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return fail_at(s, at, text);
}

static enum error
expected_at(const struct spec *s, const struct value *v, const char *key, const char *what)
{
    char text[sizeof s->t->text];
    struct arena *a = arena_create();

    (void)snprintf(text, sizeof text, "%s%s%s is %s, expected %s", s->path,
                   *s->path && *key ? "." : "", key, value_describe(v, a), what);
    arena_destroy(a);
    return fail_at(s, v, text);
}

enum error spec_expected(const struct spec *s, const char *key, const char *fmt, ...)
{
    const struct value *v = value_find(s->map, key);
    char what[512];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    return expected_at(s, v ? v : s->map, v ? key : "", what);
}

void spec_join(const char *const *names, char *out, size_t size)
{
    size_t n = 0;

    out[0] = 0;
    for (uint32_t i = 0; names[i] && n < size; i++)
        n += (size_t)snprintf(out + n, size - n, "%s%s", i ? ", " : "", names[i]);
}

static bool is_among(const char *word, const char *const *names)
{
    for (; names && *names; names++)
        if (strcmp(word, *names) == 0)
            return true;
    return false;
}

static enum error
unknown_key(const struct spec *s, const struct value_pair *p, const char *const *names)
{
    struct value at = {.line = p->line, .column = p->column};
    const char *of = *s->path ? " in " : "";
    const char *near = options_nearest(p->key, names);
    char known[700];

    if (near)
        return spec_fail(s, &at, "unknown key '%.60s'%s%s, did you mean '%s'?", p->key, of,
                         s->path, near);
    spec_join(names, known, sizeof known);
    return spec_fail(s, &at, "unknown key '%.60s'%s%s, expected one of: %s", p->key, of,
                     s->path, known);
}

enum error spec_keys(const struct spec *s, const char *const *keys, const char *const *more)
{
    const char *all[NAMES_MAX + 1];
    uint32_t n = 0;

    if (s->map->type == VALUE_NULL && !*s->path)
        return spec_fail(s, NULL, "the file is empty, expected a map of keys and values");
    if (s->map->type != VALUE_MAP)
        return expected_at(s, s->map, *s->path ? "" : "the file", "a map of keys and values");
    // The kind's own keys first: they are the likelier ones in a list of names.
    for (; more && *more && n < NAMES_MAX; more++)
        all[n++] = *more;
    for (; *keys && n < NAMES_MAX; keys++)
        all[n++] = *keys;
    all[n] = NULL;
    for (uint32_t i = 0; i < s->map->n; i++)
        if (!is_among(s->map->pairs[i].key, all))
            return unknown_key(s, &s->map->pairs[i], all);
    return OK;
}

const struct value *spec_find(const struct spec *s, const char *key)
{
    const struct value *v = value_find(s->map, key);
    return v && v->type != VALUE_NULL ? v : NULL;
}

enum error spec_require(const struct spec *s, const char *key, const char *what)
{
    if (spec_find(s, key))
        return OK;
    return spec_fail(s, NULL, "key '%s' is missing%s%s, expected %s", key,
                     *s->path ? " in " : "", s->path, what);
}

bool spec_is_int(const struct value *v, int64_t *out)
{
    if (v->type == VALUE_INT)
        *out = v->i;
    else if (v->type == VALUE_FLOAT && v->f == floor(v->f) && fabs(v->f) <= 0x1p53)
        *out = (int64_t)v->f;
    else
        return false;
    return true;
}

enum error
spec_int(const struct spec *s, const char *key, int64_t min, int64_t max, int64_t *out)
{
    const struct value *v = spec_find(s, key);
    int64_t i;

    if (!v)
        return OK;
    if (spec_is_int(v, &i) && i >= min && i <= max) {
        *out = i;
        return OK;
    }
    if (max == INT64_MAX && min == INT64_MIN)
        return spec_expected(s, key, "an integer");
    if (max == INT64_MAX)
        return spec_expected(s, key, "an integer of at least %" PRId64, min);
    return spec_expected(s, key, "an integer from %" PRId64 " to %" PRId64, min, max);
}

enum error spec_u64(const struct spec *s, const char *key, uint64_t *out)
{
    const struct value *v = spec_find(s, key);
    int64_t i;

    if (!v)
        return OK;
    if (v->type == VALUE_UINT)
        *out = v->u;
    else if (spec_is_int(v, &i) && i >= 0)
        *out = (uint64_t)i;
    else
        return spec_expected(s, key, "an integer from 0 to 2^64-1");
    return OK;
}

enum error
spec_float(const struct spec *s, const char *key, double min, double max, double *out)
{
    const struct value *v = spec_find(s, key);
    char low[NUMBER_TEXT_MAX], high[NUMBER_TEXT_MAX];

    if (!v)
        return OK;
    double x = value_number(v);
    if (value_is_number(v) && isfinite(x) && x >= min && x <= max) {
        *out = x;
        return OK;
    }
    number_format(min, low);
    number_format(max, high);
    if (isinf(min) && isinf(max))
        return spec_expected(s, key, "a finite number");
    if (isinf(max))
        return spec_expected(s, key, "a number of at least %s", low);
    if (isinf(min))
        return spec_expected(s, key, "a number of at most %s", high);
    return spec_expected(s, key, "a number from %s to %s", low, high);
}

enum error spec_bool(const struct spec *s, const char *key, bool *out)
{
    const struct value *v = spec_find(s, key);

    if (!v)
        return OK;
    if (v->type != VALUE_BOOL)
        return spec_expected(s, key, "true or false");
    *out = v->b;
    return OK;
}

static bool is_text(const struct value *v)
{
    return v->type == VALUE_STR && v->n > 0 && !memchr(v->s, 0, v->n);
}

static enum error not_a_choice(const struct spec *s,
                               const char *key,
                               const char *word,
                               const char *const *choices)
{
    const char *near = options_nearest(word, choices);
    char list[400];

    spec_join(choices, list, sizeof list);
    if (near)
        return spec_expected(s, key, "one of: %s (did you mean '%s'?)", list, near);
    return spec_expected(s, key, "one of: %s", list);
}

enum error
spec_str(const struct spec *s, const char *key, const char *const *choices, const char **out)
{
    const struct value *v = spec_find(s, key);
    char list[400];

    if (!v)
        return OK;
    if (is_text(v) && (!choices || is_among(v->s, choices))) {
        *out = v->s;
        return OK;
    }
    if (!choices)
        return spec_expected(s, key, "a string that is not empty");
    if (is_text(v))
        return not_a_choice(s, key, v->s, choices);
    spec_join(choices, list, sizeof list);
    return spec_expected(s, key, "one of: %s", list);
}

enum error spec_map(const struct spec *s, const char *key, const struct value **out)
{
    const struct value *v = spec_find(s, key);

    if (!v)
        return OK;
    if (v->type != VALUE_MAP)
        return spec_expected(s, key, "a map");
    *out = v;
    return OK;
}

enum error spec_list(
    const struct spec *s, const char *key, uint32_t min, uint32_t max, const struct value **out)
{
    const struct value *v = spec_find(s, key);

    if (!v)
        return OK;
    if (v->type != VALUE_LIST)
        return spec_expected(s, key, "a list");
    if (v->n < min || v->n > max)
        return spec_fail(s, v,
                         "%s%s%s has %" PRIu32 " elements, expected %" PRIu32 " to %" PRIu32,
                         s->path, *s->path ? "." : "", key, v->n, min, max);
    *out = v;
    return OK;
}

enum error spec_strs(
    const struct spec *s, const char *key, uint32_t min, uint32_t max, const struct value **out)
{
    const struct value *list = spec_find(s, key);
    enum error e;

    if (list && list->type != VALUE_LIST)
        return spec_expected(s, key, "a list of strings");
    e = spec_list(s, key, min, max, &list);
    if (e || !list)
        return e;
    for (uint32_t i = 0; i < list->n; i++) {
        struct spec at = spec_at(s, &list->items[i], "%s[%" PRIu32 "]", key, i);
        if (!is_text(at.map))
            return expected_at(&at, at.map, "", "a string that is not empty");
    }
    *out = list;
    return OK;
}
