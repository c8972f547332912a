// SPDX-License-Identifier: MIT
// cmd_why.c - say in one sentence why a job is not running.
#include <stdio.h>

#include "cluster/client/commands.h"
#include "cluster/client/show.h"
#include "cluster/client/simple.h"

static void print(const struct value *reply, struct arena *a)
{
    (void)a;
    printf("%s\n", show_text(reply, "why"));
}

static int run(const struct command *self, int argc, char **argv)
{
    static const struct simple s = {.verb = "why", .argument = "job", .print = print};
    return simple_run(self, &s, argc, argv);
}

const struct command cmd_why = {
    .name = "why",
    .usage = "JOB [options]",
    .help = "say in one sentence why a job is not running",
    .about = "Says in one sentence what a job waits for, or that it runs.",
    .rows = simple_rows,
    .run = run,
};
