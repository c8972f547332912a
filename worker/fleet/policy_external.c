// SPDX-License-Identifier: MIT
// policy_external.c - an agent outside decides, over a local stream socket.
//
// Shaped as Gymnasium's environments are.  The agent listens at the path of the parameter
// `socket`; each message is a length (32 bits, big-endian) and a MessagePack map:
//
//   to the agent   {event: "reset", scenario, seed, episode, vertiports, aircraft}
//                  {event: "step", reward, t, aircraft, place, energy_J, mask}
//                  {event: "done", reward, profit_uusd}
//   from it        {action: destination}      after every step; the own place holds
//
// mask: a byte for each vertiport, 1 where it is feasible.  reward: the change of profit
// since the last step, in micro-dollars; the last one includes terminal electricity.  A
// rank connects once and keeps its connection from day to day; the agent serves the ranks'
// connections side by side.  An agent that breaks off, is silent for ten seconds or answers
// with what is infeasible fails this day and, unasked, the rank's later ones.
//
// Threads    The day's.
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/mem.h"
#include "protocol/pack.h"
#include "worker/fleet/day.h"
#include "worker/fleet/policy.h"
#include "worker/workload.h"

enum { ANSWER_MAX = 4096, SILENCE_MS = 10000, SLICE_MS = 200 };

struct agent {
    struct sockaddr_un at;
    int fd; // < 0: not connected
    struct run *run;
    struct arena *arena;
    struct buf out;
    int64_t profit;     // at the last step
    const char *broken; // why it counts no more; NULL: all is well
    bool cancelled;     // it was we who broke off: the next day begins anew
};

static void break_off(struct agent *g, const char *why)
{
    if (g->broken)
        return;
    g->broken = why;
    if (g->fd >= 0)
        (void)close(g->fd);
    g->fd = -1;
}

// Until the socket is ready.  The wait is bounded, and a cancelled job does not wait.
static bool ready(struct agent *g, short events)
{
    struct pollfd f = {.fd = g->fd, .events = events};

    for (int waited = 0; waited < SILENCE_MS; waited += SLICE_MS) {
        int n = poll(&f, 1, SLICE_MS);
        if (n > 0)
            return true;
        if (n < 0 && errno != EINTR)
            break;
        if (!g->run)
            continue;
        run_progress(g->run);
        g->cancelled = run_cancelled(g->run);
        if (g->cancelled)
            break;
    }
    break_off(g, "was silent for ten seconds: it has to serve every rank's connection at once");
    return false;
}

// All of n bytes, out or in.
static bool move_all(struct agent *g, short way, uint8_t *p, size_t n)
{
    while (n && ready(g, way)) {
        ssize_t done = way == POLLOUT ? send(g->fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT)
                                      : recv(g->fd, p, n, MSG_DONTWAIT);
        if (done < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (done <= 0) {
            break_off(g, "has closed the connection: see what it said at its end");
            break;
        }
        p += done;
        n -= (size_t)done;
    }
    return n == 0;
}

static void tell(struct agent *g, const struct value *message)
{
    uint8_t length[4];

    buf_reset(&g->out);
    pack_write(message, &g->out);
    for (int i = 0; i < 4; i++)
        length[i] = (uint8_t)(g->out.n >> (24 - 8 * i));
    if (!g->broken && move_all(g, POLLOUT, length, sizeof length))
        (void)move_all(g, POLLOUT, g->out.bytes, g->out.n);
}

static const struct value *ask(struct agent *g)
{
    uint8_t length[4], bytes[ANSWER_MAX];
    struct value *v = arena_alloc(g->arena, sizeof *v);

    if (g->broken || !move_all(g, POLLIN, length, sizeof length))
        return NULL;
    size_t n =
        (size_t)length[0] << 24 | (size_t)length[1] << 16 | (size_t)length[2] << 8 | length[3];
    if (n == 0 || n > sizeof bytes)
        break_off(g, "answered with a length that is not from 1 to 4096");
    else if (move_all(g, POLLIN, bytes, n) && pack_read(bytes, n, g->arena, v, NULL))
        break_off(g, "answered with what is no MessagePack");
    return g->broken ? NULL : value_find(v, "action");
}

static void set_reward(struct agent *g, const struct day *d, struct value *map)
{
    int64_t profit = day_profit(d);
    value_set(g->arena, map, "reward", value_int(profit - g->profit));
    g->profit = profit;
}

static enum error fault(const struct agent *g, struct errtext *t)
{
    return errtext_set(t, FAULT_JOB, "policy external: the agent at %s %s", g->at.sun_path,
                       g->broken);
}

// Connecting takes time only where the agent's queue is full: bounded by the send timeout.
static enum error join(struct agent *g, struct errtext *t)
{
    struct timeval patience = {.tv_sec = SILENCE_MS / 1000};

    g->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (g->fd >= 0
        && setsockopt(g->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == 0
        && connect(g->fd, (const struct sockaddr *)&g->at, sizeof g->at) == 0)
        return OK;
    int why = errno;
    if (g->fd >= 0)
        (void)close(g->fd);
    g->fd = -1;
    return errtext_set(t, FAULT_JOB,
                       "policy external: no agent listens at %s (%s): start it on every "
                       "worker's machine before the job",
                       g->at.sun_path, strerror(why));
}

static enum error begin(void *state, struct day *d, struct run *run, struct errtext *t)
{
    struct agent *g = state;
    const struct world *w = day_world(d);
    struct value v = value_map();
    struct arena *a = g->arena;

    if (g->cancelled)
        g->broken = NULL;
    g->cancelled = false;
    g->run = run;
    if (g->broken)
        return fault(g, t);
    if (g->fd < 0 && join(g, t))
        return FAULT_JOB;
    arena_reset(a);
    g->profit = 0;
    value_set(a, &v, "event", value_str(a, "reset"));
    value_set(a, &v, "scenario", value_str(a, w->scenario->name));
    value_set(a, &v, "seed", value_uint(day_seed(d)));
    value_set(a, &v, "episode", value_uint(day_episode(d)));
    value_set(a, &v, "vertiports", value_uint(w->n_ports));
    value_set(a, &v, "aircraft", value_uint(w->n_aircraft));
    tell(g, &v);
    return OK;
}

static uint32_t choose(void *state, struct day *d)
{
    struct agent *g = state;
    const struct epoch *e = day_epoch(d);
    struct arena *a = g->arena;
    struct value v = value_map();
    uint8_t mask[SCENARIO_VERTIPORTS_MAX];

    arena_reset(a);
    day_mask(d, mask);
    value_set(a, &v, "event", value_str(a, "step"));
    set_reward(g, d, &v);
    value_set(a, &v, "t", value_int(e->t));
    value_set(a, &v, "aircraft", value_uint(e->aircraft));
    value_set(a, &v, "place", value_uint(e->place));
    value_set(a, &v, "energy_J", value_int(day_aircraft(d, e->aircraft).energy_j));
    value_set(a, &v, "mask", value_bin(a, mask, day_world(d)->n_ports));
    tell(g, &v);
    const struct value *action = ask(g);
    if (!g->broken
        && (!action || action->type != VALUE_INT || action->i < 0
            || action->i >= day_world(d)->n_ports || !mask[action->i]))
        break_off(g, "answered with no action, or one whose mask is 0");
    return g->broken ? e->place : (uint32_t)action->i; // the item fails at the day's end
}

static enum error end(void *state, struct day *d, struct errtext *t)
{
    struct agent *g = state;
    struct value v = value_map();

    arena_reset(g->arena);
    value_set(g->arena, &v, "event", value_str(g->arena, "done"));
    set_reward(g, d, &v);
    value_set(g->arena, &v, "profit_uusd", value_int(day_profit(d)));
    tell(g, &v);
    return g->broken ? fault(g, t) : OK;
}

static void destroy(void *state)
{
    struct agent *g = state;
    if (!g)
        return;
    if (g->fd >= 0)
        (void)close(g->fd);
    buf_fini(&g->out);
    arena_destroy(g->arena);
    mem_free(g);
}

static enum error create(const struct policy_setup *setup, void **state, struct errtext *t)
{
    const struct value *path = setup->over ? value_find(setup->over, "socket") : NULL;
    struct agent *g;

    if (!path && setup->params)
        path = value_find(setup->params, "socket");
    if (!path || path->type != VALUE_STR || !path->n || path->n >= sizeof g->at.sun_path)
        return errtext_set(
            t, FAULT_JOB,
            "policy external needs the parameter socket, a path of at most %zu bytes",
            sizeof g->at.sun_path - 1);
    g = mem_alloc(sizeof *g);
    *g = (struct agent){.at.sun_family = AF_UNIX, .fd = -1};
    memcpy(g->at.sun_path, path->s, path->n);
    g->arena = arena_create();
    buf_init(&g->out, 1 << 20);
    *state = g;
    return OK;
}

const struct policy policy_external = {
    .name = "external",
    .help =
        "an agent of yours that listens on a local socket (tests/tools/fleet_agent.c is one)",
    .create = create,
    .destroy = destroy,
    .begin = begin,
    .choose = choose,
    .end = end,
};
