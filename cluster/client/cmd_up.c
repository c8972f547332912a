// SPDX-License-Identifier: MIT
// cmd_up.c - a local cluster that stays.
//
// What stays is a supervisor: this program in a session of its own, holding the
// lock STATE/supervisor.lock as long as it lives.
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cluster/client/commands.h"
#include "cluster/client/local.h"
#include "cluster/client/show.h"
#include "cluster/client/signals.h"
#include "cluster/client/standing.h"
#include "cluster/client/target.h"
#include "common/clock.h"
#include "common/log.h"

enum { RANKS_MAX = 4096, LONELY_S = 600 };
// Ranks that have not joined by then are not waited for.
#define READY_PATIENCE (30 * CLOCK_SECOND)
#define READY_LOOK     (5 * CLOCK_MS)

struct arguments {
    const char *state, *listen, *http;
    int64_t ranks, pods;
    bool allow_exec, foreground, json;
};

#define AT(field) offsetof(struct arguments, field)

static const struct option_row rows[] = {
    {"ranks", 'n', OPTION_INT, "N", NULL, "ranks in all; default: one a CPU", 1, RANKS_MAX,
     AT(ranks)},
    {"pods", 'p', OPTION_INT, "P", NULL, "pods that share the ranks; default 1", 1, RANKS_MAX,
     AT(pods)},
    {"state", 's', OPTION_STR, "DIR", "SHOAL_STATE",
     "the state directory; default ~/.local/state/shoal", 0, 0, AT(state)},
    {"listen", 'l', OPTION_STR, "URL", NULL,
     "listen there too, as tcp://*:7420, with the keys of STATE/keys", 0, 0, AT(listen)},
    {"http", 0, OPTION_STR, "ADDRESS", "SHOAL_HTTP",
     "where HTTP clients come in: PORT (of 127.0.0.1), HOST:PORT or off; default any port", 0,
     0, AT(http)},
    {"allow-exec", 0, OPTION_FLAG, NULL, NULL, "jobs may run commands", 0, 0, AT(allow_exec)},
    {"foreground", 0, OPTION_FLAG, NULL, NULL, "stay here, with the logs, until interrupted", 0,
     0, AT(foreground)},
    {"json", 0, OPTION_FLAG, NULL, NULL, "print one JSON document", 0, 0, AT(json)},
    {0},
};

struct up {
    struct arguments args;
    const char *dir;
    struct local *local;
    int signals;
    int lock;
    struct errtext t;
};

// ---- the supervisor --------------------------------------------------------------

static void rest(const struct up *u, int64_t until)
{
    struct pollfd p = {.fd = u->signals, .events = POLLIN};
    int64_t ms = (until - clock_now()) / CLOCK_MS + 1;
    (void)poll(&p, 1, ms < 0 ? 0 : ms > 60000 ? 60000 : (int)ms);
}

static enum error start(struct up *u)
{
    struct local_options o = {.dir = u->dir,
                              .listen = u->args.listen,
                              .http = u->args.http,
                              .allow_exec = u->args.allow_exec,
                              .loud = u->args.foreground,
                              .n_ranks = (uint32_t)u->args.ranks,
                              .n_pods = (uint32_t)u->args.pods,
                              .lonely_s = LONELY_S};
    enum error e = standing_lock(u->dir, &u->lock, &u->t);
    return e ? e : local_start(&o, &u->local, &u->t);
}

// Until all pods have joined, or it is clear that they will not.
static enum error wait_until_ready(struct up *u)
{
    int64_t until = clock_now() + READY_PATIENCE, now;
    while ((now = clock_now()) < until) {
        int64_t next = local_step(u->local, now);
        const char *failure = local_failure(u->local);
        if (failure)
            return errtext_set(&u->t, ERR_IO, "%s; logs are in %s", failure, u->dir);
        if (local_n_joined(u->local) == (uint32_t)u->args.pods)
            return OK;
        if (signals_stop(u->signals))
            return errtext_set(&u->t, ERR_CANCELLED, "interrupted");
        local_hurry(u->local);
        rest(u, next < now + READY_LOOK ? next : now + READY_LOOK);
    }
    return local_endpoint(u->local)
               ? OK
               : errtext_set(&u->t, ERR_TIMEOUT, "the coordinator does not listen; see %s",
                             u->dir);
}

static void supervise(struct up *u)
{
    while (!signals_stop(u->signals) && !local_is_over(u->local))
        rest(u, local_step(u->local, clock_now()));
}

static void stop(struct up *u)
{
    local_stop(u->local);
    if (u->lock >= 0)
        (void)close(u->lock);
}

// ---- both halves -----------------------------------------------------------------

static int report(const struct up *u)
{
    struct arena *a = arena_create();
    struct target g = {.state = u->dir, .json = u->args.json};
    struct errtext t = {{0}};
    struct value reply;
    enum error e = target_ask(&g, "ping", NULL, a, &reply, &t);
    int status = command_fail(e, &t);
    if (!e && u->args.json) {
        status = show_json(&reply) ? STATUS_DONE : STATUS_FAILED;
    } else if (!e) {
        printf("up: %.0f ranks in %.0f pods, state in %s\n", show_number(&reply, "ranks"),
               show_number(&reply, "pods"), u->dir);
        if (fflush(stdout))
            status = STATUS_FAILED;
    }
    arena_destroy(a);
    return status;
}

static int in_foreground(struct up *u)
{
    u->signals = signals_open();
    log_init("supervisor", -1, LOG_LEVEL_INFO);
    enum error e = start(u);
    if (!e)
        e = wait_until_ready(u);
    if (!e) {
        (void)report(u);
        supervise(u);
    }
    stop(u);
    return command_fail(e, &u->t);
}

// The half that stays.  How its start went is told through the pipe: nothing, or
// a line.
static int in_background(struct up *u, int pipe)
{
    u->signals = signals_open();
    log_init("supervisor", -1, LOG_LEVEL_INFO);
    enum error e = start(u);
    if (!e)
        e = wait_until_ready(u);
    if (e) {
        ssize_t wrote = write(pipe, u->t.text, strlen(u->t.text));
        (void)wrote;
        if (e != ERR_BUSY)
            LOG_ERROR("up", "why=\"%s\"", u->t.text);
    }
    (void)close(pipe);
    if (!e)
        supervise(u);
    stop(u);
    return e ? STATUS_FAILED : STATUS_DONE;
}

static int wait_for_start(struct up *u, int pipe, pid_t child)
{
    char line[1024];
    size_t n = 0;
    for (ssize_t got; n < sizeof line - 1; n += (size_t)got) {
        got = read(pipe, line + n, sizeof line - 1 - n);
        if (got < 0 && errno == EINTR)
            got = 0;
        else if (got <= 0)
            break;
    }
    line[n] = 0;
    (void)close(pipe);
    if (!n)
        return report(u);
    (void)waitpid(child, NULL, 0);
    (void)fprintf(stderr, "shoal: %s\n", line);
    return STATUS_FAILED;
}

static int detach(struct up *u)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return command_fail(errtext_set(&u->t, ERR_IO, "pipe: %s", strerror(errno)), &u->t);
    pid_t child = fork();
    if (child < 0)
        return command_fail(errtext_set(&u->t, ERR_IO, "fork: %s", strerror(errno)), &u->t);
    if (child > 0) {
        (void)close(ends[1]);
        return wait_for_start(u, ends[0], child);
    }
    (void)close(ends[0]);
    enum error e = standing_detach(u->dir, ends[1], &u->t);
    if (e) {
        ssize_t wrote = write(ends[1], u->t.text, strlen(u->t.text));
        (void)wrote;
        return STATUS_FAILED;
    }
    return in_background(u, ends[1]);
}

static enum error prepare(struct up *u, struct arena *a)
{
    if (!u->args.ranks)
        u->args.ranks = local_cpus();
    if (!u->args.pods)
        u->args.pods = 1;
    if (u->args.pods > u->args.ranks)
        return errtext_set(&u->t, ERR_INVALID,
                           "--pods %" PRId64 " are more than the %" PRId64 " ranks",
                           u->args.pods, u->args.ranks);
    enum error e = target_state(u->args.state, a, &u->dir, &u->t);
    return e ? e : standing_make(u->dir, &u->t);
}

static int run(const struct command *self, int argc, char **argv)
{
    struct up u = {.lock = -1, .signals = -1};
    int n_args, status;
    if (!command_parse(self, argc, argv, &u.args, &n_args, &status))
        return status;
    if (!command_arguments(self, n_args, 0, 0))
        return STATUS_USAGE;
    struct arena *a = arena_create();
    enum error e = prepare(&u, a);
    if (e)
        status = command_fail(e, &u.t);
    else
        status = u.args.foreground ? in_foreground(&u) : detach(&u);
    arena_destroy(a);
    return status;
}

const struct command cmd_up = {
    .name = "up",
    .usage = "[-n RANKS] [--pods P] [options]",
    .help = "start a local cluster that stays",
    .about = "Starts a coordinator and ranks on this machine, keeps them running, and starts "
             "again what breaks, until 'shoal down'.  Jobs may run commands only with "
             "--allow-exec.",
    .rows = rows,
    .run = run,
};
