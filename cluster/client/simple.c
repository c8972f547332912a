// SPDX-License-Identifier: MIT
#include "cluster/client/simple.h"

#include <stdio.h>

#include "cluster/client/show.h"

const struct option_row simple_rows[] = {TARGET_ROWS, {0}};

int simple_ask(const struct target *g,
               const struct simple *s,
               const struct value *args,
               struct arena *a)
{
    struct errtext t = {{0}};
    struct value reply;
    enum error e = target_ask(g, s->verb, args, a, &reply, &t);
    if (e)
        return command_fail(e, &t);
    if (g->json)
        return show_json(&reply) ? STATUS_DONE : STATUS_FAILED;
    s->print(&reply, a);
    return fflush(stdout) == 0 ? STATUS_DONE : STATUS_FAILED;
}

int simple_run(const struct command *self, const struct simple *s, int argc, char **argv)
{
    struct target g = {0};
    struct value args = value_map();
    int n_args, status;
    if (!command_parse(self, argc, argv, &g, &n_args, &status))
        return status;
    if (!command_arguments(self, n_args, s->argument && !s->optional, s->argument != NULL))
        return STATUS_USAGE;
    struct arena *a = arena_create();
    if (n_args)
        (void)value_set(a, &args, s->argument, value_str(a, argv[0]));
    status = simple_ask(&g, s, &args, a);
    arena_destroy(a);
    return status;
}
