// SPDX-License-Identifier: MIT
// local.c - the supervisor: starts, restarts, ends.
#include "cluster/client/local.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cluster/client/launch.h"
#include "cluster/client/local_state.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"

enum { STARTS_MAX = 5 };
#define BACKOFF_FIRST (200 * CLOCK_MS)
#define BACKOFF_MAX   (10 * CLOCK_SECOND)
// How often the announcement of a starting coordinator is looked for.
#define READY_LOOK   (1 * CLOCK_MS)
#define JOINED_LOOK  (250 * CLOCK_MS)
#define JOINED_HURRY (10 * CLOCK_MS)
// What workers and coordinator may take to end by themselves, and by SIGTERM.
#define END_PATIENCE  (3 * CLOCK_SECOND)
#define TERM_PATIENCE (3 * CLOCK_SECOND)
#define END_LOOK      (1 * CLOCK_MS)

// ---- one member ------------------------------------------------------------------

static enum error start(struct local *l, struct member *m, struct errtext *t)
{
    struct launch launch = {.argv = m->argv, .env = l->env, .log = m->log};
    enum error e = launch_start(&launch, &m->pid, t);
    m->n_starts++;
    m->again = 0;
    m->joined = false;
    if (!e)
        LOG_INFO("started", "member=\"%s\" pid=%d", m->name, (int)m->pid);
    return e;
}

static int64_t backoff(uint32_t n_starts)
{
    int64_t ns = BACKOFF_FIRST;
    for (uint32_t i = 1; i < n_starts && ns < BACKOFF_MAX; i++)
        ns *= 2;
    return ns < BACKOFF_MAX ? ns : BACKOFF_MAX;
}

// The last line of a log, for a message; "" when there is none.
static void last_line(const char *path, char *out, size_t size)
{
    char text[4096];
    out[0] = 0;
    FILE *f = path ? fopen(path, "re") : NULL;
    if (!f)
        return;
    if (fseek(f, -(long)(sizeof text - 1), SEEK_END))
        rewind(f);
    size_t n = fread(text, 1, sizeof text - 1, f);
    (void)fclose(f);
    while (n && text[n - 1] == '\n')
        n--;
    text[n] = 0;
    const char *start = strrchr(text, '\n');
    (void)snprintf(out, size, "%s", start ? start + 1 : text);
}

static void give_up(struct local *l, struct member *m)
{
    char line[256];
    last_line(m->log, line, sizeof line);
    m->ended = true;
    (void)snprintf(l->failure, sizeof l->failure, "%s: given up after %d starts%s%s", m->name,
                   STARTS_MAX, *line ? "; its last words: " : "", line);
    LOG_WARN("given_up", "member=\"%s\" starts=%d last=\"%s\"", m->name, STARTS_MAX, line);
}

static void ended(struct local *l, struct member *m, int status, int64_t now)
{
    bool well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    LOG_WARN("ended", "member=\"%s\" pid=%d %s=%d", m->name, (int)m->pid,
             WIFSIGNALED(status) ? "signal" : "status",
             WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    m->pid = 0;
    if (m->joined)
        m->n_starts = 0;
    m->joined = false;
    // A pod that the coordinator took for lost ends well too, and is wanted again.
    if (well && m == &l->coordinator)
        m->ended = true;
    else if (m->n_starts >= STARTS_MAX)
        give_up(l, m);
    else
        m->again = now + backoff(m->n_starts);
    if (m == &l->coordinator) {
        mem_free(l->endpoint);
        l->endpoint = NULL;
    }
}

static struct member *member_of(struct local *l, pid_t pid)
{
    if (l->coordinator.pid == pid)
        return &l->coordinator;
    for (uint32_t i = 0; i < l->o.n_pods; i++)
        if (l->pods[i].pid == pid)
            return &l->pods[i];
    return NULL; // an orphan of one of them
}

static void reap(struct local *l, int64_t now)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct member *m = member_of(l, pid);
        if (m)
            ended(l, m, status, now);
    }
}

// ---- the cluster -----------------------------------------------------------------

enum error local_start(const struct local_options *o, struct local **out, struct errtext *t)
{
    struct local *l = mem_alloc(sizeof *l);
    l->o = *o;
    l->arena = arena_create();
    launch_adopt();
    enum error e = local_plan(l, t);
    if (!e)
        e = start(l, &l->coordinator, t);
    for (uint32_t i = 0; !e && i < o->n_pods; i++)
        e = start(l, &l->pods[i], t);
    if (e) {
        local_stop(l);
        return e;
    }
    l->look = clock_now() + JOINED_LOOK;
    *out = l;
    return OK;
}

static int64_t step_member(struct local *l, struct member *m, int64_t now)
{
    struct errtext t = {{0}};
    if (m->again && m->again <= now && start(l, m, &t)) {
        LOG_ERROR("start", "member=\"%s\" why=\"%s\"", m->name, t.text);
        m->again = now + BACKOFF_MAX;
    }
    return m->again ? m->again : INT64_MAX;
}

static int64_t min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t local_step(struct local *l, int64_t now)
{
    int64_t next = INT64_MAX;
    bool waiting = false;
    reap(l, now);
    next = step_member(l, &l->coordinator, now);
    for (uint32_t i = 0; i < l->o.n_pods; i++) {
        next = min64(next, step_member(l, &l->pods[i], now));
        waiting = waiting || (l->pods[i].pid && !l->pods[i].joined);
    }
    if (!l->endpoint && l->coordinator.pid && !local_read_announcement(l))
        return min64(next, now + READY_LOOK);
    if (!waiting || !l->endpoint)
        return next;
    if (l->look <= now) {
        local_look(l);
        l->look = clock_now() + JOINED_LOOK;
    }
    return min64(next, l->look);
}

const char *local_endpoint(const struct local *l)
{
    return l->endpoint;
}

const char *local_keys(const struct local *l)
{
    return l->keys;
}

const char *local_failure(const struct local *l)
{
    bool hope = false;
    for (uint32_t i = 0; i < l->o.n_pods; i++)
        hope = hope || !l->pods[i].ended;
    if (hope && !l->coordinator.ended)
        return NULL;
    if (*l->failure)
        return l->failure;
    return "the coordinator was told to end";
}

bool local_is_over(const struct local *l)
{
    return l->coordinator.ended;
}

void local_hurry(struct local *l)
{
    int64_t soon = clock_now() + JOINED_HURRY;
    if (l->look > soon)
        l->look = soon;
}

int64_t local_cpus(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return n > 0 ? n : 1;
}

uint32_t local_n_joined(const struct local *l)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < l->o.n_pods; i++)
        n += l->pods[i].joined;
    return n;
}

// ---- the end ---------------------------------------------------------------------

static bool any_left(struct local *l)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct member *m = member_of(l, pid);
        if (m)
            m->pid = 0;
    }
    bool left = l->coordinator.pid != 0;
    for (uint32_t i = 0; l->pods && i < l->o.n_pods; i++)
        left = left || l->pods[i].pid;
    return left;
}

static bool wait_for_end(struct local *l, int64_t patience)
{
    int64_t until = clock_now() + patience;
    while (any_left(l)) {
        if (clock_now() >= until)
            return false;
        clock_sleep(END_LOOK);
    }
    return true;
}

static void terminate_all(struct local *l)
{
    if (l->coordinator.pid)
        (void)kill(l->coordinator.pid, SIGTERM);
    for (uint32_t i = 0; l->pods && i < l->o.n_pods; i++)
        if (l->pods[i].pid)
            (void)kill(l->pods[i].pid, SIGTERM);
}

// The coordinator tells all to end that it knows; who has not come so far is told
// by signal.
static void ask_to_end(struct local *l)
{
    if (!l->coordinator.pid || !l->endpoint) {
        terminate_all(l);
        return;
    }
    if (local_n_joined(l) < l->o.n_pods)
        local_look(l);
    if (!local_shutdown(l)) {
        terminate_all(l);
        return;
    }
    for (uint32_t i = 0; i < l->o.n_pods; i++)
        if (l->pods[i].pid && !l->pods[i].joined)
            (void)kill(l->pods[i].pid, SIGTERM);
}

void local_stop(struct local *l)
{
    if (!l)
        return;
    ask_to_end(l);
    if (!wait_for_end(l, END_PATIENCE)) {
        terminate_all(l);
        (void)wait_for_end(l, TERM_PATIENCE);
    }
    launch_kill_all();
    caller_close(l->caller);
    mem_free(l->endpoint);
    mem_free(l->keys);
    arena_destroy(l->arena);
    mem_free(l);
}
