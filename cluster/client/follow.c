// SPDX-License-Identifier: MIT
#include "cluster/client/follow.h"

#include <poll.h>

#include "cluster/client/signals.h"
#include "common/clock.h"

// The first word of a coordinator, and the return of one that went away.
#define REACH_PATIENCE  (5 * CLOCK_SECOND)
#define RETURN_PATIENCE (120 * CLOCK_SECOND)
#define RETURN_LOOK     (200 * CLOCK_MS)
#define TICK            (100 * CLOCK_MS)

struct patience {
    int64_t since; // this connection was made
    bool heard;    // on it
    bool ever;
};

static int64_t min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

enum error follow_look(struct follow *f, int64_t *next, struct errtext *t)
{
    int64_t now = clock_now();
    *next = now + TICK;
    if (signals_stop(f->signals))
        return errtext_set(t, ERR_CANCELLED, "interrupted");
    if (!f->local)
        return OK;
    *next = min64(*next, local_step(f->local, now));
    const char *failure = local_failure(f->local);
    return failure ? errtext_set(t, ERR_IO, "%s", failure) : OK;
}

static void rest(const struct follow *f, int64_t until)
{
    struct pollfd p = {.fd = f->signals, .events = POLLIN};
    int64_t ns = until - clock_now();
    struct timespec ts = {.tv_sec = ns > 0 ? ns / CLOCK_SECOND : 0,
                          .tv_nsec = ns > 0 ? ns % CLOCK_SECOND : 0};
    (void)ppoll(&p, f->signals >= 0 ? 1 : 0, &ts, NULL);
}

static enum error open_caller(struct follow *f, struct errtext *t)
{
    struct caller_options o = {.reach_ns = REACH_PATIENCE};
    struct arena *a = arena_create();
    enum error e = ERR_CLOSED;
    if (f->local) {
        o.endpoint = local_endpoint(f->local);
        o.key_dir = local_keys(f->local);
    } else {
        e = target_find(f->target, a, &o.endpoint, &o.key_dir, t);
    }
    if (o.endpoint)
        e = caller_open(&o, &f->caller, t);
    arena_destroy(a);
    return e;
}

enum error follow_start(struct follow *f, struct errtext *t)
{
    int64_t next;
    for (;;) {
        enum error e = follow_look(f, &next, t);
        if (e)
            return e;
        if (local_endpoint(f->local))
            return open_caller(f, t);
        rest(f, next);
    }
}

static enum error start_watch(struct follow *f, struct arena *a, struct errtext *t)
{
    struct value args = value_map();
    (void)value_set(a, &args, "job", value_str(a, f->job));
    return caller_start(f->caller, "watch", &args, t);
}

// The coordinator is away: wait for it, within reason, and ask anew.
static enum error come_back(struct follow *f, struct arena *a, struct errtext *t)
{
    int64_t until = clock_now() + RETURN_PATIENCE, next;
    struct errtext why = *t;
    if (f->view)
        view_note(f->view, "the coordinator has gone away; waiting for it");
    caller_close(f->caller);
    f->caller = NULL;
    while (clock_now() < until) {
        enum error e = follow_look(f, &next, t);
        if (e)
            return e;
        e = open_caller(f, t);
        if (!e)
            return start_watch(f, a, t);
        rest(f, clock_now() + RETURN_LOOK);
    }
    *t = why;
    return ERR_CLOSED;
}

// Whether the job ended: its document is in `reply` then.
static enum error take_replies(
    struct follow *f, struct arena *a, struct value *reply, bool *heard, struct errtext *t)
{
    bool more;
    for (;;) {
        arena_reset(a);
        enum error e = caller_next(f->caller, 0, a, reply, &more, t);
        if (e)
            return e;
        *heard = true;
        if (!more)
            return OK;
        if (f->view)
            view_update(f->view, reply);
    }
}

// What to do about no reply: OK, look on; else it is over.
static enum error after_silence(
    struct follow *f, enum error e, struct patience *p, struct arena *a, struct errtext *t)
{
    if (e == ERR_AGAIN && !p->heard && clock_now() - p->since > REACH_PATIENCE)
        e = errtext_set(t, ERR_CLOSED, "no coordinator answers");
    bool away = e == ERR_CLOSED || e == ERR_TIMEOUT;
    if (away && (p->ever || f->local)) {
        e = come_back(f, a, t);
        p->since = clock_now();
        p->heard = false;
        return e;
    }
    return e == ERR_AGAIN ? OK : e;
}

static enum error
follow_on(struct follow *f, struct arena *a, struct value *v, struct errtext *t)
{
    struct patience p = {.since = clock_now()};
    int64_t next;
    for (;;) {
        enum error e = take_replies(f, a, v, &p.heard, t);
        p.ever = p.ever || p.heard;
        if (!e)
            return OK;
        e = after_silence(f, e, &p, a, t);
        if (!e)
            e = follow_look(f, &next, t);
        if (e)
            return e;
        if (f->view)
            view_tick(f->view);
        (void)caller_wait(f->caller, next - clock_now(), f->signals);
    }
}

enum error
follow_job(struct follow *f, struct arena *a, struct value *document, struct errtext *t)
{
    struct arena *replies = arena_create();
    struct value v;
    enum error e = f->caller ? OK : open_caller(f, t);
    if (!e)
        e = start_watch(f, replies, t);
    if (!e)
        e = follow_on(f, replies, &v, t);
    if (!e)
        *document = value_copy(a, &v);
    if (f->view)
        view_clear(f->view);
    arena_destroy(replies);
    return e;
}
