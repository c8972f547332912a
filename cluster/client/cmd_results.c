// SPDX-License-Identifier: MIT
// cmd_results.c - what came of a job.
#include <stdio.h>

#include "cluster/client/commands.h"
#include "cluster/client/fetch.h"
#include "cluster/client/final.h"
#include "cluster/client/history.h"
#include "cluster/client/kpi.h"
#include "cluster/client/show.h"
#include "cluster/client/target.h"

struct arguments {
    struct target target;
    const char *output, *kpi, *history;
};

static const struct option_row rows[] = {
    TARGET_ROWS,
    {"output", 'o', OPTION_STR, "DIR", NULL, "fetch what the job made into this directory", 0,
     0, offsetof(struct arguments, output)},
    {"kpi", 0, OPTION_STR, "FORMAT", NULL,
     "a sweep's figures as one table with its origin in front: text, json or csv", 0, 0,
     offsetof(struct arguments, kpi)},
    {"history", 0, OPTION_STR, "FORMAT", NULL,
     "all trials of a search, a line each, instead of the result: csv or jsonl", 0, 0,
     offsetof(struct arguments, history)},
    {0},
};

// The job file says seed and scenario; who may not read it goes without.
static bool print_kpi(struct caller *c,
                      const struct value *args,
                      const struct value *document,
                      const char *format)
{
    struct arena *a = arena_create();
    struct value file;
    struct errtext t;
    if (caller_call(c, "file", args, a, &file, &t))
        file = value_null();
    bool ok = kpi_print(document, &file, format);
    arena_destroy(a);
    return ok;
}

static int run(const struct command *self, int argc, char **argv)
{
    struct arguments g = {0};
    struct value args = value_map(), document;
    struct errtext t = {{0}};
    struct caller *c = NULL;
    int n_args, status;
    if (!command_parse(self, argc, argv, &g, &n_args, &status))
        return status;
    if (!command_arguments(self, n_args, 1, 1))
        return STATUS_USAGE;
    if (g.kpi && !kpi_is_format(g.kpi)) {
        (void)fprintf(
            stderr, "shoal results: kpi is '%.60s', expected one of: text, json, csv\n", g.kpi);
        return STATUS_USAGE;
    }
    if (g.history && (g.kpi || !history_is_format(g.history))) {
        (void)fprintf(stderr,
                      g.kpi
                          ? "shoal results: --kpi and --history exclude each other\n"
                          : "shoal results: history is '%.60s', expected one of: csv, jsonl\n",
                      g.history);
        return STATUS_USAGE;
    }
    struct arena *a = arena_create();
    (void)value_set(a, &args, "job", value_str(a, argv[0]));
    enum error e = target_open(&g.target, a, &c, &t);
    if (!e)
        e = caller_call(c, "results", &args, a, &document, &t);
    if (!e && g.output)
        e = fetch_all(c, &document, g.output, &t);
    if (!e && g.history)
        e = history_print(c, &document, g.history, &t);
    status = command_fail(e, &t);
    if (!e && g.kpi && !print_kpi(c, &args, &document, g.kpi))
        status = STATUS_FAILED;
    else if (!e && !g.kpi && !g.history && !final_print(&document, g.target.json))
        status = STATUS_FAILED;
    caller_close(c);
    arena_destroy(a);
    return status;
}

const struct command cmd_results = {
    .name = "results",
    .usage = "JOB [--json] [--kpi FORMAT] [--history FORMAT] [-o DIR] [options]",
    .help = "show or fetch what came of a job",
    .about = "Shows a job's result, or of one that still runs how far it is; -o fetches the "
             "files it made.",
    .rows = rows,
    .run = run,
};
