// SPDX-License-Identifier: MIT
// cmd_logs.c - what commands said.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cluster/client/commands.h"
#include "cluster/client/show.h"
#include "cluster/client/signals.h"
#include "cluster/client/target.h"
#include "common/clock.h"
#include "common/number.h"

struct arguments {
    struct target target;
    bool follow;
};

static const struct option_row rows[] = {
    TARGET_ROWS,
    {"follow", 'f', OPTION_FLAG, NULL, NULL, "go on until the item, or the job, has ended", 0,
     0, offsetof(struct arguments, follow)},
    {0},
};

#define LOOK (500 * CLOCK_MS)

// Several items: each with a title.  Fault texts are for people: standard error.
static void print(const struct value *reply, bool titles)
{
    const struct value *list = value_find(reply, "logs");
    const struct value *cut = value_find(reply, "truncated");
    for (uint32_t i = 0; list && list->type == VALUE_LIST && i < list->n; i++) {
        const struct value *row = &list->items[i];
        const struct value *bytes = value_find(row, "bytes");
        if (titles)
            printf("==> item %.0f <==\n", show_number(row, "item"));
        if (bytes && bytes->n && (bytes->type == VALUE_BIN || bytes->type == VALUE_STR)) {
            (void)fwrite(bytes->s, 1, bytes->n, stdout);
            if (bytes->s[bytes->n - 1] != '\n')
                (void)putchar('\n');
        }
        (void)fflush(stdout);
        if (*show_text(row, "text"))
            (void)fprintf(stderr, "item %.0f: %s\n", show_number(row, "item"),
                          show_text(row, "text"));
    }
    if (cut && cut->type == VALUE_BOOL && cut->b)
        (void)fprintf(stderr, "shoal: there is more; ask for single items\n");
}

static enum error stream(struct caller *c,
                         const struct value *args,
                         const struct arguments *g,
                         bool titles,
                         struct errtext *t)
{
    struct arena *a = arena_create();
    struct value reply;
    bool more = true;
    int signals = signals_open();
    enum error e = caller_start(c, "logs", args, t);
    while (!e && more) {
        arena_reset(a);
        e = caller_next(c, 0, a, &reply, &more, t);
        if (!e && g->target.json)
            (void)show_json(&reply);
        else if (!e)
            print(&reply, titles);
        if (signals_stop(signals))
            e = ERR_CANCELLED;
        if (e != ERR_AGAIN)
            continue;
        e = OK;
        more = true;
        (void)caller_wait(c, LOOK, signals);
    }
    arena_destroy(a);
    return e;
}

static int ask(const struct arguments *g, const struct value *args, struct arena *a)
{
    struct errtext t = {{0}};
    struct caller *c = NULL;
    struct value reply;
    bool titles = !value_find(args, "item");
    enum error e = target_open(&g->target, a, &c, &t);
    if (!e && !g->follow)
        e = caller_call(c, "logs", args, a, &reply, &t);
    if (!e && !g->follow && g->target.json)
        e = show_json(&reply) ? OK : errtext_set(&t, ERR_IO, "standard output is full");
    else if (!e && !g->follow)
        print(&reply, titles);
    if (!e && g->follow)
        e = caller_call(c, "ping", NULL, a, &reply, &t);
    if (!e && g->follow)
        e = stream(c, args, g, titles, &t);
    caller_close(c);
    return command_fail(e, &t);
}

static int run(const struct command *self, int argc, char **argv)
{
    struct arguments g = {0};
    struct value args = value_map();
    int n_args, status;
    int64_t item = -1;
    if (!command_parse(self, argc, argv, &g, &n_args, &status))
        return status;
    if (!command_arguments(self, n_args, 1, 2))
        return STATUS_USAGE;
    if (n_args == 2 && (!number_parse_i64(argv[1], strlen(argv[1]), &item) || item < 0)) {
        (void)fprintf(stderr, "shoal logs: '%.60s' is no item's number\n", argv[1]);
        return STATUS_USAGE;
    }
    struct arena *a = arena_create();
    (void)value_set(a, &args, "job", value_str(a, argv[0]));
    if (n_args == 2)
        (void)value_set(a, &args, "item", value_int(item));
    if (g.follow)
        (void)value_set(a, &args, "follow", value_bool(true));
    status = ask(&g, &args, a);
    arena_destroy(a);
    return status;
}

const struct command cmd_logs = {
    .name = "logs",
    .usage = "JOB [ITEM] [-f] [options]",
    .help = "show what a job's commands said",
    .about = "Shows the kept end of what the commands of a job's items printed.",
    .rows = rows,
    .run = run,
};
