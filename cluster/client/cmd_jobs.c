// SPDX-License-Identifier: MIT
// cmd_jobs.c - the list of jobs.
#include <stdio.h>
#include <time.h>

#include "cluster/client/commands.h"
#include "cluster/client/likeness.h"
#include "cluster/client/show.h"
#include "cluster/client/table.h"
#include "cluster/client/target.h"

struct arguments {
    struct target target;
    bool all;
    struct likeness wanted;
};

static const struct option_row rows[] = {
    TARGET_ROWS,
    {"all", 'a', OPTION_FLAG, NULL, NULL, "also those that ended long ago", 0, 0,
     offsetof(struct arguments, all)},
    {"like", 0, OPTION_STR, "TEXT|JOB", NULL,
     "those with this in their name, those that search the same space as this job, or whose "
     "space has a hash that begins so",
     0, 0, offsetof(struct arguments, wanted.like)},
    {"tag", 0, OPTION_STR, "TAG", NULL, "those whose job file has this tag", 0, 0,
     offsetof(struct arguments, wanted.tag)},
    {0},
};

static void put_cell(struct table *t, double x, void (*write)(double, struct buf *))
{
    struct buf b;
    buf_init(&b, 64);
    write(x, &b);
    table_put(t, "%s", buf_cstr(&b));
    buf_fini(&b);
}

static void put_when(struct table *t, double unix_s)
{
    char text[32] = "";
    time_t s = (time_t)unix_s;
    struct tm tm;
    if (localtime_r(&s, &tm))
        (void)strftime(text, sizeof text, "%Y-%m-%d %H:%M", &tm);
    table_put(t, "%s", text);
}

static void print(const struct value *reply, struct arena *a)
{
    static const char *const titles[] = {"job",   "name",    "kind",      "state",    ">items",
                                         ">done", ">failed", "submitted", ">elapsed", NULL};
    const struct value *jobs = value_find(reply, "jobs");
    struct table t;
    table_init(&t, a, titles);
    for (uint32_t i = 0; jobs && i < jobs->n; i++) {
        const struct value *j = &jobs->items[i];
        table_put(&t, "%s", show_text(j, "job"));
        table_put(&t, "%s", show_text(j, "name"));
        table_put(&t, "%s", show_text(j, "kind"));
        table_put(&t, "%s", show_text(j, "state"));
        put_cell(&t, show_number(j, "items"), show_count);
        put_cell(&t, show_number(j, "done"), show_count);
        put_cell(&t, show_number(j, "failed"), show_count);
        put_when(&t, show_number(j, "submitted"));
        put_cell(&t, show_number(j, "elapsed_s"), show_seconds);
    }
    table_print(&t);
}

static enum error
ask(const struct arguments *g, struct arena *a, struct value *reply, struct errtext *t)
{
    struct value args = value_map(), list;
    struct caller *c = NULL;
    (void)value_set(a, &args, "all", value_bool(g->all));
    enum error e = target_open(&g->target, a, &c, t);
    if (!e)
        e = caller_call(c, "jobs", &args, a, reply, t);
    if (!e && (g->wanted.like || g->wanted.tag)) {
        e = likeness_filter(c, value_find(reply, "jobs"), &g->wanted, a, &list, t);
        if (!e)
            (void)value_set(a, reply, "jobs", list);
    }
    caller_close(c);
    return e;
}

static int run(const struct command *self, int argc, char **argv)
{
    struct arguments g = {0};
    struct errtext t = {{0}};
    struct value reply;
    int n_args, status;
    if (!command_parse(self, argc, argv, &g, &n_args, &status))
        return status;
    if (!command_arguments(self, n_args, 0, 0))
        return STATUS_USAGE;
    struct arena *a = arena_create();
    enum error e = ask(&g, a, &reply, &t);
    bool ok = true;
    status = command_fail(e, &t);
    if (!e && g.target.json)
        ok = show_json(&reply);
    else if (!e)
        print(&reply, a);
    arena_destroy(a);
    return ok && fflush(stdout) == 0 ? status : STATUS_FAILED;
}

const struct command cmd_jobs = {
    .name = "jobs",
    .usage = "[--like TEXT|JOB] [--tag TAG] [options]",
    .help = "list the jobs",
    .about = "Lists the jobs that run and the hundred that ended last, oldest first.",
    .rows = rows,
    .run = run,
};
