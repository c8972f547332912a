// SPDX-License-Identifier: MIT
#include "protocol/caller.h"

#include <string.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/mem.h"
#include "protocol/caller_state.h"
#include "protocol/frame.h"
#include "protocol/pack.h"

#define REACH_DEFAULT  (5 * CLOCK_SECOND)
#define ANSWER_DEFAULT (60 * CLOCK_SECOND)
#define IDLE_EVERY     (100 * CLOCK_MS)
// Answers mostly come within this; a people's program may spin that long.
#define SPIN (50 * INT64_C(1000))

enum error caller_open(const struct caller_options *o, struct caller **out, struct errtext *t)
{
    struct caller *c = mem_alloc(sizeof *c);
    c->o = *o;
    if (!c->o.reach_ns)
        c->o.reach_ns = REACH_DEFAULT;
    if (!c->o.answer_ns)
        c->o.answer_ns = ANSWER_DEFAULT;
    c->endpoint = mem_dup(o->endpoint);
    c->arena = arena_create();
    enum error e =
        channel_connect(o->endpoint, o->key_dir, o->role_key ? o->role_key : "submit",
                        (struct bin){0}, &c->channel, t);
    if (e) {
        caller_close(c);
        return e;
    }
    *out = c;
    return OK;
}

void caller_close(struct caller *c)
{
    if (!c)
        return;
    channel_close(c->channel);
    arena_destroy(c->arena);
    mem_free(c->endpoint);
    mem_free(c);
}

// ---- waiting for answers ---------------------------------------------------------

static enum error gone(struct caller *c, struct errtext *t)
{
    uint64_t peer;
    bool closed = false;
    while (!channel_closed_peer(c->channel, &peer))
        closed = true;
    if (channel_is_denied(c->channel))
        return errtext_set(t, ERR_DENIED, "the coordinator at %s does not accept our key",
                           c->endpoint);
    if (closed && c->reached)
        return errtext_set(t, ERR_CLOSED, "the coordinator at %s has gone away", c->endpoint);
    return OK;
}

static enum error late(const struct caller *c, struct errtext *t)
{
    if (c->reached)
        return errtext_set(t, ERR_TIMEOUT, "no answer from the coordinator at %s within %lld s",
                           c->endpoint, (long long)(c->o.answer_ns / CLOCK_SECOND));
    return errtext_set(t, ERR_CLOSED, "no coordinator answers at %s", c->endpoint);
}

// What is there now.  ERR_AGAIN: nothing of this number.
static enum error take(struct caller *c, uint64_t id, struct message *reply, struct errtext *t)
{
    struct channel_peer peer;
    for (;;) {
        enum error e = channel_recv(c->channel, c->arena, &peer, reply, t);
        if (e == ERR_AGAIN || e == ERR_CLOSED)
            return e;
        c->reached = true;
        if (reply->id != id)
            continue; // of a request that was given up
        if (e)
            return e;
        if (reply->type != MSG_FAIL)
            return OK;
        const struct msg_fail *f = &reply->fail;
        e = f->code && f->code <= FAULT_US ? (enum error)f->code : ERR_PROTO;
        return errtext_set(t, e, "%.*s", (int)f->text.n, f->text.p);
    }
}

// ERR_AGAIN: not by `until`.
static enum error
wait_for(struct caller *c, uint64_t id, int64_t until, struct message *reply, struct errtext *t)
{
    for (;;) {
        enum error e = take(c, id, reply, t);
        if (e != ERR_AGAIN)
            return e;
        e = gone(c, t);
        if (e)
            return e;
        int64_t left = until - clock_now();
        if (left <= 0)
            return ERR_AGAIN;
        (void)channel_wait(c->channel, left < IDLE_EVERY ? left : IDLE_EVERY, SPIN, NULL, 0);
        if (c->o.idle)
            c->o.idle(c->o.ctx);
    }
}

static int64_t patience(const struct caller *c)
{
    return clock_now() + (c->reached ? c->o.answer_ns : c->o.reach_ns);
}

static void forget_frames(struct caller *c)
{
    channel_recv_release(c->channel);
    arena_reset(c->arena);
}

enum error
caller_request(struct caller *c, struct message *m, struct message *reply, struct errtext *t)
{
    forget_frames(c);
    m->id = ++c->next_id;
    enum error e = channel_send(c->channel, 0, m);
    if (e)
        return errtext_set(t, e, "cannot send to the coordinator at %s: %s", c->endpoint,
                           error_name(e));
    e = wait_for(c, m->id, patience(c), reply, t);
    return e == ERR_AGAIN ? late(c, t) : e;
}

// ---- calls -----------------------------------------------------------------------

static enum error pack_args(const struct value *args, struct buf *b, struct errtext *t)
{
    buf_init(b, FRAME_PAYLOAD_MAX - 1024);
    if (args)
        pack_write(args, b);
    return b->full ? errtext_set(t, ERR_LIMIT, "the request is larger than %d MiB",
                                 FRAME_PAYLOAD_MAX >> 20)
                   : OK;
}

static enum error
read_reply(const struct message *m, struct arena *a, struct value *out, struct errtext *t)
{
    if (m->type != MSG_REPLY)
        return errtext_set(t, ERR_PROTO, "an answer of the wrong type %s",
                           message_name(m->type));
    return pack_read(m->reply.value.p, m->reply.value.n, a, out, t);
}

enum error caller_call(struct caller *c,
                       const char *verb,
                       const struct value *args,
                       struct arena *a,
                       struct value *reply,
                       struct errtext *t)
{
    struct message m = {.type = MSG_CALL}, r = {0};
    struct buf b;

    c->stream = 0;
    enum error e = pack_args(args, &b, t);
    if (!e) {
        m.call.verb = str_of(verb);
        m.call.args = (struct bin){b.bytes, (uint32_t)b.n};
        e = caller_request(c, &m, &r, t);
    }
    buf_fini(&b);
    return e ? e : read_reply(&r, a, reply, t);
}

enum error
caller_start(struct caller *c, const char *verb, const struct value *args, struct errtext *t)
{
    struct message m = {.type = MSG_CALL};
    struct buf b;

    forget_frames(c);
    enum error e = pack_args(args, &b, t);
    if (!e) {
        m.id = c->stream = ++c->next_id;
        m.call.verb = str_of(verb);
        m.call.args = (struct bin){b.bytes, (uint32_t)b.n};
        e = channel_send(c->channel, 0, &m);
        if (e)
            (void)errtext_set(t, e, "cannot send to the coordinator at %s", c->endpoint);
    }
    buf_fini(&b);
    return e;
}

enum error caller_next(struct caller *c,
                       int64_t timeout_ns,
                       struct arena *a,
                       struct value *reply,
                       bool *more,
                       struct errtext *t)
{
    struct message r;
    int64_t now = clock_now();
    bool first = !c->reached; // then somebody must answer at all
    int64_t until = timeout_ns < 0 ? INT64_MAX : now + timeout_ns;

    *more = false;
    if (!c->stream)
        return errtext_set(t, ERR_INVALID, "no request whose answers go on");
    forget_frames(c);
    if (first && until > now + c->o.reach_ns)
        until = now + c->o.reach_ns;
    enum error e = wait_for(c, c->stream, until, &r, t);
    if (e == ERR_AGAIN)
        return first && timeout_ns < 0 ? late(c, t) : e;
    if (!e)
        e = read_reply(&r, a, reply, t);
    *more = !e && r.reply.more;
    if (!*more)
        c->stream = 0;
    return e;
}

bool caller_wait(struct caller *c, int64_t timeout_ns, int fd)
{
    uint32_t ready = channel_wait(c->channel, timeout_ns, 0, &fd, fd >= 0 ? 1 : 0);
    return (ready & (CHANNEL_INPUT | CHANNEL_MONITOR)) != 0;
}
