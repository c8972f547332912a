// SPDX-License-Identifier: MIT
// workloads.c - what workers can do: merged from the HELLOs of all that ever came,
// kept in the journal, so that job files are checked also while no worker is there.
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/hash.h"
#include "common/yaml.h"
#include "coordinator/shell_state.h"
#include "protocol/pack.h"

enum { CATALOG_MAX = 1024 * 1024, WORKLOADS_MAX = 4096 };
// The program prints its tables and ends; a loaded machine needs a while for it.
#define PROGRAM_WAIT (10 * CLOCK_SECOND)

const struct value *workloads_known(const struct shell *s)
{
    return s->catalog.n ? &s->catalog : NULL;
}

static const char *name_of(const struct value *entry)
{
    const struct value *v = value_find(entry, "name");
    return v && v->type == VALUE_STR && v->n ? v->s : NULL;
}

static struct value *find(struct value *catalog, const char *name)
{
    for (uint32_t i = 0; i < catalog->n; i++)
        if (strcmp(name_of(&catalog->items[i]), name) == 0)
            return &catalog->items[i];
    return NULL;
}

// A list of entries.  The newest of a name counts.
static bool merge(struct shell *s, const struct value *list)
{
    struct arena *a = arena_create();
    struct value all = value_copy(a, &s->catalog);
    bool changed = false;
    for (uint32_t i = 0; list->type == VALUE_LIST && i < list->n; i++) {
        const char *name = name_of(&list->items[i]);
        struct value *old = name ? find(&all, name) : NULL;
        if (!name || (old && value_equal(old, &list->items[i])))
            continue;
        changed = true;
        if (old)
            *old = value_copy(a, &list->items[i]);
        else if (all.n < WORKLOADS_MAX)
            (void)value_push(a, &all, value_copy(a, &list->items[i]));
    }
    if (changed) {
        arena_destroy(s->catalog_arena);
        s->catalog_arena = a;
        s->catalog = all;
    } else {
        arena_destroy(a);
    }
    return changed;
}

static void keep(struct shell *s)
{
    struct buf b;
    uint64_t which = META_CATALOG;
    buf_init(&b, CATALOG_MAX);
    buf_put(&b, &which, sizeof which);
    pack_write(&s->catalog, &b);
    if (!b.full)
        turn_journal(s, 0, JOURNAL_META,
                     (struct bin){arena_copy(s->turn->arena, b.bytes, b.n), (uint32_t)b.n},
                     DURABILITY_NONE);
    buf_fini(&b);
}

void workloads_restore(struct shell *s)
{
    struct arena *a = arena_create();
    struct bin b;
    struct value v = value_null();
    s->catalog_arena = arena_create();
    s->catalog = value_list();
    if (!journal_read_meta(s->journal, META_CATALOG, a, &b)
        && !pack_read(b.p, b.n, a, &v, NULL))
        (void)merge(s, &v);
    arena_destroy(a);
}

void workloads_merge(struct shell *s, struct bin packed)
{
    uint64_t hash = hash_bytes(packed.p, packed.n, 0);
    struct errtext t;
    struct value v = value_null();
    if (!packed.n || packed.n > CATALOG_MAX || map_find(&s->catalogs_seen, hash, NULL))
        return;
    if (pack_read(packed.p, packed.n, s->turn->arena, &v, &t)) {
        LOG_WARN("catalog.refused", "why=\"%s\"", t.text);
        return;
    }
    map_set(&s->catalogs_seen, hash, 1);
    if (merge(s, &v))
        keep(s);
}

// ---- without a worker ----------------------------------------------------------------

static bool spawn(const char *program, pid_t *pid, int *out)
{
    int ends[2];
    char *argv[] = {(char *)(uintptr_t)program, "--catalog", NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none;
    if (pipe(ends))
        return false;
    (void)sigemptyset(&none);
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    (void)posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
    (void)posix_spawnattr_init(&attr);
    (void)posix_spawnattr_setsigmask(&attr, &none);
    (void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
    bool ok = posix_spawn(pid, program, &actions, &attr, argv, environ) == 0;
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)posix_spawnattr_destroy(&attr);
    (void)close(ends[1]);
    if (ok)
        *out = ends[0];
    else
        (void)close(ends[0]);
    return ok;
}

static void read_all(int fd, struct buf *out)
{
    int64_t until = clock_now() + PROGRAM_WAIT;
    char chunk[4096];
    ssize_t n = 1;
    while (n > 0 && !out->full && clock_now() < until) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, 100) <= 0)
            continue;
        n = read(fd, chunk, sizeof chunk);
        if (n > 0)
            buf_put(out, chunk, (size_t)n);
    }
}

enum error
workloads_of_program(const char *program, struct arena *a, struct value *out, struct errtext *t)
{
    pid_t pid = -1;
    int fd = -1;
    struct buf b;
    if (!spawn(program, &pid, &fd))
        return errtext_set(t, ERR_NOT_FOUND, "cannot run %s", program);
    buf_init(&b, CATALOG_MAX);
    read_all(fd, &b);
    (void)close(fd);
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    enum error e = yaml_parse(buf_cstr(&b), b.n, program, a, out, t);
    buf_fini(&b);
    if (!e && out->type == VALUE_MAP && value_find(out, "workloads"))
        *out = *value_find(out, "workloads");
    if (!e && out->type != VALUE_LIST)
        return errtext_set(t, ERR_PROTO, "%s --catalog printed no list of workloads", program);
    return e;
}

void workloads_ask_program(struct shell *s)
{
    struct errtext t = {{0}};
    struct value v = value_null();
    if (s->catalog_asked || !s->o.worker_program)
        return;
    s->catalog_asked = true;
    if (workloads_of_program(s->o.worker_program, s->turn->arena, &v, &t))
        LOG_WARN("catalog.program", "why=\"%s\"", t.text);
    else if (merge(s, &v))
        keep(s);
}
