// SPDX-License-Identifier: MIT
// cmd_watch.c - a job's progress until its end.
#include <stdio.h>

#include "cluster/client/commands.h"
#include "cluster/client/final.h"
#include "cluster/client/follow.h"
#include "cluster/client/show.h"
#include "cluster/client/signals.h"
#include "cluster/client/simple.h"

int cmd_watch_to_end(const struct target *g, struct caller *c, const char *job, int signals)
{
    struct arena *a = arena_create();
    struct errtext t = {{0}};
    struct value document;
    struct follow f = {
        .caller = c, .target = g, .job = job, .signals = signals, .view = view_open()};
    enum error e = follow_job(&f, a, &document, &t);
    view_close(f.view);
    caller_close(f.caller);
    if (e == ERR_CANCELLED)
        (void)fprintf(stderr, "shoal: detached; job %s goes on\n", job);
    int status = command_fail(e, &t);
    if (!e)
        status = final_print(&document, g->json) ? show_status_of(&document) : STATUS_FAILED;
    arena_destroy(a);
    return status;
}

static int run(const struct command *self, int argc, char **argv)
{
    struct target g = {0};
    int n_args, status;
    if (!command_parse(self, argc, argv, &g, &n_args, &status))
        return status;
    if (!command_arguments(self, n_args, 1, 1))
        return STATUS_USAGE;
    return cmd_watch_to_end(&g, NULL, argv[0], signals_open());
}

const struct command cmd_watch = {
    .name = "watch",
    .usage = "JOB [options]",
    .help = "show a job's progress until it ends",
    .about = "Shows a job's progress until it ends, then its result.  Ctrl-C detaches; the job "
             "goes on.",
    .rows = simple_rows,
    .run = run,
};
