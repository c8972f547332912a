// SPDX-License-Identifier: MIT
#include "cluster/client/trials.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cluster/client/fetch.h"
#include "cluster/client/show.h"
#include "common/json.h"
#include "common/number.h"

enum { LINE_MAX_BYTES = 1 << 20, TRIALS_MAX = 1000000, CELLS_MAX = 2048 };

struct loader {
    struct arena *a;
    struct trials *out;
    uint32_t cap;
    uint32_t line;
    const char *path, *ignore;
    // of a table
    uint32_t n_names;
    const char *names[CELLS_MAX];
};

static void take(struct loader *l, const struct value *params, double target)
{
    struct trials *o = l->out;

    if (!isfinite(target))
        return;
    if (o->n == l->cap) { // doubled in the arena, which keeps the old ones
        uint32_t cap = l->cap ? l->cap * 2 : 256;
        const struct value **more = arena_alloc(l->a, cap * sizeof *more);
        double *targets = arena_alloc(l->a, cap * sizeof *targets);
        if (o->n) {
            memcpy(more, o->params, o->n * sizeof *more);
            memcpy(targets, o->targets, o->n * sizeof *targets);
        }
        o->params = more;
        o->targets = targets;
        l->cap = cap;
    }
    o->params[o->n] = params;
    o->targets[o->n++] = target;
}

// --- lines of JSON ----------------------------------------------------------------------
static enum error take_json(struct loader *l, const char *line, struct errtext *t)
{
    struct value *v = arena_alloc(l->a, sizeof *v);
    struct errtext why;

    if (json_parse(line, strlen(line), l->a, v, &why) || v->type != VALUE_MAP)
        return errtext_set(t, ERR_PARSE, "%s:%u: not a trial: %s", l->path, l->line, why.text);
    const struct value *params = value_find(v, "params"), *metrics = value_find(v, "metrics");
    bool is_usable = params && params->type == VALUE_MAP && metrics
                     && metrics->type == VALUE_MAP
                     && strcmp(show_text(v, "state"), "failed") != 0;
    if (!is_usable)
        return OK;
    for (uint32_t i = 0; i < metrics->n && !l->out->metric; i++)
        if (value_is_number(&metrics->pairs[i].value))
            l->out->metric = metrics->pairs[i].key;
    const struct value *y = l->out->metric ? value_find(metrics, l->out->metric) : NULL;
    if (y && value_is_number(y))
        take(l, params, value_number(y));
    return OK;
}

// --- tables -----------------------------------------------------------------------------
// One cell in place; quotes keep commas, a doubled quote is one.  The next, or NULL.
static char *unquote(char *cell)
{
    char *to = cell, *from = cell;
    bool is_quoted = *from == '"';

    from += is_quoted;
    while (*from && (is_quoted || *from != ',')) {
        if (is_quoted && *from == '"' && *++from != '"') {
            is_quoted = false;
            continue;
        }
        *to++ = *from++;
    }
    bool is_last = *from != ',';
    *to = 0;
    return is_last ? NULL : from + 1;
}

static uint32_t split(char *line, const char **cells)
{
    uint32_t n = 0;
    char *at = line;
    do {
        cells[n++] = at;
        at = unquote(at);
    } while (at && n < CELLS_MAX);
    return n; // at least one: a line has a first cell, if an empty one
}

static struct value cell_value(struct arena *a, const char *cell)
{
    char *end;
    double x = strtod(cell, &end);
    return *cell && *end == 0 && isfinite(x) ? value_float(x) : value_str(a, cell);
}

static bool is_ignored(const struct loader *l, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = l->ignore; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        if (strncmp(at, name, n) == 0 && (at[n] == ',' || at[n] == 0))
            return true;
    return false;
}

static enum error take_row(struct loader *l, char *line, struct errtext *t)
{
    const char *cells[CELLS_MAX];
    uint32_t n = split(arena_str(l->a, line, strlen(line)), cells);
    struct value *params = arena_alloc(l->a, sizeof *params);
    double target = NAN;

    if (l->n_names == 0) {
        l->n_names = n;
        memcpy(l->names, cells, n * sizeof *cells);
        if (!l->out->metric)
            l->out->metric = cells[n - 1];
        for (uint32_t i = 0; i < n; i++)
            if (strcmp(cells[i], l->out->metric) == 0)
                return OK;
        return errtext_set(t, ERR_INVALID, "%s:1: no column '%.60s'", l->path, l->out->metric);
    }
    if (n != l->n_names)
        return errtext_set(t, ERR_PARSE, "%s:%u: %u cells, expected %u as in the first line",
                           l->path, l->line, n, l->n_names);
    *params = value_map();
    for (uint32_t i = 0; i < n; i++) {
        struct value v = cell_value(l->a, cells[i]);
        assert(l->names[i]); // the first line gave as many
        if (strcmp(l->names[i], l->out->metric) == 0)
            target = value_is_number(&v) ? value_number(&v) : NAN;
        else if (!is_ignored(l, l->names[i]))
            value_set(l->a, params, l->names[i], v);
    }
    take(l, params, target);
    return OK;
}

static enum error read_file(struct loader *l, FILE *f, struct errtext *t)
{
    char *line = NULL;
    size_t room = 0;
    enum error e = OK;

    for (ssize_t n; !e && (n = getline(&line, &room, f)) > 0;) {
        l->line++;
        line[strcspn(line, "\r\n")] = 0;
        if (n > LINE_MAX_BYTES || l->out->n == TRIALS_MAX)
            e = errtext_set(t, ERR_LIMIT, "%s:%u: too long", l->path, l->line);
        else if (*line == '{')
            e = take_json(l, line, t);
        else if (*line)
            e = take_row(l, line, t);
    }
    free(line);
    (void)fclose(f);
    if (!e && l->out->n == 0)
        e = errtext_set(t, ERR_INVALID, "%s has no trial with a number for '%.60s'", l->path,
                        l->out->metric ? l->out->metric : "a metric");
    return e;
}

// --- jobs ---------------------------------------------------------------------------------
static enum error open_history(
    const struct target *g, const char *job, struct arena *a, FILE **out, struct errtext *t)
{
    struct value args = value_map(), document;
    struct caller *c = NULL;

    (void)value_set(a, &args, "job", value_str(a, job));
    enum error e = target_open(g, a, &c, t);
    if (!e)
        e = caller_call(c, "results", &args, a, &document, t);
    const struct value *history = e ? NULL : fetch_find(&document, "history.jsonl");
    if (!e && !history)
        e = errtext_set(t, ERR_INVALID,
                        "job '%.60s' has no history: it is no search, or not done", job);
    if (!e)
        e = fetch_open(c, history, out, t);
    caller_close(c);
    return e;
}

enum error trials_load(const struct target *g,
                       const struct trials_source *s,
                       struct arena *a,
                       struct trials *out,
                       struct errtext *t)
{
    struct loader *l = arena_alloc(a, sizeof *l);
    struct stat there;
    bool is_file = stat(s->name, &there) == 0;
    FILE *f = is_file ? fopen(s->name, "re") : NULL;
    enum error e = OK;

    *out = (struct trials){.metric = s->metric};
    *l = (struct loader){.a = a, .out = out, .path = s->name, .ignore = s->ignore};
    if (is_file && !f)
        return errtext_set(t, ERR_IO, "%s: %s", s->name, strerror(errno));
    if (!is_file) {
        l->path = "history.jsonl";
        e = open_history(g, s->name, a, &f, t);
    }
    return e ? e : read_file(l, f, t);
}
