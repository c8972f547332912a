// SPDX-License-Identifier: MIT
// cmd_down.c - the end of a local cluster.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cluster/client/commands.h"
#include "cluster/client/standing.h"
#include "cluster/client/target.h"
#include "common/clock.h"

struct arguments {
    const char *state;
};

static const struct option_row rows[] = {
    {"state", 's', OPTION_STR, "DIR", "SHOAL_STATE",
     "the state directory; default ~/.local/state/shoal", 0, 0,
     offsetof(struct arguments, state)},
    {0},
};

// Longer than the supervisor takes to use force.
#define PATIENCE (30 * CLOCK_SECOND)
#define LOOK     (5 * CLOCK_MS)

static enum error end_supervisor(const char *dir, pid_t pid, struct errtext *t)
{
    int64_t until = clock_now() + PATIENCE;
    if (kill(pid, SIGTERM) != 0 && errno != ESRCH)
        return errtext_set(t, ERR_DENIED, "supervisor %d: %s", (int)pid, strerror(errno));
    while (standing_holder(dir) == pid) {
        if (clock_now() > until)
            return errtext_set(t, ERR_IO, "supervisor %d does not end", (int)pid);
        clock_sleep(LOOK);
    }
    return OK;
}

// A coordinator that somebody started by hand.
static enum error end_coordinator(const char *dir, struct arena *a, struct errtext *t)
{
    struct target g = {.state = dir};
    struct value reply;
    return target_ask(&g, "shutdown", NULL, a, &reply, t);
}

static int run(const struct command *self, int argc, char **argv)
{
    struct arguments g = {0};
    struct errtext t = {{0}};
    const char *dir;
    int n_args, status;
    if (!command_parse(self, argc, argv, &g, &n_args, &status))
        return status;
    if (!command_arguments(self, n_args, 0, 0))
        return STATUS_USAGE;
    struct arena *a = arena_create();
    enum error e = target_state(g.state, a, &dir, &t);
    pid_t pid = e ? 0 : standing_holder(dir);
    if (!e)
        e = pid ? end_supervisor(dir, pid, &t) : end_coordinator(dir, a, &t);
    status = command_fail(e, &t);
    arena_destroy(a);
    return status;
}

const struct command cmd_down = {
    .name = "down",
    .usage = "[options]",
    .help = "stop the local cluster",
    .about = "Stops the cluster that 'shoal up' started.  Its state stays: jobs that run go on "
             "when it is up again.",
    .rows = rows,
    .run = run,
};
