// SPDX-License-Identifier: MIT
// cmd_cancel.c - cancel a job.
#include <stdio.h>

#include "cluster/client/commands.h"
#include "cluster/client/show.h"
#include "cluster/client/simple.h"

static void print(const struct value *reply, struct arena *a)
{
    (void)a;
    printf("%s is %s\n", show_text(reply, "job"), show_text(reply, "state"));
}

static int run(const struct command *self, int argc, char **argv)
{
    static const struct simple s = {.verb = "cancel", .argument = "job", .print = print};
    return simple_run(self, &s, argc, argv);
}

const struct command cmd_cancel = {
    .name = "cancel",
    .usage = "JOB [options]",
    .help = "cancel a job",
    .about = "Cancels a job: what runs of it is stopped, what it found stays.",
    .rows = simple_rows,
    .run = run,
};
