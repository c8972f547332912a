// SPDX-License-Identifier: MIT
#include "cluster/client/alone.h"

#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/client/show.h"
#include "cluster/client/signals.h"
#include "common/clock.h"

enum { OPEN_FILES = 16 };
// Ranks end by themselves when our supervisor died a death that told nobody.
enum { LONELY_S = 30 };
#define CANCEL_PATIENCE (5 * CLOCK_SECOND)

static enum error choose_sizes(struct alone_options *o, struct errtext *t)
{
    if (!o->ranks)
        o->ranks =
            o->gang > local_cpus() && o->gang <= ALONE_RANKS_MAX ? o->gang : local_cpus();
    if (!o->pods)
        o->pods = o->gang > 1 ? 1 : o->ranks;
    if (o->pods > o->ranks)
        return errtext_set(t, ERR_INVALID,
                           "--pods %" PRId64 " are more than the %" PRId64 " ranks", o->pods,
                           o->ranks);
    int64_t largest = (o->ranks + o->pods - 1) / o->pods;
    if (o->gang > largest)
        return errtext_set(t, ERR_INVALID,
                           "%s: gang is %" PRId64 ", but no pod has more than %" PRId64
                           " ranks; give more with -n",
                           o->job, o->gang, largest);
    return OK;
}

// A short path: a socket's name has room for about a hundred bytes.
static enum error make_directory(struct alone *a, struct errtext *t)
{
    const char *base = getenv("TMPDIR");
    if (!base || *base != '/' || strlen(base) > 60)
        base = "/tmp";
    (void)snprintf(a->dir, sizeof a->dir, "%s/shoal-run-XXXXXX", base);
    if (mkdtemp(a->dir))
        return OK;
    enum error e = errtext_set(t, ERR_IO, "%s: %s", a->dir, strerror(errno));
    a->dir[0] = 0;
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

static enum error
start_cluster(struct alone *a, const struct alone_options *o, struct errtext *t)
{
    struct local_options l = {
        .dir = a->dir,
        .scratch = arena_printf(a->arena, "%s/scratch", a->dir),
        .http = o->http ? o->http : "off",
        .allow_exec = true,
        .loud = o->loud,
        .n_ranks = (uint32_t)o->ranks,
        .n_pods = (uint32_t)o->pods,
        .lonely_s = LONELY_S,
    };
    enum error e = local_start(&l, &a->follow.local, t);
    return e ? e : follow_start(&a->follow, t);
}

enum error alone_open(const struct alone_options *o, struct alone *out, struct errtext *t)
{
    struct alone_options sized = *o;
    *out = (struct alone){.arena = arena_create()};
    out->follow.signals = signals_open();
    if (!o->quiet)
        out->follow.view = view_open();
    enum error e = choose_sizes(&sized, t);
    if (!e)
        e = make_directory(out, t);
    return e ? e : start_cluster(out, &sized, t);
}

enum error alone_submit(struct alone *a, const struct caller_submission *s, struct errtext *t)
{
    struct value reply;
    enum error e = caller_submit(a->follow.caller, s, a->arena, &reply, t);
    if (!e)
        a->follow.job = show_text(&reply, "job");
    return e;
}

// Its own cluster is about to go: what counts is that commands are ended in order.
void alone_cancel(struct alone *a)
{
    struct value args = value_map(), reply;
    struct caller_options o = {.endpoint = local_endpoint(a->follow.local),
                               .key_dir = local_keys(a->follow.local),
                               .reach_ns = CANCEL_PATIENCE,
                               .answer_ns = CANCEL_PATIENCE};
    (void)fprintf(stderr, "shoal: interrupted; the job is cancelled\n");
    if (!a->follow.job || !o.endpoint)
        return;
    caller_close(a->follow.caller);
    a->follow.caller = NULL;
    if (caller_open(&o, &a->follow.caller, NULL))
        return;
    (void)value_set(a->arena, &args, "job", value_str(a->arena, a->follow.job));
    (void)!caller_call(a->follow.caller, "cancel", &args, a->arena, &reply, NULL);
}

void alone_close(struct alone *a)
{
    view_close(a->follow.view);
    caller_close(a->follow.caller);
    local_stop(a->follow.local);
    if (*a->dir)
        (void)nftw(a->dir, remove_one, OPEN_FILES, FTW_DEPTH | FTW_PHYS);
    arena_destroy(a->arena);
}
