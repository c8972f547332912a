// SPDX-License-Identifier: MIT
// cmd_extend.c - more trials for a search.
#include <stdio.h>

#include "cluster/client/commands.h"
#include "cluster/client/show.h"
#include "cluster/client/simple.h"

struct arguments {
    struct target target;
    int64_t trials;
};

static const struct option_row rows[] = {
    TARGET_ROWS,
    {"trials", 't', OPTION_INT, "N", NULL, "how many trials in all, with those made", 1,
     INT32_MAX, offsetof(struct arguments, trials)},
    {0},
};

static void print(const struct value *reply, struct arena *a)
{
    (void)a;
    printf("%s goes on\n", show_text(reply, "job"));
}

static int run(const struct command *self, int argc, char **argv)
{
    static const struct simple simple = {.verb = "extend", .print = print};
    struct arguments g = {0};
    struct value args = value_map();
    int n_args, status;
    if (!command_parse(self, argc, argv, &g, &n_args, &status))
        return status;
    if (!command_arguments(self, n_args, 1, 1))
        return STATUS_USAGE;
    if (!g.trials) {
        (void)fprintf(stderr, "shoal extend: --trials N is missing: how many in all\n");
        return STATUS_USAGE;
    }
    struct arena *a = arena_create();
    (void)value_set(a, &args, "job", value_str(a, argv[0]));
    (void)value_set(a, &args, "trials", value_int(g.trials));
    status = simple_ask(&g.target, &simple, &args, a);
    arena_destroy(a);
    return status;
}

const struct command cmd_extend = {
    .name = "extend",
    .usage = "JOB --trials N [options]",
    .help = "give a search more trials",
    .about = "Lets a search go on to a larger number of trials, also one that has ended.  The "
             "result is the one that the larger number would have given from the start.",
    .rows = rows,
    .run = run,
};
