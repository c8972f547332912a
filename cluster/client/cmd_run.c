// SPDX-License-Identifier: MIT
// cmd_run.c - one job on a cluster of its own, from its start to its end.
#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cluster/client/commands.h"
#include "cluster/client/fetch.h"
#include "cluster/client/final.h"
#include "cluster/client/follow.h"
#include "cluster/client/show.h"
#include "cluster/client/signals.h"
#include "common/clock.h"
#include "common/yaml.h"

enum { RANKS_MAX = 4096, OPEN_FILES = 16 };
// Ranks end by themselves when our supervisor died a death that told nobody.
enum { LONELY_S = 30 };
#define CANCEL_PATIENCE (5 * CLOCK_SECOND)

struct arguments {
    int64_t ranks, pods;
    bool json, verbose;
    const char *output, *name;
};

#define AT(field) offsetof(struct arguments, field)

static const struct option_row rows[] = {
    {"ranks", 'n', OPTION_INT, "N", NULL, "ranks in all; default: one a CPU", 1, RANKS_MAX,
     AT(ranks)},
    {"pods", 'p', OPTION_INT, "P", NULL,
     "pods that share the ranks; default: one a rank, which needs no mpirun, and one in all "
     "for a job with gangs",
     1, RANKS_MAX, AT(pods)},
    {"json", 0, OPTION_FLAG, NULL, NULL, "print the final document as JSON", 0, 0, AT(json)},
    {"output", 'o', OPTION_STR, "DIR", NULL, "fetch what the job made into this directory", 0,
     0, AT(output)},
    {"name", 0, OPTION_STR, "NAME", NULL, "the job's name, instead of the file's", 0, 0,
     AT(name)},
    {"verbose", 'v', OPTION_FLAG, NULL, NULL, "show the logs of coordinator and workers", 0, 0,
     AT(verbose)},
    {0},
};

struct run {
    struct arguments args;
    const char *path; // the job file
    char dir[256];    // private, and gone at the end
    struct follow follow;
    struct arena *arena;
    struct errtext t;
};

// ---- before anything starts ------------------------------------------------------

// The coordinator is the one that judges job files; only the size of gangs must
// be known before it runs.
static enum error read_gang(struct run *r, int64_t *gang)
{
    struct value v;
    struct buf text;
    buf_init(&text, YAML_BYTES_MAX);
    FILE *f = fopen(r->path, "re");
    if (!f)
        return errtext_set(&r->t, ERR_NOT_FOUND, "%s: %s", r->path, strerror(errno));
    uint8_t chunk[16384];
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, f)) > 0;)
        buf_put(&text, chunk, n);
    enum error e =
        ferror(f) ? errtext_set(&r->t, ERR_IO, "%s: %s", r->path, strerror(errno)) : OK;
    (void)fclose(f);
    if (!e && text.full)
        e = errtext_set(&r->t, ERR_LIMIT, "%s: larger than a job file may be", r->path);
    if (!e)
        e = yaml_parse(buf_cstr(&text), text.n, r->path, r->arena, &v, &r->t);
    const struct value *g = e ? NULL : value_find(&v, "gang");
    *gang = g && g->type == VALUE_INT ? g->i : 1;
    buf_fini(&text);
    return e;
}

static enum error choose_sizes(struct run *r)
{
    int64_t gang = 1;
    struct arguments *a = &r->args;
    enum error e = read_gang(r, &gang);
    if (e)
        return e;
    if (!a->ranks)
        a->ranks = gang > local_cpus() && gang <= RANKS_MAX ? gang : local_cpus();
    if (!a->pods)
        a->pods = gang > 1 ? 1 : a->ranks;
    if (a->pods > a->ranks)
        return errtext_set(&r->t, ERR_INVALID,
                           "--pods %" PRId64 " are more than the %" PRId64 " ranks", a->pods,
                           a->ranks);
    int64_t largest = (a->ranks + a->pods - 1) / a->pods;
    if (gang > largest)
        return errtext_set(&r->t, ERR_INVALID,
                           "%s: gang is %" PRId64 ", but no pod has more than %" PRId64
                           " ranks; give more with -n",
                           r->path, gang, largest);
    return OK;
}

// A short path: a socket's name has room for about a hundred bytes.
static enum error make_directory(struct run *r)
{
    const char *base = getenv("TMPDIR");
    if (!base || *base != '/' || strlen(base) > 60)
        base = "/tmp";
    (void)snprintf(r->dir, sizeof r->dir, "%s/shoal-run-XXXXXX", base);
    if (mkdtemp(r->dir))
        return OK;
    enum error e = errtext_set(&r->t, ERR_IO, "%s: %s", r->dir, strerror(errno));
    r->dir[0] = 0;
    return e;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    (void)remove(path);
    return 0;
}

static enum error start_cluster(struct run *r)
{
    struct local_options o = {
        .dir = r->dir,
        .scratch = arena_printf(r->arena, "%s/scratch", r->dir),
        .http = "off",
        .allow_exec = true,
        .loud = r->args.verbose,
        .n_ranks = (uint32_t)r->args.ranks,
        .n_pods = (uint32_t)r->args.pods,
        .lonely_s = LONELY_S,
    };
    enum error e = local_start(&o, &r->follow.local, &r->t);
    return e ? e : follow_start(&r->follow, &r->t);
}

// ---- the job ---------------------------------------------------------------------

// Its own cluster is about to go: what counts is that commands are ended in order.
static void cancel(struct run *r)
{
    struct value args = value_map(), reply;
    struct caller_options o = {.endpoint = local_endpoint(r->follow.local),
                               .key_dir = local_keys(r->follow.local),
                               .reach_ns = CANCEL_PATIENCE,
                               .answer_ns = CANCEL_PATIENCE};
    (void)fprintf(stderr, "shoal: interrupted; the job is cancelled\n");
    if (!r->follow.job || !o.endpoint)
        return;
    caller_close(r->follow.caller);
    r->follow.caller = NULL;
    if (caller_open(&o, &r->follow.caller, NULL))
        return;
    (void)value_set(r->arena, &args, "job", value_str(r->arena, r->follow.job));
    (void)!caller_call(r->follow.caller, "cancel", &args, r->arena, &reply, NULL);
}

static enum error submit(struct run *r)
{
    struct value reply;
    struct caller_submission s = {.path = r->path, .name = r->args.name, .allow_exec = true};
    enum error e = caller_submit(r->follow.caller, &s, r->arena, &reply, &r->t);
    if (!e)
        r->follow.job = show_text(&reply, "job");
    return e;
}

static enum error run_job(struct run *r, struct value *document)
{
    enum error e = choose_sizes(r);
    if (!e)
        e = make_directory(r);
    if (!e)
        e = start_cluster(r);
    if (!e)
        e = submit(r);
    if (!e)
        e = follow_job(&r->follow, r->arena, document, &r->t);
    if (!e && r->args.output)
        e = fetch_all(r->follow.caller, document, r->args.output, &r->t);
    if (e == ERR_CANCELLED)
        cancel(r);
    return e;
}

static int run(const struct command *self, int argc, char **argv)
{
    struct run r = {0};
    struct value document;
    int n_args, status;
    if (!command_parse(self, argc, argv, &r.args, &n_args, &status))
        return status;
    if (!command_arguments(self, n_args, 1, 1))
        return STATUS_USAGE;
    r.path = argv[0];
    r.arena = arena_create();
    r.follow.signals = signals_open();
    r.follow.view = view_open();
    enum error e = run_job(&r, &document);
    view_close(r.follow.view);
    caller_close(r.follow.caller);
    local_stop(r.follow.local);
    if (*r.dir)
        (void)nftw(r.dir, remove_one, OPEN_FILES, FTW_DEPTH | FTW_PHYS);
    status = command_fail(e, &r.t);
    // No coordinator of ours that answers is a failure of the run.
    if (status == STATUS_UNREACHED)
        status = STATUS_FAILED;
    if (!e) {
        bool ok = final_print(&document, r.args.json);
        status = ok ? show_status_of(&document) : STATUS_FAILED;
    }
    arena_destroy(r.arena);
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
