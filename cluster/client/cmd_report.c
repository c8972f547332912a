// SPDX-License-Identifier: MIT
// cmd_report.c - a page about a job, to look at in a browser.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/client/commands.h"
#include "cluster/client/fetch.h"
#include "cluster/client/job_text.h"
#include "cluster/client/page.h"
#include "cluster/client/scenario.h"
#include "cluster/client/show.h"
#include "cluster/client/target.h"
#include "cluster/client/tradeoff_text.h"
#include "common/mem.h"
#include "common/version.h"

enum {
    PAGE_MAX = 256 << 20,
    LINES_MAX = 24 << 20, // bytes of a list; of a longer one every so many lines
};

struct arguments {
    struct target target;
    const char *output, *day, *tree, *since;
};

static const struct option_row rows[] = {
    TARGET_ROWS,
    {"output", 'o', OPTION_STR, "FILE", NULL, "the page; default: JOB.html", 0, 0,
     offsetof(struct arguments, output)},
    {"day", 0, OPTION_STR, "TRACE.jsonl", NULL,
     "show this day of a fleet (shoal replay) on a map", 0, 0, offsetof(struct arguments, day)},
    {"tree", 0, OPTION_STR, "TREE.yaml", NULL,
     "say which parameters of a sweep's grid are sensitivity and trade-off points, and which "
     "scenarios of this utility tree are at risk",
     0, 0, offsetof(struct arguments, tree)},
    {"since", 0, OPTION_STR, "JOB", NULL,
     "with --tree: what has changed since this sweep, an earlier turn of the same study", 0, 0,
     offsetof(struct arguments, since)},
    {0},
};

// ---- lists of JSON lines ---------------------------------------------------------

static size_t count_lines(const char *p, size_t n)
{
    size_t lines = 0;
    for (const char *at = p; at < p + n && (at = memchr(at, '\n', (size_t)(p + n - at))); at++)
        lines++;
    return lines;
}

// "name": {"lines": [...], "of": N}: every so many lines where all are too long.
static void put_lines(struct buf *out, const char *name, const char *p, size_t n)
{
    size_t of = count_lines(p, n), step = n / LINES_MAX + 1, at = 0;
    bool first = true;
    buf_printf(out, "\"%s\":{\"of\":%zu,\"lines\":[", name, of);
    for (size_t i = 0; at < n; i++) {
        const char *end = memchr(p + at, '\n', n - at);
        size_t length = end ? (size_t)(end - p) - at : n - at;
        if (i % step == 0 && length) {
            buf_puts(out, first ? "\n" : ",\n");
            buf_put(out, p + at, length);
            first = false;
        }
        at += length + 1;
    }
    buf_puts(out, "]}");
}

static enum error read_file(FILE *f, const char *name, struct buf *out, struct errtext *t)
{
    bool ok = buf_read(out, f);
    (void)fclose(f);
    if (out->full)
        return errtext_set(t, ERR_LIMIT, "%s is larger than a page can hold", name);
    return ok ? OK : errtext_set(t, ERR_IO, "%s: %s", name, strerror(errno));
}

static bool is_jsonl(const char *name)
{
    size_t n = strlen(name);
    return n > 6 && strcmp(name + n - 6, ".jsonl") == 0 && !strchr(name, '"')
           && !strchr(name, '\\') && !strchr(name, '/');
}

static enum error
put_artefact(struct caller *c, const struct value *v, struct buf *out, struct errtext *t)
{
    const char *name = show_text(v, "name");
    FILE *f = NULL;
    struct buf b;
    buf_init(&b, PAGE_MAX);
    enum error e = fetch_open(c, v, &f, t);
    if (!e)
        e = read_file(f, name, &b, t);
    if (!e)
        put_lines(out, name, (const char *)b.bytes, b.n);
    buf_fini(&b);
    return e;
}

static enum error put_artefacts(struct caller *c,
                                const struct value *document,
                                struct buf *out,
                                struct errtext *t)
{
    const struct value *list = value_find(document, "artefacts");
    bool first = true;
    enum error e = OK;
    for (uint32_t i = 0; !e && list && list->type == VALUE_LIST && i < list->n; i++) {
        if (!is_jsonl(show_text(&list->items[i], "name")))
            continue;
        buf_puts(out, first ? "" : ",");
        e = put_artefact(c, &list->items[i], out, t);
        first = false;
    }
    return e;
}

// ---- the page's data -------------------------------------------------------------

// A scenario that is an attachment, as data in its place.
static void
put_scenario(struct caller *c, const struct value *reply, struct value *spec, struct arena *a)
{
    const struct value *params = value_find(spec, "params");
    struct value scenario, changed;
    if (!params || !scenario_find(c, spec, value_find(reply, "files"), a, &scenario))
        return;
    changed = value_copy(a, params);
    (void)value_set(a, &changed, "scenario", scenario);
    (void)value_set(a, spec, "params", changed);
}

// The job file as data; a secret of it stays behind.  Null: we may not read it.
static struct value spec_of(struct caller *c, const char *job, struct arena *a)
{
    struct value reply, spec, out = value_map();
    struct errtext t;
    if (job_text(c, job, a, &reply, &spec, &t) || spec.type != VALUE_MAP)
        return value_null();
    for (uint32_t i = 0; i < spec.n; i++)
        if (strcmp(spec.pairs[i].key, "api_key") != 0)
            (void)value_set(a, &out, spec.pairs[i].key, spec.pairs[i].value);
    put_scenario(c, &reply, &out, a);
    return out;
}

static enum error put_day(const char *path, struct buf *out, struct errtext *t)
{
    FILE *f = fopen(path, "re");
    struct buf b;
    if (!f)
        return errtext_set(t, ERR_NOT_FOUND, "%s: %s", path, strerror(errno));
    buf_init(&b, PAGE_MAX);
    enum error e = read_file(f, path, &b, t);
    buf_puts(out, ",");
    if (!e)
        put_lines(out, "day", (const char *)b.bytes, b.n);
    buf_fini(&b);
    return e;
}

static enum error put_data(const struct arguments *g,
                           struct caller *c,
                           const struct value *document,
                           struct buf *out,
                           struct arena *a,
                           struct errtext *t)
{
    struct value spec = spec_of(c, show_text(document, "job"), a);
    buf_printf(out, "{\"version\":\"%s\",\"document\":", SHOAL_VERSION);
    value_json(document, out);
    buf_puts(out, ",\n\"spec\":");
    value_json(&spec, out);
    buf_puts(out, ",\n\"files\":{");
    enum error e = put_artefacts(c, document, out, t);
    buf_puts(out, "}");
    if (!e && g->day)
        e = put_day(g->day, out, t);
    buf_puts(out, "}");
    return !e && out->full ? errtext_set(t, ERR_LIMIT, "the page would be too large") : e;
}

// Against the utility tree, of a job's final document.
struct against {
    struct caller *c;
    const struct utility *u;
    struct arena *a;
};

static enum error put_changes(const struct against *x,
                              const char *since,
                              const struct value *document,
                              struct buf *out,
                              struct errtext *t)
{
    struct value args = value_map(), before;

    (void)value_set(x->a, &args, "job", value_str(x->a, since));
    enum error e = caller_call(x->c, "results", &args, x->a, &before, t);
    if (e)
        return e;
    buf_printf(out, "\nsince %s\n", since);
    return tradeoff_changes(&before, document, x->u, x->a, out, t);
}

static enum error put_tree(const struct arguments *g,
                           struct caller *c,
                           const struct value *document,
                           struct arena *a,
                           struct errtext *t)
{
    struct utility *u = arena_alloc(a, sizeof *u);
    const struct against x = {c, u, a};
    struct buf out;
    enum error e = utility_read(g->tree, a, u, t);
    if (e)
        return e;
    buf_init(&out, PAGE_MAX);
    e = tradeoff_text(document, u, a, &out, t);
    if (!e && g->since)
        e = put_changes(&x, g->since, document, &out, t);
    if (!e)
        fputs(buf_cstr(&out), g->target.json ? stderr : stdout);
    buf_fini(&out);
    return e;
}

static enum error report(const struct arguments *g, const char *job, struct errtext *t)
{
    struct arena *a = arena_create();
    struct value args = value_map(), document;
    struct caller *c = NULL;
    struct buf data;
    buf_init(&data, PAGE_MAX);
    (void)value_set(a, &args, "job", value_str(a, job));
    enum error e = target_open(&g->target, a, &c, t);
    if (!e)
        e = caller_call(c, "results", &args, a, &document, t);
    if (!e)
        e = put_data(g, c, &document, &data, a, t);
    if (!e) {
        const char *path =
            g->output ? g->output : arena_printf(a, "%s.html", show_text(&document, "job"));
        e = page_write(path, show_text(&document, "name"), &data, t);
        if (!e && !g->target.json)
            printf("%s\n", path);
    }
    if (!e && g->tree)
        e = put_tree(g, c, &document, a, t);
    caller_close(c);
    buf_fini(&data);
    arena_destroy(a);
    return e;
}

static int run(const struct command *self, int argc, char **argv)
{
    struct arguments g = {0};
    struct errtext t = {{0}};
    int n_args, status;
    if (!command_parse(self, argc, argv, &g, &n_args, &status))
        return status;
    if (!command_arguments(self, n_args, 1, 1))
        return STATUS_USAGE;
    if (g.since && !g.tree) {
        errtext_set(&t, ERR_INVALID, "--since needs --tree: the scenarios to compare by");
        return command_fail(ERR_INVALID, &t);
    }
    return command_fail(report(&g, argv[0], &t), &t);
}

const struct command cmd_report = {
    .name = "report",
    .usage = "JOB [-o FILE] [--day TRACE.jsonl] [--tree TREE.yaml [--since JOB]] [options]",
    .help = "write a page about a job",
    .about = "Writes one HTML file with what came of a job: tables, distributions, curves, "
             "fronts, and of a fleet's day the map.  It needs no network.",
    .rows = rows,
    .run = run,
};
