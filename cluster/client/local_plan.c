// SPDX-License-Identifier: MIT
// local_plan.c - the command lines of a local cluster, and what its coordinator says.
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cluster/client/launch.h"
#include "cluster/client/local_state.h"
#include "common/clock.h"
#include "common/mem.h"
#include "common/yaml.h"

enum { SOCKET_PATH_MAX = 100, ARGS_MAX = 24 }; // a socket file's name has 107 bytes at most
#define ASK_PATIENCE (1 * CLOCK_SECOND)

struct line {
    const char *argv[ARGS_MAX + 1];
    int n;
};

static void add(struct line *l, const char *word)
{
    if (l->n < ARGS_MAX)
        l->argv[l->n++] = word;
}

static void add_two(struct line *l, const char *name, const char *value)
{
    if (!value)
        return;
    add(l, name);
    add(l, value);
}

static const char *const *keep(const struct line *l, struct arena *a)
{
    return arena_copy(a, l->argv, ((size_t)l->n + 1) * sizeof l->argv[0]);
}

static const char *log_path(struct local *l, const char *name)
{
    return l->o.loud ? NULL : arena_printf(l->arena, "%s/%s.log", l->o.dir, name);
}

// A socket file in a directory of its own where its name fits, else the loopback
// with keys.
static enum error choose_endpoint(struct local *l, struct errtext *t)
{
    char *dir = arena_printf(l->arena, "%s/socket", l->o.dir);
    if (strlen(dir) + 2 > SOCKET_PATH_MAX) {
        l->url = "tcp://127.0.0.1:*";
        return OK;
    }
    if (mkdir(dir, 0700) != 0 && errno != EEXIST)
        return errtext_set(t, ERR_IO, "cannot make %s: %s", dir, strerror(errno));
    l->url = arena_printf(l->arena, "ipc://%s/c", dir);
    return OK;
}

static enum error plan_coordinator(struct local *l, struct errtext *t)
{
    struct line line = {.n = 0};
    const char *program = launch_beside("shoal-coordinator", l->arena, t);
    if (!program)
        return ERR_NOT_FOUND;
    add(&line, program);
    add_two(&line, "--listen", l->url);
    add_two(&line, "--listen", l->o.listen);
    add_two(&line, "--state", l->o.dir);
    if (l->o.http)
        add_two(&line, "--http", l->o.http);
    if (l->o.allow_exec)
        add(&line, "--allow-exec");
    (void)snprintf(l->coordinator.name, sizeof l->coordinator.name, "coordinator");
    l->coordinator.argv = keep(&line, l->arena);
    l->coordinator.log = log_path(l, "coordinator");
    return OK;
}

static enum error add_mpirun(struct line *line, struct local *l, uint32_t n, struct errtext *t)
{
    const char *mpirun = launch_in_path("mpirun", l->arena);
    if (!mpirun)
        return errtext_set(t, ERR_NOT_FOUND,
                           "mpirun is not in PATH; pods of several ranks need it");
    add(line, mpirun);
    add_two(line, "-n", arena_printf(l->arena, "%" PRIu32, n));
    add(line, "--oversubscribe");
    add_two(line, "--bind-to", "none");
    return OK;
}

static enum error plan_pod(struct local *l, uint32_t i, struct errtext *t)
{
    struct line line = {.n = 0};
    struct member *m = &l->pods[i];
    const char *program = launch_beside("shoal-worker", l->arena, t);
    if (!program)
        return ERR_NOT_FOUND;
    m->n_ranks = l->o.n_ranks / l->o.n_pods + (i < l->o.n_ranks % l->o.n_pods);
    enum error e = m->n_ranks > 1 ? add_mpirun(&line, l, m->n_ranks, t) : OK;
    add(&line, program);
    if (strncmp(l->url, "ipc:", 4) == 0)
        add_two(&line, "--connect", l->url);
    else
        add_two(&line, "--state", l->o.dir); // tells the port and the keys
    add_two(&line, "--scratch", l->o.scratch);
    add_two(&line, "--lonely-s", arena_printf(l->arena, "%" PRId64, l->o.lonely_s));
    (void)snprintf(m->name, sizeof m->name, "pod %" PRIu32, i);
    m->argv = keep(&line, l->arena);
    m->log = log_path(l, arena_printf(l->arena, "pod-%" PRIu32, i));
    return e;
}

enum error local_plan(struct local *l, struct errtext *t)
{
    l->announcement = arena_printf(l->arena, "%s/coordinator.json", l->o.dir);
    l->pods = arena_alloc(l->arena, l->o.n_pods * sizeof *l->pods);
    enum error e = choose_endpoint(l, t);
    bool ipc = !e && strncmp(l->url, "ipc:", 4) == 0;
    // Open MPI's files of a private cluster go with its directory.
    const char *more[] = {
        ipc ? arena_printf(l->arena, "SHOAL_COORDINATOR=%s", l->url)
            : arena_printf(l->arena, "SHOAL_STATE=%s", l->o.dir),
        // A rank knows its pod's ranks; that pods share the machine it must be told.
        arena_printf(l->arena, "SHOAL_HOST_RANKS=%" PRIu32, l->o.n_ranks),
        l->o.scratch ? arena_printf(l->arena, "OMPI_MCA_orte_tmpdir_base=%s", l->o.dir) : NULL,
        NULL};
    l->env = launch_environment(more, l->arena);
    if (!e)
        e = plan_coordinator(l, t);
    for (uint32_t i = 0; !e && i < l->o.n_pods; i++)
        e = plan_pod(l, i, t);
    return e;
}

// ---- what the coordinator says ---------------------------------------------------

bool local_read_announcement(struct local *l)
{
    char text[8192];
    struct value v;
    FILE *f = fopen(l->announcement, "re");
    if (!f)
        return false;
    size_t n = fread(text, 1, sizeof text, f);
    (void)fclose(f);
    struct arena_mark mark = arena_mark(l->arena);
    bool ok = !yaml_parse(text, n, l->announcement, l->arena, &v, NULL);
    const struct value *pid = ok ? value_find(&v, "pid") : NULL;
    const struct value *endpoint = ok ? value_find(&v, "endpoint") : NULL;
    const struct value *keys = ok ? value_find(&v, "keys") : NULL;
    ok = pid && (pid_t)value_number(pid) == l->coordinator.pid && endpoint
         && endpoint->type == VALUE_STR;
    if (ok) {
        bool first = !l->keys;
        l->endpoint = mem_dup(endpoint->s);
        if (first && keys && keys->type == VALUE_STR)
            l->keys = mem_dup(keys->s);
        l->coordinator.joined = true;
    }
    arena_release(l->arena, mark);
    return ok;
}

static bool reach(struct local *l)
{
    struct caller_options o = {.endpoint = l->endpoint,
                               .key_dir = l->keys,
                               .reach_ns = ASK_PATIENCE,
                               .answer_ns = ASK_PATIENCE};
    return l->endpoint && (l->caller || !caller_open(&o, &l->caller, NULL));
}

// A rank is its pod's process, or a child of it.
static void mark_joined(struct local *l, pid_t rank)
{
    pid_t parent = launch_parent_of(rank);
    for (uint32_t i = 0; i < l->o.n_pods; i++)
        if (l->pods[i].pid && (l->pods[i].pid == rank || l->pods[i].pid == parent))
            l->pods[i].joined = true;
}

void local_look(struct local *l)
{
    struct value reply;
    struct arena *a = arena_create();
    if (reach(l) && !caller_call(l->caller, "workers", NULL, a, &reply, NULL)) {
        const struct value *rows = value_find(&reply, "workers");
        for (uint32_t i = 0; rows && i < rows->n; i++) {
            const struct value *pid = value_find(&rows->items[i], "pid");
            if (pid && value_is_number(pid))
                mark_joined(l, (pid_t)value_number(pid));
        }
    } else {
        caller_close(l->caller);
        l->caller = NULL;
    }
    arena_destroy(a);
}

bool local_shutdown(struct local *l)
{
    struct value reply;
    return reach(l) && !caller_call(l->caller, "shutdown", NULL, l->arena, &reply, NULL);
}
