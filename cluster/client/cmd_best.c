// SPDX-License-Identifier: MIT
// cmd_best.c - the best trial of a search, or its front.
#include <stdio.h>
#include <string.h>

#include "cluster/client/commands.h"
#include "cluster/client/show.h"
#include "cluster/client/table.h"
#include "cluster/client/target.h"

enum { LINE_MAX_BYTES = 1 << 16 };

struct arguments {
    struct target target;
};

static const struct option_row rows[] = {TARGET_ROWS, {0}};

// The search that was submitted last.
static enum error
find_latest(struct caller *c, struct arena *a, struct value *job, struct errtext *t)
{
    struct value args = value_map(), reply;
    enum error e = caller_call(c, "jobs", &args, a, &reply, t);
    const struct value *list = e ? NULL : value_find(&reply, "jobs");
    double latest = -1;

    *job = value_null();
    for (uint32_t i = 0; list && list->type == VALUE_LIST && i < list->n; i++) {
        const struct value *row = &list->items[i];
        double at = show_number(row, "submitted");
        if (strcmp(show_text(row, "kind"), "search") != 0 || at < latest)
            continue;
        latest = at;
        *job = value_str(a, show_text(row, "job"));
    }
    if (!e && job->type == VALUE_NULL)
        e = errtext_set(t, ERR_NOT_FOUND, "no search is among the jobs listed; name one");
    return e;
}

// Of one that runs what it has so far: its front is cut, front_size says how long it is.
static enum error
take_best(const struct value *document, struct arena *a, struct value *out, struct errtext *t)
{
    static const char *const head[] = {"job", "name", "state"};
    static const char *const keys[] = {"goals", "best", "front", "front_size"};
    const struct value *from = value_find(document, "result");
    bool is_search = strcmp(show_text(document, "kind"), "search") == 0;

    if (!from || from->type != VALUE_MAP)
        from = value_find(document, "progress");
    *out = value_map();
    for (size_t i = 0; i < sizeof head / sizeof *head; i++)
        (void)value_set(a, out, head[i], value_str(a, show_text(document, head[i])));
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const struct value *v = from ? value_find(from, keys[i]) : NULL;
        if (v)
            (void)value_set(a, out, keys[i], *v);
    }
    if (is_search && (value_find(out, "best") || value_find(out, "front")))
        return OK;
    return errtext_set(t, ERR_INVALID, "job %s (%s) has no best trial: %s",
                       show_text(document, "job"), show_text(document, "name"),
                       is_search ? "none has ended yet" : "it is no search");
}

// ---- for people --------------------------------------------------------------------

static void print_map(const char *title, const struct value *map)
{
    for (uint32_t i = 0; map && map->type == VALUE_MAP && i < map->n; i++) {
        struct buf b;
        buf_init(&b, LINE_MAX_BYTES);
        show_value(&map->pairs[i].value, &b);
        printf("%-8s %-20s %s\n", i ? "" : title, map->pairs[i].key, buf_cstr(&b));
        buf_fini(&b);
    }
}

static void put_map(struct table *t, const struct value *map)
{
    struct buf b;
    buf_init(&b, LINE_MAX_BYTES);
    if (map && map->type == VALUE_MAP)
        show_pairs(map, &b);
    table_put(t, "%s", buf_cstr(&b));
    buf_fini(&b);
}

static void print_front(const struct value *front, double size, struct arena *a)
{
    static const char *const titles[] = {">trial", "metrics", "params", NULL};
    struct table t;

    table_init(&t, a, titles);
    for (uint32_t i = 0; i < front->n; i++) {
        table_put(&t, "%.0f", show_number(&front->items[i], "trial"));
        put_map(&t, value_find(&front->items[i], "metrics"));
        put_map(&t, value_find(&front->items[i], "params"));
    }
    table_print(&t);
    if (size > front->n)
        printf("... and %.0f points more once it is done\n", size - front->n);
}

static void print(const struct value *v, struct arena *a)
{
    const struct value *best = value_find(v, "best"), *front = value_find(v, "front");

    printf("%s (%s) %s", show_text(v, "name"), show_text(v, "job"), show_text(v, "state"));
    if (front && front->type == VALUE_LIST) {
        double size = show_number(v, "front_size");
        printf(": front of %.0f\n", size > 0 ? size : front->n);
        print_front(front, size, a);
    } else if (best && best->type == VALUE_MAP) {
        printf(": trial %.0f\n", show_number(best, "trial"));
        print_map("metrics", value_find(best, "metrics"));
        print_map("params", value_find(best, "params"));
    } else {
        printf(": no trial was feasible\n");
    }
}

static enum error best(const struct target *g,
                       const char *job,
                       struct arena *a,
                       struct value *out,
                       struct errtext *t)
{
    struct value args = value_map(), document, id = value_null();
    struct caller *c = NULL;
    enum error e = target_open(g, a, &c, t);

    if (!e && job)
        id = value_str(a, job);
    else if (!e)
        e = find_latest(c, a, &id, t);
    (void)value_set(a, &args, "job", id);
    if (!e)
        e = caller_call(c, "job", &args, a, &document, t);
    if (!e)
        e = take_best(&document, a, out, t);
    caller_close(c);
    return e;
}

static int run(const struct command *self, int argc, char **argv)
{
    struct arguments g = {0};
    struct errtext t = {{0}};
    struct value v;
    int n_args, status;

    if (!command_parse(self, argc, argv, &g, &n_args, &status))
        return status;
    if (!command_arguments(self, n_args, 0, 1))
        return STATUS_USAGE;
    struct arena *a = arena_create();
    enum error e = best(&g.target, n_args ? argv[0] : NULL, a, &v, &t);
    status = command_fail(e, &t);
    bool ok = true;
    if (!e && g.target.json)
        ok = show_json(&v);
    else if (!e)
        print(&v, a);
    arena_destroy(a);
    return ok && fflush(stdout) == 0 ? status : STATUS_FAILED;
}

const struct command cmd_best = {
    .name = "best",
    .usage = "[JOB] [--json] [options]",
    .help = "show the best trial of a search",
    .about = "Shows parameters and metrics of the best trial of a search, or of all on its "
             "front; while it runs those so far.  Without JOB: of the search submitted last.",
    .rows = rows,
    .run = run,
};
