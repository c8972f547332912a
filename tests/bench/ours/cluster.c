// SPDX-License-Identifier: MIT
#include "tests/bench/ours/cluster.h"

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/yaml.h"
#include "protocol/caller.h"

enum { WORKERS_MAX = 16, ARGS_MAX = 24 };
#define PATIENCE     (30 * CLOCK_SECOND)
#define END_PATIENCE (5 * CLOCK_SECOND)

struct cluster {
    struct cluster_options o;
    struct arena *arena;
    struct arena *turn; // of a look that is over
    const char *dir;
    const char *endpoint, *keys; // once announced
    struct caller *caller;
    pid_t coordinator;
    pid_t workers[WORKERS_MAX];
    uint32_t n_processes; // of workers
};

static struct cluster *running; // for atexit

void cluster_die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)fprintf(stderr, "shoal-bench: ");
    (void)vfprintf(stderr, format, args);
    (void)fprintf(stderr, "\n");
    va_end(args);
    exit(EXIT_FAILURE);
}

// ---- processes -------------------------------------------------------------------

static const char *beside(const char *name, struct arena *a)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = 0;
    const char *slash = strrchr(self, '/');
    int n_dir = slash ? (int)(slash - self) : 0;
    return arena_printf(a, "%.*s/%s", n_dir, self, name);
}

struct line {
    const char *argv[ARGS_MAX + 1];
    int n;
};

static void add(struct line *l, const char *word, const char *value)
{
    l->argv[l->n++] = word;
    if (value)
        l->argv[l->n++] = value;
    l->argv[l->n] = NULL;
}

static void add_number(struct line *l, const char *word, uint32_t value, struct arena *a)
{
    if (value)
        add(l, word, arena_printf(a, "%u", value));
}

static pid_t start(struct cluster *c, const struct line *l, const char *log)
{
    const char *path = arena_printf(c->arena, "%s/%s", c->dir, log);
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0)
        cluster_die("cannot fork");
    if (pid > 0)
        return pid;
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    int null = open("/dev/null", O_RDONLY);
    (void)prctl(PR_SET_PDEATHSIG, c->o.mpirun ? SIGTERM : SIGKILL);
    if (fd < 0 || null < 0 || getppid() != parent)
        _exit(127);
    (void)dup2(null, 0);
    (void)dup2(fd, 1);
    (void)dup2(fd, 2);
    (void)execvp(l->argv[0], (char *const *)(uintptr_t)l->argv);
    _exit(127);
}

static void start_coordinator(struct cluster *c)
{
    struct line l = {.n = 0};
    add(&l, beside("shoal-coordinator", c->arena), NULL);
    add(&l, "--state", arena_printf(c->arena, "%s/state", c->dir));
    add(&l, "--listen",
        c->o.tcp ? "tcp://127.0.0.1:*" : arena_printf(c->arena, "ipc://%s/s", c->dir));
    add(&l, "--allow-exec", NULL);
    add_number(&l, "--records-per-frame", c->o.records, c->arena);
    add_number(&l, "--credit", c->o.credit, c->arena);
    c->coordinator = start(c, &l, "coordinator.log");
}

static void start_workers(struct cluster *c)
{
    struct line l = {.n = 0};
    c->n_processes = c->o.mpirun ? 1 : c->o.n_workers;
    if (c->o.mpirun) {
        // As root and in containers too; harmless elsewhere.
        (void)setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
        (void)setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
        add(&l, "mpirun", "-n");
        add(&l, arena_printf(c->arena, "%u", c->o.n_workers), "--oversubscribe");
        add(&l, "--bind-to", "none");
    }
    add(&l, beside("shoal-worker", c->arena), NULL);
    if (c->o.tcp)
        add(&l, "--state", arena_printf(c->arena, "%s/state", c->dir));
    else
        add(&l, "--connect", arena_printf(c->arena, "ipc://%s/s", c->dir));
    add(&l, "--scratch", arena_printf(c->arena, "%s/scratch", c->dir));
    add_number(&l, "--records-per-frame", c->o.records, c->arena);
    for (uint32_t i = 0; c->o.n_workers && i < c->n_processes; i++)
        c->workers[i] = start(c, &l, arena_printf(c->arena, "worker-%u.log", i));
}

static void end(pid_t *pid)
{
    int64_t until = clock_now() + END_PATIENCE;
    if (*pid > 0)
        (void)kill(*pid, SIGTERM);
    while (*pid > 0 && waitpid(*pid, NULL, WNOHANG) == 0) {
        if (clock_now() > until)
            (void)kill(*pid, SIGKILL);
        clock_sleep(CLOCK_MS);
    }
    *pid = 0;
}

static int remove_one(const char *path, const struct stat *s, int type, struct FTW *at)
{
    (void)s;
    (void)type;
    (void)at;
    return remove(path);
}

static void destroy(struct cluster *c)
{
    running = NULL;
    for (uint32_t i = 0; i < c->n_processes; i++)
        end(&c->workers[i]);
    end(&c->coordinator);
    (void)nftw(c->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    arena_destroy(c->turn);
    arena_destroy(c->arena);
    mem_free(c);
}

static void at_exit(void)
{
    if (running)
        destroy(running);
}

static void on_signal(int signal)
{
    // Nothing of ours holds a lock then.
    exit(128 + signal); // NOLINT(bugprone-signal-handler)
}

struct cluster *cluster_launch(const struct cluster_options *o)
{
    static bool registered;
    struct cluster *c = mem_alloc(sizeof *c);
    const char *base = getenv("TMPDIR");
    c->o = *o;
    c->arena = arena_create();
    c->turn = arena_create();
    char *dir = arena_printf(c->arena, "%s/bench.XXXXXX", base ? base : "/tmp");
    if (o->n_workers > WORKERS_MAX || !mkdtemp(dir))
        cluster_die("cannot make %s", dir);
    c->dir = dir;
    running = c;
    if (!registered) {
        (void)atexit(at_exit);
        (void)signal(SIGINT, on_signal);
        (void)signal(SIGTERM, on_signal);
    }
    registered = true;
    start_coordinator(c);
    start_workers(c);
    return c;
}

struct cluster *cluster_start(const struct cluster_options *o)
{
    struct cluster *c = cluster_launch(o);
    cluster_wait_for_ranks(c, o->n_workers);
    return c;
}

void cluster_stop(struct cluster *c)
{
    caller_close(c->caller);
    destroy(c);
}

pid_t cluster_coordinator(const struct cluster *c)
{
    return c->coordinator;
}

pid_t cluster_worker(const struct cluster *c, uint32_t i)
{
    return c->workers[i];
}

// ---- requests --------------------------------------------------------------------

static bool read_announcement(struct cluster *c)
{
    char text[4096];
    struct value v;
    const char *path = arena_printf(c->turn, "%s/state/coordinator.json", c->dir);
    FILE *f = fopen(path, "re");
    size_t n = f ? fread(text, 1, sizeof text, f) : 0;
    if (f)
        (void)fclose(f);
    if (!n || yaml_parse(text, n, path, c->arena, &v, NULL))
        return false;
    const struct value *endpoint = value_find(&v, "endpoint");
    const struct value *keys = value_find(&v, "keys");
    c->endpoint = endpoint ? endpoint->s : NULL;
    c->keys = keys && keys->type == VALUE_STR ? keys->s : NULL;
    return c->endpoint != NULL;
}

static struct caller *caller(struct cluster *c)
{
    struct errtext t;
    int64_t until = clock_now() + PATIENCE;
    if (c->caller)
        return c->caller;
    while (!read_announcement(c)) {
        if (clock_now() > until || waitpid(c->coordinator, NULL, WNOHANG))
            cluster_die("the coordinator does not start");
        clock_sleep(CLOCK_MS / 4);
    }
    struct caller_options o = {
        .endpoint = c->endpoint, .key_dir = c->keys, .answer_ns = 600 * CLOCK_SECOND};
    if (caller_open(&o, &c->caller, &t))
        cluster_die("%s", t.text);
    return c->caller;
}

struct value
cluster_call(struct cluster *c, const char *verb, const struct value *args, struct arena *a)
{
    struct value reply;
    struct errtext t;
    if (caller_call(caller(c), verb, args, a, &reply, &t))
        cluster_die("%s: %s", verb, t.text);
    return reply;
}

static struct value submit(struct cluster *c, const char *text, bool wait, struct arena *a)
{
    struct value args = value_map();
    (void)value_set(a, &args, "text", value_str(a, text));
    if (wait)
        (void)value_set(a, &args, "wait", value_bool(true));
    return cluster_call(c, "submit", &args, a);
}

struct value cluster_run(struct cluster *c, const char *text, struct arena *a)
{
    struct value v = submit(c, text, true, a);
    const struct value *state = value_find(&v, "state");
    const struct value *failed = value_find(&v, "failed");
    if (!state || strcmp(state->s, "done") != 0 || value_number(failed) != 0)
        cluster_die("a job ended as '%s'", state ? state->s : "?");
    return v;
}

const char *cluster_submit(struct cluster *c, const char *text, struct arena *a)
{
    struct value v = submit(c, text, false, a);
    const struct value *job = value_find(&v, "job");
    if (!job)
        cluster_die("a job without an id");
    return job->s;
}

void cluster_wait_for_ranks(struct cluster *c, uint32_t n)
{
    int64_t until = clock_now() + PATIENCE;
    for (;; clock_sleep(CLOCK_MS)) {
        struct value v = cluster_call(c, "ping", NULL, c->turn);
        const struct value *ranks = value_find(&v, "ranks");
        if (ranks && value_number(ranks) >= n)
            break;
        arena_reset(c->turn);
        if (clock_now() > until)
            cluster_die("the workers do not come");
    }
    arena_reset(c->turn);
}
