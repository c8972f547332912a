// SPDX-License-Identifier: MIT
#include "protocol/warm_table.h"

#include <string.h>

#include "common/json.h"
#include "common/utf8.h"

enum { COLUMNS_MAX = JSON_KEYS_MAX, TRIALS_MAX = 100000 };

enum role { ROLE_NONE, ROLE_STATE, ROLE_PARAM, ROLE_METRIC };

struct column {
    const char *name;
    enum role role;
    bool is_text; // of a sequence that is joined: digits are no number
};

struct table {
    const char *at, *end;
    const char *path;
    uint32_t line;  // of the cell read next
    bool ends_line; // the cell read last was the line's last
    const struct value *space;
    struct arena *a;
    uint32_t n_columns;
    struct column columns[COLUMNS_MAX];
};

// ---- cells -------------------------------------------------------------------------

static enum error
fail(const struct table *w, uint32_t line, const char *what, struct errtext *t)
{
    return errtext_set(t, ERR_PARSE, "%s:%u: %s", w->path, line, what);
}

static enum error take_quoted(struct table *w, char *to, size_t *n, struct errtext *t)
{
    uint32_t line = w->line;

    for (w->at++; w->at < w->end; w->at++) {
        if (*w->at == '"' && (w->at + 1 == w->end || w->at[1] != '"')) {
            w->at++;
            return OK;
        }
        w->at += *w->at == '"'; // a doubled one is one
        w->line += *w->at == '\n';
        to[(*n)++] = *w->at;
    }
    return fail(w, line, "a quote is not closed", t);
}

// A bound of the cell's bytes.
static size_t room_of(const struct table *w, bool is_quoted)
{
    size_t most = (size_t)(w->end - w->at), n = is_quoted;

    if (!is_quoted)
        while (n < most && w->at[n] != ',' && w->at[n] != '\n')
            n++;
    else
        while (n < most && (w->at[n] != '"' || (n + 1 < most && w->at[n + 1] == '"')))
            n += w->at[n] == '"' ? 2 : 1;
    return n;
}

static enum error take_cell(struct table *w, const char **out, struct errtext *t)
{
    bool is_quoted = w->at < w->end && *w->at == '"';
    size_t room = room_of(w, is_quoted), n = 0;
    char *cell = arena_alloc(w->a, room + 1);
    enum error e = OK;

    if (is_quoted) {
        e = take_quoted(w, cell, &n, t);
    } else {
        memcpy(cell, w->at, room);
        w->at += room;
        n = room && cell[room - 1] == '\r' ? room - 1 : room;
    }
    cell[n] = 0;
    *out = cell;
    if (!e && w->at < w->end && *w->at == '\r')
        w->at++;
    if (!e && w->at < w->end && *w->at != ',' && *w->at != '\n')
        e = fail(w, w->line, "text behind a closed quote", t);
    w->ends_line = w->at >= w->end || *w->at == '\n';
    w->line += w->at < w->end && *w->at == '\n';
    w->at += w->at < w->end;
    return e;
}

// ---- what the space says -----------------------------------------------------------

const struct value *warm_table_parameter(const struct value *v, const char *name)
{
    const struct value *found = NULL;

    for (uint32_t i = 0; !found && v && v->type == VALUE_MAP && i < v->n; i++) {
        const struct value *inner = &v->pairs[i].value;
        if (strcmp(v->pairs[i].key, name) == 0 && value_find(inner, "type"))
            return inner;
        found = warm_table_parameter(inner, name);
    }
    for (uint32_t i = 0; !found && v && v->type == VALUE_LIST && i < v->n; i++)
        found = warm_table_parameter(&v->items[i], name);
    return found;
}

static bool has_text(const struct value *v, const char *text)
{
    if (v && v->type == VALUE_STR)
        return strcmp(v->s, text) == 0;
    for (uint32_t i = 0; v && v->type == VALUE_MAP && i < v->n; i++)
        if (has_text(&v->pairs[i].value, text) || strcmp(v->pairs[i].key, text) == 0)
            return true;
    for (uint32_t i = 0; v && v->type == VALUE_LIST && i < v->n; i++)
        if (has_text(&v->items[i], text))
            return true;
    return false;
}

static struct column column_of(const struct table *w, const char *title)
{
    struct column c = {.name = title, .role = ROLE_NONE};

    if (strncmp(title, "params.", 7) == 0)
        c = (struct column){.name = title + 7, .role = ROLE_PARAM};
    else if (strncmp(title, "metrics.", 8) == 0)
        c = (struct column){.name = title + 8, .role = ROLE_METRIC};
    else if (strcmp(title, "state") == 0)
        c.role = ROLE_STATE;
    else if (strcmp(title, "trial") != 0 && *title)
        c.role = warm_table_parameter(w->space, title) ? ROLE_PARAM : ROLE_METRIC;
    const struct value *p =
        c.role == ROLE_PARAM ? warm_table_parameter(w->space, c.name) : NULL;
    c.is_text = p && value_find(p, "join");
    return c;
}

static struct value value_of(const struct table *w, const struct column *c, const char *cell)
{
    struct value v;
    struct errtext t;

    if (c->is_text || has_text(w->space, cell) || json_parse(cell, strlen(cell), w->a, &v, &t))
        return value_str(w->a, cell);
    return v;
}

// ---- lines -------------------------------------------------------------------------

static enum error take_titles(struct table *w, struct errtext *t)
{
    const char *name;
    enum error e = OK;

    do {
        if (w->n_columns == COLUMNS_MAX)
            return fail(w, 1, "too many columns", t);
        e = take_cell(w, &name, t);
        if (!e)
            w->columns[w->n_columns++] = column_of(w, name);
    } while (!e && !w->ends_line);
    return e;
}

static void
put(struct table *w, const struct column *c, const char *cell, struct value *p, struct value *m)
{
    struct value v = *cell ? value_of(w, c, cell) : value_null();

    if (c->role == ROLE_PARAM && v.type != VALUE_NULL)
        (void)value_set(w->a, p, c->name, v);
    if (c->role == ROLE_METRIC && value_is_number(&v))
        (void)value_set(w->a, m, c->name, v);
}

static enum error take_row(struct table *w, struct value *list, struct errtext *t)
{
    struct value trial = value_map(), params = value_map(), metrics = value_map();
    uint32_t line = w->line, n = 0;
    const char *cell = "";
    bool has_failed = false;
    enum error e = OK;

    do {
        e = take_cell(w, &cell, t);
        const struct column *c = n < w->n_columns ? &w->columns[n] : NULL;
        n++;
        if (!e && c && c->role == ROLE_STATE)
            has_failed = strcmp(cell, "failed") == 0;
        else if (!e && c)
            put(w, c, cell, &params, &metrics);
    } while (!e && !w->ends_line);
    if (e || (n == 1 && !*cell)) // an empty line
        return e;
    if (n != w->n_columns)
        return errtext_set(t, ERR_PARSE, "%s:%u: %u cells, expected %u as in the first line",
                           w->path, line, n, w->n_columns);
    if (has_failed || !metrics.n)
        return OK;
    if (list->n == TRIALS_MAX)
        return errtext_set(t, ERR_LIMIT, "%s:%u: more than %d trials", w->path, line,
                           TRIALS_MAX);
    (void)value_set(w->a, &trial, "params", params);
    (void)value_set(w->a, &trial, "metrics", metrics);
    (void)value_push(w->a, list, trial);
    return OK;
}

static enum error check_text(const struct table *w, struct errtext *t)
{
    uint32_t line = 1;
    size_t length;

    for (const char *p = w->at; p < w->end; p += length) {
        if (!*p || utf8_look(p, (size_t)(w->end - p), &length) != UTF8_WHOLE)
            return fail(w, line, "not UTF-8, expected a table of text", t);
        line += *p == '\n';
    }
    return OK;
}

enum error warm_table_read(const struct warm_table *table,
                           struct arena *a,
                           struct value *out,
                           struct errtext *t)
{
    struct table *w = arena_alloc(a, sizeof *w);

    *w = (struct table){.at = table->text,
                        .end = table->text + table->n,
                        .path = table->path,
                        .line = 1,
                        .space = table->space,
                        .a = a};
    *out = value_list();
    enum error e = check_text(w, t);
    if (!e)
        e = take_titles(w, t);
    while (!e && w->at < w->end)
        e = take_row(w, out, t);
    if (!e && !out->n)
        e = fail(w, 1, "no row with parameters and a metric that is a number", t);
    return e;
}
