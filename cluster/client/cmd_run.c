// SPDX-License-Identifier: MIT
// cmd_run.c - one job on a cluster of its own, from its start to its end.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cluster/client/alone.h"
#include "cluster/client/commands.h"
#include "cluster/client/fetch.h"
#include "cluster/client/final.h"
#include "cluster/client/show.h"
#include "common/yaml.h"

struct arguments {
    int64_t ranks, pods;
    bool json, verbose;
    const char *output, *name, *http;
};

#define AT(field) offsetof(struct arguments, field)

static const struct option_row rows[] = {
    {"ranks", 'n', OPTION_INT, "N", NULL, "ranks in all; default: one a CPU", 1,
     ALONE_RANKS_MAX, AT(ranks)},
    {"pods", 'p', OPTION_INT, "P", NULL,
     "pods that share the ranks; default: one a rank, which needs no mpirun, and one in all "
     "for a job with gangs",
     1, ALONE_RANKS_MAX, AT(pods)},
    {"json", 0, OPTION_FLAG, NULL, NULL, "print the final document as JSON", 0, 0, AT(json)},
    {"output", 'o', OPTION_STR, "DIR", NULL, "fetch what the job made into this directory", 0,
     0, AT(output)},
    {"name", 0, OPTION_STR, "NAME", NULL, "the job's name, instead of the file's", 0, 0,
     AT(name)},
    {"http", 0, OPTION_STR, "ADDRESS", NULL,
     "where HTTP clients come in: PORT (of 127.0.0.1) or HOST:PORT; default: nowhere", 0, 0,
     AT(http)},
    {"verbose", 'v', OPTION_FLAG, NULL, NULL, "show the logs of coordinator and workers", 0, 0,
     AT(verbose)},
    {0},
};

struct glance {
    int64_t gang;
    bool serves;
};

// The coordinator is the one that judges job files; only the size of gangs and
// whether anybody could ever ask must be known before it runs.
static enum error
glance_at(const char *path, struct arena *a, struct glance *out, struct errtext *t)
{
    struct value v;
    struct buf text;
    buf_init(&text, YAML_BYTES_MAX);
    FILE *f = fopen(path, "re");
    if (!f)
        return errtext_set(t, ERR_NOT_FOUND, "%s: %s", path, strerror(errno));
    enum error e =
        buf_read(&text, f) ? OK : errtext_set(t, ERR_IO, "%s: %s", path, strerror(errno));
    (void)fclose(f);
    if (!e && text.full)
        e = errtext_set(t, ERR_LIMIT, "%s: larger than a job file may be", path);
    if (!e)
        e = yaml_parse(buf_cstr(&text), text.n, path, a, &v, t);
    const struct value *g = e ? NULL : value_find(&v, "gang");
    const struct value *kind = e ? NULL : value_find(&v, "kind");
    out->gang = g && g->type == VALUE_INT ? g->i : 1;
    out->serves = kind && kind->type == VALUE_STR && strcmp(kind->s, "serve") == 0;
    buf_fini(&text);
    return e;
}

static enum error run_job(const struct arguments *args,
                          const char *path,
                          struct arena *a,
                          struct value *document,
                          struct errtext *t)
{
    struct alone_options o = {.ranks = args->ranks,
                              .pods = args->pods,
                              .job = path,
                              .http = args->http,
                              .loud = args->verbose};
    struct caller_submission s = {.path = path, .name = args->name, .allow_exec = true};
    struct alone alone;
    struct glance job = {.gang = 1};
    enum error e = glance_at(path, a, &job, t);
    if (!e && job.serves && !args->http)
        e = errtext_set(t, ERR_INVALID, "%s: kind serve needs --http ADDRESS", path);
    if (e)
        return e;
    o.gang = job.gang;
    e = alone_open(&o, &alone, t);
    if (!e)
        e = alone_submit(&alone, &s, t);
    if (!e)
        e = follow_job(&alone.follow, a, document, t);
    if (!e && args->output)
        e = fetch_all(alone.follow.caller, document, args->output, t);
    if (e == ERR_CANCELLED)
        alone_cancel(&alone);
    alone_close(&alone);
    return e;
}

static int run(const struct command *self, int argc, char **argv)
{
    struct arguments args = {0};
    struct errtext t = {{0}};
    struct value document;
    int n_args, status;
    if (!command_parse(self, argc, argv, &args, &n_args, &status))
        return status;
    if (!command_arguments(self, n_args, 1, 1))
        return STATUS_USAGE;
    struct arena *a = arena_create();
    enum error e = run_job(&args, argv[0], a, &document, &t);
    status = command_fail(e, &t);
    // No coordinator of ours that answers is a failure of the run.
    if (status == STATUS_UNREACHED)
        status = STATUS_FAILED;
    if (!e) {
        bool ok = final_print(&document, args.json);
        status = ok ? show_status_of(&document) : STATUS_FAILED;
    }
    arena_destroy(a);
    return status;
}

const struct command cmd_run = {
    .name = "run",
    .usage = "JOB.yaml [options]",
    .help = "run one job on a private local cluster",
    .about = "Starts a coordinator and ranks on this machine for one job, shows how it goes, "
             "prints its result and leaves nothing behind.  The job may run commands.",
    .rows = rows,
    .run = run,
};
