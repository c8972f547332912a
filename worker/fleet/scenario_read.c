// SPDX-License-Identifier: MIT
#include "worker/fleet/scenario_read.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/options.h"

enum { NAMES_MAX = 64 };

enum error reader_fail(const struct reader *r, const struct value *at, const char *fmt, ...)
{
    char text[sizeof r->t->text];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (!at || !at->line)
        return errtext_set(r->t, ERR_PARSE, "%s: %s", r->file, text);
    return errtext_set(r->t, ERR_PARSE, "%s:%" PRIu32 ":%" PRIu32 ": %s", r->file, at->line,
                       at->column, text);
}

enum error reader_expected(
    const struct reader *r, const char *key, const struct value *v, const char *fmt, ...)
{
    char what[512];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    return reader_fail(r, v, "%s%s%s is %s, expected %s", r->path, *r->path && *key ? "." : "",
                       key, value_describe(v, r->arena), what);
}

static enum error unknown_key(const struct reader *r,
                              const struct value_pair *p,
                              const struct scenario_key *rows,
                              const char *const *more)
{
    const struct value at = {.line = p->line, .column = p->column};
    const char *names[NAMES_MAX + 1];
    char known[700];
    uint32_t n = 0;
    size_t used = 0;

    for (; more && *more && n < NAMES_MAX; more++)
        names[n++] = *more;
    for (; rows->name && n < NAMES_MAX; rows++)
        names[n++] = rows->name;
    names[n] = NULL;
    const char *near = options_nearest(p->key, names);
    const char *of = *r->path ? " in " : "";
    if (near)
        return reader_fail(r, &at, "unknown key '%.60s'%s%s, did you mean '%s'?", p->key, of,
                           r->path, near);
    known[0] = 0;
    for (uint32_t i = 0; names[i] && used < sizeof known; i++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "",
                                 names[i]);
    return reader_fail(r, &at, "unknown key '%.60s'%s%s, expected one of: %s", p->key, of,
                       r->path, known);
}

enum error reader_int(const struct reader *r,
                      const struct scenario_key *row,
                      const struct value *v,
                      int64_t *out)
{
    if (v->type == VALUE_FLOAT)
        return reader_expected(r, row->name, v, "an integer (scenarios have no fractions)");
    if (v->type != VALUE_INT && v->type != VALUE_UINT)
        return reader_expected(r, row->name, v, "an integer");
    if (v->type == VALUE_UINT && row->max == INT64_MAX) { // 64 bits wide, as a seed is
        *out = (int64_t)v->u;
        return OK;
    }
    if (v->type == VALUE_UINT || v->i < row->min || v->i > row->max)
        return reader_expected(r, row->name, v, "%" PRId64 " to %" PRId64 "%s%s", row->min,
                               row->max, row->unit ? " " : "", row->unit ? row->unit : "");
    *out = v->i;
    return OK;
}

static const struct scenario_key *find_row(const struct scenario_key *rows, const char *name)
{
    for (; rows->name; rows++)
        if (strcmp(rows->name, name) == 0)
            return rows;
    return NULL;
}

static bool is_among(const char *name, const char *const *names)
{
    for (; names && *names; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

enum error reader_map(const struct reader *r,
                      const struct value *v,
                      const struct scenario_key *rows,
                      const char *const *more,
                      void *target)
{
    if (v->type != VALUE_MAP)
        return reader_expected(r, *r->path ? "" : "the scenario", v,
                               "a map of keys and values");
    for (uint32_t i = 0; i < v->n; i++) {
        const struct value_pair *p = &v->pairs[i];
        if (!find_row(rows, p->key) && !is_among(p->key, more))
            return unknown_key(r, p, rows, more);
    }
    for (; rows->name; rows++) {
        int64_t *out = (void *)((char *)target + rows->offset);
        const struct value *found = value_find(v, rows->name);
        if (!found && rows->fallback == KEY_REQUIRED)
            return reader_fail(r, v, "key '%s' is missing%s%s, expected %s", rows->name,
                               *r->path ? " in " : "", r->path, rows->help);
        *out = rows->fallback;
        enum error e = found ? reader_int(r, rows, found, out) : OK;
        if (e)
            return e;
    }
    return OK;
}

enum error reader_list(
    const struct reader *r, const char *key, const struct value *v, uint32_t min, uint32_t max)
{
    if (v->type != VALUE_LIST)
        return reader_expected(r, key, v, "a list");
    if (v->n < min || v->n > max)
        return reader_fail(r, v,
                           "%s has %" PRIu32 " elements, expected %" PRIu32 " to %" PRIu32, key,
                           v->n, min, max);
    return OK;
}

struct reader reader_element(const struct reader *r, const char *key, uint32_t i)
{
    struct reader e = *r;
    (void)snprintf(e.path, sizeof e.path, "%s[%" PRIu32 "]", key, i);
    return e;
}
