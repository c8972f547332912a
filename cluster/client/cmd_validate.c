// SPDX-License-Identifier: MIT
// cmd_validate.c - whether a job file would be accepted.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cluster/client/commands.h"
#include "cluster/client/offline.h"
#include "cluster/client/show.h"
#include "cluster/client/simple.h"
#include "common/yaml.h"
#include "protocol/inline.h"

static enum error read_all(const char *path, struct buf *out, struct errtext *t)
{
    FILE *f = fopen(path, "re");
    if (!f)
        return errtext_set(t, ERR_NOT_FOUND, "%s: %s", path, strerror(errno));
    bool bad = !buf_read(out, f);
    (void)fclose(f);
    if (bad)
        return errtext_set(t, ERR_IO, "%s: %s", path, strerror(EIO));
    return out->full ? errtext_set(t, ERR_LIMIT, "%s: larger than a job file may be", path)
                     : OK;
}

static int say(const struct target *g, const char *path, const struct value *reply)
{
    if (g->json)
        return show_json(reply) ? STATUS_DONE : STATUS_FAILED;
    printf("%s is fine\n", path);
    return fflush(stdout) == 0 ? STATUS_DONE : STATUS_FAILED;
}

// The programs beside this one judge where no coordinator does.
static int check_here(const struct target *g, const char *path, struct arena *a)
{
    struct errtext t = {{0}};
    struct value v = value_map();
    int status = STATUS_DONE;
    enum error e = offline_check(path, &status, &t);
    if (e || status)
        return e ? command_fail(e, &t) : status;
    (void)value_set(a, &v, "ok", value_bool(true));
    return say(g, path, &v);
}

static int check(const struct target *g, const char *path, struct arena *a)
{
    struct errtext t = {{0}};
    struct value args = value_map(), reply;
    struct buf text;
    const char *whole;
    buf_init(&text, YAML_BYTES_MAX);
    enum error e = read_all(path, &text, &t);
    struct inline_source source = {
        .text = buf_cstr(&text), .n = text.n, .file = path, .base = inline_base(path, a)};
    if (!e)
        e = inline_files(&source, a, &whole, &t);
    if (!e) {
        size_t n = whole == source.text ? text.n : strlen(whole);
        (void)value_set(a, &args, "text", value_strn(a, whole, n));
        (void)value_set(a, &args, "file", value_str(a, path));
        e = target_ask(g, "validate", &args, a, &reply, &t);
    }
    buf_fini(&text);
    if (e == ERR_CLOSED)
        return check_here(g, path, a);
    return e ? command_fail(e, &t) : say(g, path, &reply);
}

static int run(const struct command *self, int argc, char **argv)
{
    struct target g = {0};
    int n_args, status;
    if (!command_parse(self, argc, argv, &g, &n_args, &status))
        return status;
    if (!command_arguments(self, n_args, 1, 1))
        return STATUS_USAGE;
    struct arena *a = arena_create();
    status = check(&g, argv[0], a);
    arena_destroy(a);
    return status;
}

const struct command cmd_validate = {
    .name = "validate",
    .usage = "JOB.yaml [options]",
    .help = "check a job file",
    .about = "Says whether a job file would be accepted, and if not, in which line and column "
             "why.  Needs no running coordinator.",
    .rows = simple_rows,
    .run = run,
};
