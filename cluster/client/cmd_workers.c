// SPDX-License-Identifier: MIT
// cmd_workers.c - the list of ranks.
#include <stdio.h>

#include "cluster/client/commands.h"
#include "cluster/client/show.h"
#include "cluster/client/simple.h"
#include "cluster/client/table.h"

static void print(const struct value *reply, struct arena *a)
{
    static const char *const titles[] = {"worker", ">rank", "host",   ">pid",     "state",
                                         "job",    ">held", ">items", "numerics", NULL};
    const struct value *list = value_find(reply, "workers");
    struct table t;
    table_init(&t, a, titles);
    for (uint32_t i = 0; list && i < list->n; i++) {
        const struct value *w = &list->items[i];
        table_put(&t, "%.8s", show_text(w, "worker"));
        table_put(&t, "%.0f/%.0f", show_number(w, "rank"), show_number(w, "ranks"));
        table_put(&t, "%s", show_text(w, "host"));
        table_put(&t, "%.0f", show_number(w, "pid"));
        table_put(&t, "%s", show_text(w, "state"));
        table_put(&t, "%s", *show_text(w, "job") ? show_text(w, "job") : "-");
        table_put(&t, "%.0f", show_number(w, "held"));
        table_put(&t, "%.0f", show_number(w, "items"));
        table_put(&t, "%s", show_text(w, "numerics"));
    }
    table_print(&t);
}

static int run(const struct command *self, int argc, char **argv)
{
    static const struct simple s = {.verb = "workers", .print = print};
    return simple_run(self, &s, argc, argv);
}

const struct command cmd_workers = {
    .name = "workers",
    .usage = "[options]",
    .help = "list the ranks",
    .about = "Lists the ranks of the cluster, pod by pod.",
    .rows = simple_rows,
    .run = run,
};
