// SPDX-License-Identifier: MIT
// cmd_retry.c - failed items once more.
#include <stdio.h>

#include "cluster/client/commands.h"
#include "cluster/client/show.h"
#include "cluster/client/simple.h"

struct arguments {
    struct target target;
    bool failed;
};

static const struct option_row rows[] = {
    TARGET_ROWS,
    {"failed", 0, OPTION_FLAG, NULL, NULL, "the items that failed (the only choice so far)", 0,
     0, offsetof(struct arguments, failed)},
    {0},
};

static void print(const struct value *reply, struct arena *a)
{
    (void)a;
    printf("%s: %.0f items are tried again\n", show_text(reply, "job"),
           show_number(reply, "reopened"));
}

static int run(const struct command *self, int argc, char **argv)
{
    static const struct simple simple = {.verb = "retry", .print = print};
    struct arguments g = {.failed = true};
    struct value args = value_map();
    int n_args, status;
    if (!command_parse(self, argc, argv, &g, &n_args, &status))
        return status;
    if (!command_arguments(self, n_args, 1, 1))
        return STATUS_USAGE;
    struct arena *a = arena_create();
    (void)value_set(a, &args, "job", value_str(a, argv[0]));
    (void)value_set(a, &args, "failed", value_bool(g.failed));
    status = simple_ask(&g.target, &simple, &args, a);
    arena_destroy(a);
    return status;
}

const struct command cmd_retry = {
    .name = "retry",
    .usage = "JOB [--failed] [options]",
    .help = "try a job's failed items again",
    .about = "Tries the failed items of a job again, also of one that has ended.",
    .rows = rows,
    .run = run,
};
