// SPDX-License-Identifier: MIT
// cmd_explain.c - workloads, algorithms and kinds of jobs, and their parameters.
#include <stdio.h>
#include <string.h>

#include "cluster/client/commands.h"
#include "cluster/client/offline.h"
#include "cluster/client/show.h"
#include "cluster/client/simple.h"

enum { NAMES_MAX = 1024, WIDTH = 79 };

// ---- for people ------------------------------------------------------------------

// Words, broken at the edge, from column `indent` on.
static void print_wrapped(const char *text, int indent)
{
    int column = indent;
    while (*text) {
        int n = (int)strcspn(text, " ");
        if (column > indent && column + 1 + n > WIDTH) {
            printf("\n%*s", indent, "");
            column = indent;
        }
        column += printf("%s%.*s", column > indent ? " " : "", n, text);
        text += n;
        text += strspn(text, " ");
    }
    (void)putchar('\n');
}

// "int 0 to 100, default 3 us"
static void print_type(const struct value *p)
{
    const struct value *low = value_find(p, "min"), *high = value_find(p, "max");
    const struct value *fallback = value_find(p, "default");
    const struct value *choices = value_find(p, "choices");
    struct buf b;
    buf_init(&b, 4096);
    buf_puts(&b, show_text(p, "type"));
    if (choices)
        buf_puts(&b, " of ");
    if (choices)
        value_json(choices, &b);
    bool bounded = high && value_is_number(high) && value_number(high) < 1e300;
    if (low && bounded) {
        buf_puts(&b, " ");
        show_value(low, &b);
        buf_puts(&b, " to ");
        show_value(high, &b);
    }
    if (fallback) {
        buf_puts(&b, ", default ");
        value_json(fallback, &b);
    }
    if (*show_text(p, "unit"))
        buf_printf(&b, " %s", show_text(p, "unit"));
    printf("  %s: ", show_text(p, "name"));
    print_wrapped(buf_cstr(&b), 4);
    buf_fini(&b);
}

static void print_params(const char *title, const struct value *list)
{
    if (!list || list->type != VALUE_LIST || !list->n)
        return;
    printf("%s\n", title);
    for (uint32_t i = 0; i < list->n; i++) {
        const struct value *p = &list->items[i];
        print_type(p);
        printf("    ");
        print_wrapped(show_text(p, "help"), 4);
    }
}

static void print_keys(const struct value *keys)
{
    if (!keys || keys->type != VALUE_LIST)
        return;
    printf("keys ");
    for (uint32_t i = 0; i < keys->n; i++)
        printf(" %s", keys->items[i].type == VALUE_STR ? keys->items[i].s : "");
    (void)putchar('\n');
}

static void print_one(const struct value *v)
{
    const struct value *metrics = value_find(v, "metrics");
    printf("%s\n  ", show_text(v, "name"));
    print_wrapped(show_text(v, "help"), 2);
    if (*show_text(v, "source"))
        printf("  After %s\n", show_text(v, "source"));
    print_params("parameters", value_find(v, "params"));
    print_params("options", value_find(v, "options"));
    print_params("endpoint (a map among the options)", value_find(v, "endpoint"));
    print_keys(value_find(v, "keys"));
    for (uint32_t i = 0; metrics && metrics->type == VALUE_LIST && i < metrics->n; i++)
        printf("%s  %s: %s\n", i ? "" : "metrics\n", show_text(&metrics->items[i], "name"),
               show_text(&metrics->items[i], "help"));
}

static void print_list(const char *title, const struct value *list)
{
    printf("%s\n", title);
    for (uint32_t i = 0; list && list->type == VALUE_LIST && i < list->n; i++) {
        printf("  %-12s ", show_text(&list->items[i], "name"));
        print_wrapped(show_text(&list->items[i], "help"), 15);
    }
}

// ---- finding ---------------------------------------------------------------------

static void print_all(const struct value *v)
{
    print_list("kinds of jobs", value_find(v, "drivers"));
    print_list("workloads", value_find(v, "workloads"));
    print_list("algorithms of searches", value_find(v, "algorithms"));
    printf("'shoal explain NAME' tells the parameters of one.\n");
}

static uint32_t print_named(const struct value *v, const char *name, const char **names)
{
    uint32_t n = 0, found = 0;
    for (uint32_t i = 0; i < v->n; i++) {
        const struct value *list = &v->pairs[i].value;
        for (uint32_t k = 0; list->type == VALUE_LIST && k < list->n; k++) {
            const char *one = show_text(&list->items[k], "name");
            if (n < NAMES_MAX)
                names[n++] = one;
            if (strcmp(one, name) != 0)
                continue;
            print_one(&list->items[k]);
            found++;
        }
    }
    names[n] = NULL;
    return found;
}

static int show(const struct target *g, const char *name, const struct value *v)
{
    const char *names[NAMES_MAX + 1];
    if (g->json && !name)
        return show_json(v) ? STATUS_DONE : STATUS_FAILED;
    if (!name)
        print_all(v);
    else if (!print_named(v, name, names)) {
        const char *near = options_nearest(name, names);
        (void)fprintf(stderr, "shoal: no workload, algorithm or kind is called '%.40s'%s%s%s\n",
                      name, near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "");
        return STATUS_USAGE;
    }
    return fflush(stdout) == 0 ? STATUS_DONE : STATUS_FAILED;
}

// The tables of a program cover all names; a coordinator gives what was asked.
static struct value only(const struct value *v, const char *name, struct arena *a)
{
    struct value out = value_map();
    for (uint32_t i = 0; i < v->n; i++) {
        struct value list = value_list();
        const struct value *from = &v->pairs[i].value;
        for (uint32_t k = 0; from->type == VALUE_LIST && k < from->n; k++)
            if (strcmp(show_text(&from->items[k], "name"), name) == 0)
                (void)value_push(a, &list, from->items[k]);
        (void)value_set(a, &out, v->pairs[i].key, list);
    }
    return out;
}

static int explain(const struct target *g, const char *name, struct arena *a)
{
    struct errtext t = {{0}};
    struct value v;
    enum error e = target_ask(g, "catalog", NULL, a, &v, &t);
    if (e == ERR_CLOSED)
        e = offline_catalog(a, &v, &t);
    if (e)
        return command_fail(e, &t);
    if (g->json && name) {
        struct value some = only(&v, name, a);
        return show_json(&some) ? STATUS_DONE : STATUS_FAILED;
    }
    return show(g, name, &v);
}

static int run(const struct command *self, int argc, char **argv)
{
    struct target g = {0};
    int n_args, status;
    if (!command_parse(self, argc, argv, &g, &n_args, &status))
        return status;
    if (!command_arguments(self, n_args, 0, 1))
        return STATUS_USAGE;
    struct arena *a = arena_create();
    status = explain(&g, n_args ? argv[0] : NULL, a);
    arena_destroy(a);
    return status;
}

const struct command cmd_explain = {
    .name = "explain",
    .usage = "[WORKLOAD|ALGORITHM|KIND] [options]",
    .help = "explain workloads, algorithms and kinds of jobs",
    .about = "Lists the workloads, algorithms and kinds of jobs, or explains one with its "
             "parameters.  Needs no running coordinator.",
    .rows = simple_rows,
    .run = run,
};
