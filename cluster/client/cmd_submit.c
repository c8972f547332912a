// SPDX-License-Identifier: MIT
// cmd_submit.c - a job file, or one command for many items, to a coordinator.
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "cluster/client/commands.h"
#include "cluster/client/show.h"
#include "cluster/client/signals.h"
#include "cluster/client/target.h"
#include "common/mem.h"
#include "common/number.h"
#include "common/yaml.h"

enum { NAME_MAX_BYTES = 60 };

struct arguments {
    struct target target;
    const char *name, *array, *lines, *files;
    int64_t timeout_s;
    bool watch;
};

#define AT(field) offsetof(struct arguments, field)

static const struct option_row rows[] = {
    TARGET_ROWS,
    {"watch", 'w', OPTION_FLAG, NULL, NULL, "show its progress and its result", 0, 0,
     AT(watch)},
    {"name", 0, OPTION_STR, "NAME", NULL, "the job's name, instead of the file's", 0, 0,
     AT(name)},
    {"array", 0, OPTION_STR, "A-B", NULL,
     "run the command behind -- once for every number; {item} in it is the number", 0, 0,
     AT(array)},
    {"each-line", 0, OPTION_STR, "FILE", NULL,
     "run the command behind -- once for every line of FILE (- is standard input); {line} in "
     "it is the line",
     0, 0, AT(lines)},
    {"files", 0, OPTION_STR, "A,B,...", NULL, "files that the command finds where it runs", 0,
     0, AT(files)},
    {"timeout-s", 0, OPTION_INT, "S", NULL, "a command that runs longer is killed", 1,
     30 * 86400, AT(timeout_s)},
    {0},
};

// ---- a job from a command --------------------------------------------------------

static enum error
put_array(const char *text, struct arena *a, struct value *job, struct errtext *t)
{
    int64_t first = 1, last;
    const char *dash = strchr(text, '-');
    bool ok = dash ? number_parse_i64(text, (size_t)(dash - text), &first)
                         && number_parse_i64(dash + 1, strlen(dash + 1), &last)
                   : number_parse_i64(text, strlen(text), &last);
    if (!ok || first < 0 || last < first)
        return errtext_set(t, ERR_INVALID, "--array is '%.60s', expected FIRST-LAST, as 1-100",
                           text);
    (void)value_set(a, job, "first", value_int(first));
    (void)value_set(a, job, "items", value_int(last - first + 1));
    return OK;
}

static enum error
put_lines(const char *path, struct arena *a, struct value *job, struct errtext *t)
{
    struct value list = value_list();
    char *line = NULL;
    size_t room = 0;
    FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (!f)
        return errtext_set(t, ERR_NOT_FOUND, "%s: %s", path, strerror(errno));
    for (ssize_t n; (n = getline(&line, &room, f)) >= 0;) {
        while (n && (line[n - 1] == '\n' || line[n - 1] == '\r'))
            n--;
        if (n)
            (void)value_push(a, &list, value_strn(a, line, (size_t)n));
    }
    bool bad = ferror(f);
    free(line);
    if (f != stdin)
        (void)fclose(f);
    if (bad)
        return errtext_set(t, ERR_IO, "%s: cannot be read", path);
    if (!list.n)
        return errtext_set(t, ERR_INVALID, "%s has no lines", path);
    (void)value_set(a, job, "lines", list);
    return OK;
}

static void put_files(const char *text, struct arena *a, struct value *job)
{
    struct value list = value_list();
    for (const char *at = text; at && *at;) {
        size_t n = strcspn(at, ",");
        if (n)
            (void)value_push(a, &list, value_strn(a, at, n));
        at += n + (at[n] == ',');
    }
    if (list.n)
        (void)value_set(a, job, "files", list);
}

// The program's name, as far as a job may be called so.
static struct value name_of(const char *command, struct arena *a)
{
    char name[NAME_MAX_BYTES + 1];
    size_t n = 0;
    const char *end = command + strcspn(command, " ");
    const char *at = end;
    while (at > command && at[-1] != '/')
        at--;
    for (; at < end && n < NAME_MAX_BYTES; at++)
        if (isalnum((unsigned char)*at) || (n && strchr("._-", *at)))
            name[n++] = *at;
    return n ? value_strn(a, name, n) : value_str(a, "command");
}

// One word with blanks is a line for the shell, several are a program's arguments.
static struct value command_of(int n, char **words, struct arena *a)
{
    struct value list = value_list();
    if (n == 1 && strchr(words[0], ' '))
        return value_str(a, words[0]);
    for (int i = 0; i < n; i++)
        (void)value_push(a, &list, value_str(a, words[i]));
    return list;
}

static enum error build(const struct arguments *g,
                        int n,
                        char **words,
                        struct arena *a,
                        const char **text,
                        struct errtext *t)
{
    struct value job = value_map(), params = value_map();
    struct buf b;
    (void)value_set(a, &job, "kind", value_str(a, "sweep"));
    (void)value_set(a, &job, "name", name_of(words[0], a));
    (void)value_set(a, &job, "workload", value_str(a, "exec"));
    (void)value_set(a, &params, "command", command_of(n, words, a));
    if (g->timeout_s)
        (void)value_set(a, &params, "timeout_s", value_int(g->timeout_s));
    (void)value_set(a, &job, "params", params);
    enum error e = g->array ? put_array(g->array, a, &job, t) : put_lines(g->lines, a, &job, t);
    put_files(g->files, a, &job);
    buf_init(&b, YAML_BYTES_MAX);
    value_json(&job, &b);
    if (!e && b.full)
        e = errtext_set(t, ERR_LIMIT, "the lines are more than a job file may hold");
    *text = arena_str(a, buf_cstr(&b), b.n);
    buf_fini(&b);
    return e;
}

// ---- submitting ------------------------------------------------------------------

static enum error prepare(const struct arguments *g,
                          int n,
                          char **argv,
                          struct arena *a,
                          struct caller_submission *s,
                          struct errtext *t)
{
    bool command = g->array || g->lines;
    *s = (struct caller_submission){.name = g->name, .allow_exec = true};
    if (g->array && g->lines)
        return errtext_set(t, ERR_INVALID, "--array and --each-line exclude each other");
    if (command)
        return build(g, n, argv, a, &s->text, t);
    if (n != 1)
        return errtext_set(t, ERR_INVALID,
                           "one job file, or --array A-B or --each-line FILE with a command "
                           "behind --");
    s->path = argv[0];
    return OK;
}

static int tell(const struct arguments *g, const struct value *reply)
{
    if (g->target.json)
        return show_json(reply) ? STATUS_DONE : STATUS_FAILED;
    (void)fprintf(stderr, "shoal: submitted %s\n", show_text(reply, "name"));
    printf("%s\n", show_text(reply, "job"));
    return fflush(stdout) == 0 ? STATUS_DONE : STATUS_FAILED;
}

static int run(const struct command *self, int argc, char **argv)
{
    struct arguments g = {0};
    struct caller_submission s;
    struct caller *c = NULL;
    struct errtext t = {{0}};
    struct value reply;
    int n_args, status;
    if (!command_parse(self, argc, argv, &g, &n_args, &status))
        return status;
    if (!command_arguments(self, n_args, 1, argc))
        return STATUS_USAGE;
    struct arena *a = arena_create();
    int signals = g.watch ? signals_open() : -1;
    enum error e = prepare(&g, n_args, argv, a, &s, &t);
    if (!e)
        e = target_open(&g.target, a, &c, &t);
    if (!e)
        e = caller_submit(c, &s, a, &reply, &t);
    if (!e && g.watch) {
        (void)fprintf(stderr, "shoal: submitted %s as %s\n", show_text(&reply, "name"),
                      show_text(&reply, "job"));
        status = cmd_watch_to_end(&g.target, c, show_text(&reply, "job"), signals);
        c = NULL;
    } else {
        status = e ? command_fail(e, &t) : tell(&g, &reply);
    }
    caller_close(c);
    arena_destroy(a);
    return status;
}

const struct command cmd_submit = {
    .name = "submit",
    .usage = "JOB.yaml | --array A-B -- CMD ARGS... | --each-line FILE -- CMD ARGS...",
    .help = "give a job to a cluster",
    .about = "Gives a job file and its attachments to the coordinator and prints the job's id; "
             "or makes a job that runs one command for every number or line.",
    .rows = rows,
    .run = run,
};
