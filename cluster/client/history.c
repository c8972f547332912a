// SPDX-License-Identifier: MIT
#include "cluster/client/history.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/client/fetch.h"
#include "cluster/client/show.h"
#include "common/buf.h"
#include "common/json.h"

enum { LINE_MAX_BYTES = 1 << 24, COLUMNS_MAX = JSON_KEYS_MAX };

static const char artefact_name[] = "history.jsonl";

struct names {
    uint32_t n;
    const char *keys[COLUMNS_MAX];
};

struct table_writer {
    struct arena *names; // what the columns are called
    struct arena *row;   // of one line
    struct names params, metrics;
    const char *name;
    FILE *out;
};

bool history_is_format(const char *name)
{
    return strcmp(name, "csv") == 0 || strcmp(name, "jsonl") == 0;
}

// ---- columns -----------------------------------------------------------------------

static bool has(const struct names *l, const char *key)
{
    for (uint32_t i = 0; i < l->n; i++)
        if (strcmp(l->keys[i], key) == 0)
            return true;
    return false;
}

static enum error
take_names(struct table_writer *w, struct names *l, const struct value *map, struct errtext *t)
{
    for (uint32_t i = 0; map && map->type == VALUE_MAP && i < map->n; i++) {
        const char *key = map->pairs[i].key;
        if (i < l->n && strcmp(l->keys[i], key) == 0)
            continue; // most trials have the same keys in the same order
        if (has(l, key))
            continue;
        if (l->n == COLUMNS_MAX)
            return errtext_set(t, ERR_LIMIT, "%s has more than %d columns; take jsonl", w->name,
                               COLUMNS_MAX);
        l->keys[l->n++] = arena_str(w->names, key, strlen(key));
    }
    return OK;
}

static enum error take_columns(struct table_writer *w, const struct value *v, struct errtext *t)
{
    enum error e = take_names(w, &w->params, value_find(v, "params"), t);
    return e ? e : take_names(w, &w->metrics, value_find(v, "metrics"), t);
}

// ---- cells -------------------------------------------------------------------------

static void put_cell(struct buf *b, const char *text, size_t n)
{
    bool is_quoted = false;
    for (size_t i = 0; i < n; i++)
        is_quoted = is_quoted || (text[i] && strchr(",\"\r\n", text[i]));
    if (!is_quoted) {
        buf_put(b, text, n);
        return;
    }
    buf_puts(b, "\"");
    for (size_t i = 0; i < n; i++) {
        buf_put(b, &text[i], 1);
        if (text[i] == '"')
            buf_puts(b, "\"");
    }
    buf_puts(b, "\"");
}

static void put_value(struct buf *b, const struct value *v)
{
    struct buf json;

    if (!v || v->type == VALUE_NULL)
        return;
    if (v->type == VALUE_STR) {
        put_cell(b, v->s, v->n);
        return;
    }
    buf_init(&json, LINE_MAX_BYTES);
    value_json(v, &json);
    put_cell(b, buf_cstr(&json), json.n);
    buf_fini(&json);
}

static void put_values(struct buf *b, const struct names *l, const struct value *map)
{
    for (uint32_t i = 0; i < l->n; i++) {
        bool is_there = map && map->type == VALUE_MAP && i < map->n
                        && strcmp(map->pairs[i].key, l->keys[i]) == 0;
        buf_puts(b, ",");
        put_value(b, is_there ? &map->pairs[i].value
                     : map    ? value_find(map, l->keys[i])
                              : NULL);
    }
}

static bool is_ours(const char *key)
{
    return strcmp(key, "trial") == 0 || strcmp(key, "state") == 0;
}

static void put_titles(struct table_writer *w, struct buf *b)
{
    buf_puts(b, "trial,state");
    for (uint32_t i = 0; i < w->params.n; i++) {
        const char *key = w->params.keys[i];
        key = is_ours(key) ? arena_printf(w->names, "params.%s", key) : key;
        buf_puts(b, ",");
        put_cell(b, key, strlen(key));
    }
    for (uint32_t i = 0; i < w->metrics.n; i++) {
        const char *key = w->metrics.keys[i];
        key = is_ours(key) || has(&w->params, key) ? arena_printf(w->names, "metrics.%s", key)
                                                   : key;
        buf_puts(b, ",");
        put_cell(b, key, strlen(key));
    }
    buf_puts(b, "\n");
}

static enum error put_row(struct table_writer *w, const struct value *v, struct errtext *t)
{
    struct buf b;

    buf_init(&b, (size_t)LINE_MAX_BYTES * 4);
    put_value(&b, value_find(v, "trial"));
    buf_puts(&b, ",");
    put_value(&b, value_find(v, "state"));
    put_values(&b, &w->params, value_find(v, "params"));
    put_values(&b, &w->metrics, value_find(v, "metrics"));
    buf_puts(&b, "\n");
    bool ok = !b.full && fwrite(b.bytes, 1, b.n, w->out) == b.n;
    buf_fini(&b);
    return ok ? OK : errtext_set(t, ERR_IO, "the table could not be written");
}

// ---- lines -------------------------------------------------------------------------

static enum error
each_line(struct table_writer *w,
          FILE *in,
          enum error (*take)(struct table_writer *w, const struct value *v, struct errtext *t),
          struct errtext *t)
{
    char *line = NULL;
    size_t room = 0;
    unsigned number = 0;
    enum error e = OK;

    for (ssize_t n; !e && (n = getline(&line, &room, in)) > 0;) {
        struct value v;
        struct errtext why = {{0}};
        number++;
        arena_reset(w->row);
        if (n > LINE_MAX_BYTES)
            e = errtext_set(t, ERR_LIMIT, "%s:%u: too long", w->name, number);
        else if (json_parse(line, (size_t)n, w->row, &v, &why) || v.type != VALUE_MAP)
            e = errtext_set(t, ERR_PARSE, "%s:%u: not a trial: %s", w->name, number, why.text);
        else
            e = take(w, &v, t);
    }
    free(line);
    return !e && ferror(in) ? errtext_set(t, ERR_IO, "%s: %s", w->name, strerror(errno)) : e;
}

enum error history_to_csv(FILE *in, const char *name, FILE *out, struct errtext *t)
{
    struct arena *a = arena_create(), *row = arena_create();
    struct table_writer *w = arena_alloc(a, sizeof *w);
    struct buf titles;

    *w = (struct table_writer){.names = a, .row = row, .name = name, .out = out};
    buf_init(&titles, LINE_MAX_BYTES);
    enum error e = each_line(w, in, take_columns, t);
    rewind(in);
    if (!e) {
        put_titles(w, &titles);
        if (fwrite(titles.bytes, 1, titles.n, out) != titles.n)
            e = errtext_set(t, ERR_IO, "the table could not be written");
    }
    if (!e)
        e = each_line(w, in, put_row, t);
    buf_fini(&titles);
    arena_destroy(row);
    arena_destroy(a);
    return e;
}

static enum error copy(FILE *in, struct errtext *t)
{
    char chunk[65536];
    bool ok = true;

    for (size_t n; ok && (n = fread(chunk, 1, sizeof chunk, in)) > 0;)
        ok = fwrite(chunk, 1, n, stdout) == n;
    return ok && !ferror(in) ? OK : errtext_set(t, ERR_IO, "the history could not be written");
}

// ---- of a job ----------------------------------------------------------------------

enum error history_print(struct caller *c,
                         const struct value *document,
                         const char *format,
                         struct errtext *t)
{
    const struct value *artefact = fetch_find(document, artefact_name);
    FILE *f = NULL;

    if (!artefact)
        return errtext_set(t, ERR_INVALID,
                           "job %s has no history: it is no search, or not done",
                           show_text(document, "job"));
    enum error e = fetch_open(c, artefact, &f, t);
    if (e)
        return e;
    e = strcmp(format, "csv") == 0 ? history_to_csv(f, artefact_name, stdout, t) : copy(f, t);
    (void)fclose(f);
    if (!e && fflush(stdout) != 0)
        e = errtext_set(t, ERR_IO, "the history could not be written");
    return e;
}
