// SPDX-License-Identifier: MIT
// cmd_wait.c - until jobs have ended.
#include <stdio.h>
#include <string.h>

#include "cluster/client/commands.h"
#include "cluster/client/follow.h"
#include "cluster/client/show.h"
#include "cluster/client/signals.h"
#include "cluster/client/simple.h"

// One line a job, as they are waited for.
static int wait_for(
    const struct target *g, const char *job, int signals, struct value *list, struct arena *a)
{
    struct errtext t = {{0}};
    struct value document;
    struct follow f = {.target = g, .job = job, .signals = signals};
    enum error e = follow_job(&f, a, &document, &t);
    caller_close(f.caller);
    if (e)
        return command_fail(e, &t);
    (void)value_push(a, list, document);
    if (!g->json)
        printf("%s %s\n", show_text(&document, "job"), show_text(&document, "state"));
    return show_status_of(&document);
}

static int run(const struct command *self, int argc, char **argv)
{
    struct target g = {0};
    struct value list = value_list();
    int n_args, status;
    if (!command_parse(self, argc, argv, &g, &n_args, &status))
        return status;
    if (!command_arguments(self, n_args, 1, argc))
        return STATUS_USAGE;
    struct arena *a = arena_create();
    int signals = signals_open();
    status = STATUS_DONE;
    for (int i = 0; i < n_args && status <= STATUS_FAILED; i++) {
        int one = wait_for(&g, argv[i], signals, &list, a);
        status = one > status ? one : status;
    }
    bool ok = true;
    if (g.json && list.n)
        ok = show_json(n_args == 1 ? &list.items[0] : &list);
    ok = fflush(stdout) == 0 && ok;
    arena_destroy(a);
    return ok ? status : STATUS_FAILED;
}

const struct command cmd_wait = {
    .name = "wait",
    .usage = "JOB... [options]",
    .help = "wait until jobs have ended",
    .about = "Waits until all these jobs have ended; 1 is the exit status when one of them "
             "failed or was cancelled.",
    .rows = simple_rows,
    .run = run,
};
