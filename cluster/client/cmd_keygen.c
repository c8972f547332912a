// SPDX-License-Identifier: MIT
// cmd_keygen.c - the keys of a cluster.
#include <stdio.h>

#include "cluster/client/commands.h"
#include "protocol/keys.h"

static const struct option_row rows[] = {{0}};

static int run(const struct command *self, int argc, char **argv)
{
    struct errtext t = {{0}};
    int n_args, status;
    char none;
    if (!command_parse(self, argc, argv, &none, &n_args, &status))
        return status;
    if (!command_arguments(self, n_args, 1, 1))
        return STATUS_USAGE;
    enum error e = keys_ensure(argv[0], &t);
    if (e)
        return command_fail(e, &t);
    printf("%s has the keys of a coordinator, its workers, and who may submit or read\n",
           argv[0]);
    return fflush(stdout) == 0 ? STATUS_DONE : STATUS_FAILED;
}

const struct command cmd_keygen = {
    .name = "keygen",
    .usage = "DIR",
    .help = "make the keys of a cluster",
    .about =
        "Makes the key pairs of a coordinator and of the roles worker, submit and read, and "
        "the list of those that may connect.  Keys that are there stay.",
    .rows = rows,
    .run = run,
};
