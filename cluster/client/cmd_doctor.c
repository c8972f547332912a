// SPDX-License-Identifier: MIT
// cmd_doctor.c - whether this machine, and the cluster, are as they should be.
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cluster/client/commands.h"
#include "cluster/client/launch.h"
#include "cluster/client/local.h"
#include "cluster/client/show.h"
#include "cluster/client/simple.h"
#include "common/version.h"

enum { DESCRIPTORS_WANTED = 4096 };
#define SPACE_WANTED  (1024.0 * 1024 * 1024) // bytes on a disk
#define MEMORY_WANTED (64.0 * 1024 * 1024)   // bytes of /dev/shm a rank: Open MPI's default

enum verdict { GOOD, NOTE, BAD };

struct exam {
    struct arena *arena;
    const struct target *target;
    struct value list;
    int n_bad;
};

static void
finding(struct exam *x, enum verdict verdict, const char *what, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static void
finding(struct exam *x, enum verdict verdict, const char *what, const char *fmt, ...)
{
    static const char *const words[] = {"ok", "note", "bad"};
    char text[512];
    struct value v = value_map();
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    (void)value_set(x->arena, &v, "what", value_str(x->arena, what));
    (void)value_set(x->arena, &v, "verdict", value_str(x->arena, words[verdict]));
    (void)value_set(x->arena, &v, "text", value_str(x->arena, text));
    (void)value_push(x->arena, &x->list, v);
    x->n_bad += verdict == BAD;
    if (!x->target->json)
        printf("%-5s %-12s %s\n", words[verdict], what, text);
}

// ---- this machine ----------------------------------------------------------------

static void look_at_programs(struct exam *x)
{
    static const char *const names[] = {"shoal-coordinator", "shoal-worker"};
    struct errtext t = {{0}};
    for (int i = 0; i < 2; i++)
        if (launch_beside(names[i], x->arena, &t))
            finding(x, GOOD, "programs", "%s is there", names[i]);
        else
            finding(x, BAD, "programs", "%s", t.text);
    const char *mpirun = launch_in_path("mpirun", x->arena);
    if (mpirun)
        finding(x, GOOD, "mpi", "%s", mpirun);
    else
        finding(x, NOTE, "mpi", "no mpirun in PATH: pods have one rank, gangs cannot run");
}

static void look_at_limits(struct exam *x)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        finding(x, limit.rlim_max < DESCRIPTORS_WANTED ? NOTE : GOOD, "descriptors",
                "%llu at most; a coordinator needs one a rank",
                (unsigned long long)limit.rlim_max);
    finding(x, GOOD, "cpus", "%lld to be used", (long long)local_cpus());
}

static void look_at_space(struct exam *x, const char *what, const char *dir, double wanted)
{
    struct statvfs s;
    if (statvfs(dir, &s) != 0) {
        finding(x, NOTE, what, "%s: %s", dir, strerror(errno));
        return;
    }
    double free_bytes = (double)s.f_bavail * (double)s.f_frsize;
    finding(x, free_bytes < wanted ? NOTE : GOOD, what, "%.0f MiB free in %s",
            free_bytes / (1024 * 1024), dir);
}

static void look_at_directories(struct exam *x)
{
    const char *scratch = getenv("TMPDIR");
    const char *state;
    if (!scratch || !*scratch)
        scratch = "/tmp";
    if (access(scratch, W_OK) == 0)
        look_at_space(x, "scratch", scratch, SPACE_WANTED);
    else
        finding(x, BAD, "scratch", "%s: %s", scratch, strerror(errno));
    look_at_space(x, "memory", "/dev/shm", MEMORY_WANTED * (double)local_cpus());
    if (target_state(x->target->state, x->arena, &state, NULL))
        finding(x, NOTE, "state", "no home directory: --state must be given");
    else if (access(state, F_OK) == 0)
        look_at_space(x, "state", state, SPACE_WANTED);
    else
        finding(x, GOOD, "state", "%s will be made", state);
}

// Tried in a child: the call changes who calls it.
static bool may_unshare(int what)
{
    int status = 1;
    pid_t pid = fork();
    if (pid == 0)
        _exit(unshare(what) != 0);
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status)
           && WEXITSTATUS(status) == 0;
}

static void look_at_fences(struct exam *x)
{
    bool user = may_unshare(CLONE_NEWUSER | CLONE_NEWPID);
    bool root = !user && may_unshare(CLONE_NEWPID);
    if (user || root)
        finding(x, GOOD, "commands", "kept in a process namespace: nothing of them is left");
    else
        finding(x, NOTE, "commands",
                "no namespaces here: what commands leave running is looked for and killed");
    if (access("/sys/fs/cgroup/cgroup.controllers", R_OK) == 0
        && access("/sys/fs/cgroup", W_OK) == 0)
        finding(x, GOOD, "cgroups", "version 2, and ours to use");
    else
        finding(x, NOTE, "cgroups", "not ours to use: limits are those of single processes");
}

// ---- the cluster -----------------------------------------------------------------

static void compare_workers(struct exam *x, const struct value *rows)
{
    const char *first = NULL;
    for (uint32_t i = 0; rows && i < rows->n; i++) {
        const char *version = show_text(&rows->items[i], "version");
        const char *numerics = show_text(&rows->items[i], "numerics");
        if (*version && strcmp(version, SHOAL_VERSION) != 0)
            finding(x, BAD, "workers", "one on %s is version %s",
                    show_text(&rows->items[i], "host"), version);
        if (first && strcmp(first, numerics) != 0) {
            finding(x, NOTE, "workers", "kernels differ: %s and %s; results do not", first,
                    numerics);
            return;
        }
        first = numerics;
    }
}

static void look_at_cluster(struct exam *x)
{
    struct errtext t = {{0}};
    struct value ping, workers;
    enum error e = target_ask(x->target, "ping", NULL, x->arena, &ping, &t);
    if (!e)
        e = target_ask(x->target, "workers", NULL, x->arena, &workers, &t);
    if (e) {
        finding(x, NOTE, "cluster", "%s", t.text);
        return;
    }
    bool same = strcmp(show_text(&ping, "version"), SHOAL_VERSION) == 0;
    const struct value *full = value_find(&ping, "disk_full");
    const struct value *exec = value_find(&ping, "allow_exec");
    finding(x, same ? GOOD : BAD, "coordinator", "version %s, %.0f ranks in %.0f pods",
            show_text(&ping, "version"), show_number(&ping, "ranks"),
            show_number(&ping, "pods"));
    if (full && full->type == VALUE_BOOL && full->b)
        finding(x, BAD, "disk", "the coordinator's disk is full; it hands out nothing");
    if (exec && exec->type == VALUE_BOOL && !exec->b)
        finding(x, NOTE, "commands", "jobs may not run commands (no --allow-exec)");
    compare_workers(x, value_find(&workers, "workers"));
}

static int run(const struct command *self, int argc, char **argv)
{
    struct target g = {0};
    int n_args, status;
    if (!command_parse(self, argc, argv, &g, &n_args, &status))
        return status;
    if (!command_arguments(self, n_args, 0, 0))
        return STATUS_USAGE;
    struct exam x = {.arena = arena_create(), .target = &g, .list = value_list()};
    look_at_programs(&x);
    look_at_limits(&x);
    look_at_directories(&x);
    look_at_fences(&x);
    look_at_cluster(&x);
    bool ok = g.json ? show_json(&x.list) : fflush(stdout) == 0;
    arena_destroy(x.arena);
    return ok && !x.n_bad ? STATUS_DONE : STATUS_FAILED;
}

const struct command cmd_doctor = {
    .name = "doctor",
    .usage = "[options]",
    .help = "check this machine and the cluster",
    .about = "Checks the programs, limits, disks and fences of this machine, and the cluster "
             "when one is reached.  1 is the exit status when something is bad.",
    .rows = simple_rows,
    .run = run,
};
