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
// since the last step, in micro-dollars; the last one includes terminal electricity.  An
// agent that breaks off, is silent for a minute or answers with what is infeasible fails
// the item.
//
// Threads    The day's.
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/mem.h"
#include "protocol/pack.h"
#include "worker/fleet/day.h"

enum { ANSWER_MAX = 4096, SILENCE_MS = 60000 };

struct agent {
    int fd;
    struct arena *arena;
    struct buf out;
    int64_t profit;     // at the last step
    const char *broken; // why it counts no more; NULL: all is well
};

static bool send_all(int fd, const uint8_t *p, size_t n)
{
    while (n) {
        ssize_t done = send(fd, p, n, MSG_NOSIGNAL);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        p += done;
        n -= (size_t)done;
    }
    return true;
}

static bool receive_all(int fd, uint8_t *p, size_t n)
{
    while (n) {
        struct pollfd f = {.fd = fd, .events = POLLIN};
        ssize_t done = poll(&f, 1, SILENCE_MS) > 0 ? recv(fd, p, n, 0) : 0;
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        p += done;
        n -= (size_t)done;
    }
    return true;
}

static void tell(struct agent *g, const struct value *message)
{
    uint8_t length[4];

    buf_reset(&g->out);
    pack_write(message, &g->out);
    for (int i = 0; i < 4; i++)
        length[i] = (uint8_t)(g->out.n >> (24 - 8 * i));
    if (!g->broken
        && !(send_all(g->fd, length, sizeof length) && send_all(g->fd, g->out.bytes, g->out.n)))
        g->broken = "the agent has gone";
}

static const struct value *ask(struct agent *g)
{
    uint8_t length[4], bytes[ANSWER_MAX];
    struct value *v = arena_alloc(g->arena, sizeof *v);

    if (!g->broken && !receive_all(g->fd, length, sizeof length))
        g->broken = "the agent gave no answer";
    if (g->broken)
        return NULL;
    size_t n =
        (size_t)length[0] << 24 | (size_t)length[1] << 16 | (size_t)length[2] << 8 | length[3];
    if (n == 0 || n > sizeof bytes || !receive_all(g->fd, bytes, n)
        || pack_read(bytes, n, g->arena, v, NULL))
        g->broken = "the agent's answer is too long, cut off or no MessagePack";
    return g->broken ? NULL : value_find(v, "action");
}

static void set_reward(struct agent *g, const struct day *d, struct value *map)
{
    int64_t profit = day_profit(d);
    value_set(g->arena, map, "reward", value_int(profit - g->profit));
    g->profit = profit;
}

static enum error begin(void *state, struct day *d, struct errtext *t)
{
    struct agent *g = state;
    const struct world *w = day_world(d);
    struct value v = value_map();
    struct arena *a = g->arena;

    (void)t;
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
        g->broken = "the agent's action is not feasible";
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
    return g->broken ? errtext_set(t, FAULT_JOB, "policy external: %s", g->broken) : OK;
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
    struct sockaddr_un at = {.sun_family = AF_UNIX};

    if (!path && setup->params)
        path = value_find(setup->params, "socket");
    if (!path || path->type != VALUE_STR || !path->n || path->n >= sizeof at.sun_path)
        return errtext_set(
            t, FAULT_JOB,
            "policy external needs the parameter socket, a path of at most %zu bytes",
            sizeof at.sun_path - 1);
    memcpy(at.sun_path, path->s, path->n);
    struct agent *g = mem_alloc(sizeof *g);
    g->arena = arena_create();
    buf_init(&g->out, 1 << 20);
    g->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (g->fd < 0 || connect(g->fd, (const struct sockaddr *)&at, sizeof at) != 0) {
        destroy(g);
        return errtext_set(t, FAULT_JOB, "policy external: no agent listens at %s: %s", path->s,
                           strerror(errno));
    }
    *state = g;
    return OK;
}

const struct policy policy_external = {
    .name = "external",
    .help =
        "an agent of yours that listens on a local socket (tests/tools/fleet_agent.c is one)",
    .per_item = true,
    .create = create,
    .destroy = destroy,
    .begin = begin,
    .choose = choose,
    .end = end,
};
