// SPDX-License-Identifier: MIT
// cmd_drain.c - let a pod finish what it holds and do no more.
#include <stdio.h>

#include "cluster/client/commands.h"
#include "cluster/client/show.h"
#include "cluster/client/simple.h"

static void print(const struct value *reply, struct arena *a)
{
    (void)a;
    printf("%s: %.0f ranks get no more work\n", show_text(reply, "worker"),
           show_number(reply, "ranks"));
}

static int run(const struct command *self, int argc, char **argv)
{
    static const struct simple s = {.verb = "drain", .argument = "worker", .print = print};
    return simple_run(self, &s, argc, argv);
}

const struct command cmd_drain = {
    .name = "drain",
    .usage = "WORKER [options]",
    .help = "let a pod finish what it holds and do no more",
    .about = "Gives a pod no more work: it finishes what it holds and then stays idle, so that "
             "it can be stopped without loss.  WORKER is the beginning of its number, or its "
             "host when that is unique.",
    .rows = simple_rows,
    .run = run,
};
