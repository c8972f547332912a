// SPDX-License-Identifier: MIT
#include "worker/link_thread.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "protocol/channel.h"
#include "worker/exchange.h"

// Messages taken per turn: enough to empty a burst, few enough that results and
// beats do not wait behind it.
// After a turn that took a burst it sleeps at once, to be woken for a burst.
enum { DRAIN_MAX = 256, BURST = 8 };
// After the end was said, main has this long to come back.
#define GRACE (3 * CLOCK_SECOND)
// Main need not wake to forget a job: that can wait for its next work, so long at most.
#define FORGET_NS (20 * CLOCK_MS)
enum { EXIT_HUNG = 70 };

struct link_thread {
    struct link_thread_options o;
    struct link *link;
    struct channel *channel;
    struct mailbox *to_link; // struct report *; an empty one without spent blocks: stop
    struct arena *arena;     // of one turn
    struct link_effects fx;
    struct orders *orders; // of this turn, or what can wait
    int64_t orders_due;
    struct orders *free_orders; // came back
    struct report *spent;       // going back with the next orders
    int signals;
    uint32_t ready; // as the last wait said
    int64_t now;
    int64_t ended; // when the end was said, 0: not yet
    bool farewell; // the coordinator knows
    bool welcomed;
    bool stopping;
    uint64_t working;
    uint32_t n_taken; // messages and results of this turn
    pthread_t thread;
};

// ---- towards main ----------------------------------------------------------------

static struct orders *orders_of(struct link_thread *l)
{
    if (l->orders)
        return l->orders;
    struct orders *o = l->free_orders;
    if (o)
        l->free_orders = o->next;
    else
        o = orders_create();
    orders_reset(o);
    l->orders_due = l->now + FORGET_NS;
    return l->orders = o;
}

static void order_end(struct link_thread *l, const char *why, bool failed)
{
    if (l->ended)
        return;
    struct orders *o = orders_of(l);
    struct order *x = orders_add(o, ORDER_END);
    x->why = arena_str(o->arena, why, strlen(why));
    x->failed = failed;
    l->ended = l->now;
    LOG_INFO("pod.end", "why=\"%s\"", why);
}

static struct rec_lease own_lease(const struct rec_lease *r, struct arena *a)
{
    struct rec_lease x = *r;
    if (x.params.n)
        x.params.p = arena_copy(a, r->params.p, r->params.n);
    return x;
}

static void order_gang(struct link_thread *l, const struct link_effect *e)
{
    struct orders *o = orders_of(l);
    struct rec_lease *list = arena_alloc(o->arena, e->n_leases * sizeof *list);
    for (uint32_t i = 0; i < e->n_leases; i++)
        list[i] = own_lease(&e->leases[i], o->arena);
    orders_add(o, ORDER_GANG)->gang = (struct order_gang){.gang = e->gang,
                                                          .first_rank = e->first_rank,
                                                          .n_ranks = e->n_ranks,
                                                          .leases = list,
                                                          .n_leases = e->n_leases};
}

static void order_work(struct link_thread *l, const struct link_effect *e)
{
    struct orders *o = orders_of(l);
    for (uint32_t i = 0; i < e->n_leases; i++)
        orders_add(o, ORDER_LEASE)->lease = own_lease(&e->leases[i], o->arena);
}

static struct bin own_bytes(struct bin b, struct arena *a)
{
    return (struct bin){arena_copy(a, b.p, b.n), b.n};
}

static void order_job(struct link_thread *l, const struct message *m)
{
    struct orders *o = orders_of(l);
    orders_add(o, ORDER_JOB)->job = own_bytes(m->payload, o->arena);
}

static void order_serve(struct link_thread *l, const struct msg_serve *m)
{
    struct orders *o = orders_of(l);
    struct order *x = orders_add(o, ORDER_SERVE);
    x->serve = *m;
    x->serve.body = own_bytes(m->body, o->arena);
}

static void send_message(struct link_thread *l, const struct message *m)
{
    enum error e = channel_send(l->channel, 0, m);
    if (e)
        LOG_ERROR("link.unsent", "type=%s why=%s", message_name(m->type), error_name(e));
}

static void apply(struct link_thread *l, const struct link_effect *e)
{
    switch (e->type) {
    case LINK_EFFECT_SEND:
        send_message(l, e->message);
        break;
    case LINK_EFFECT_JOB:
        order_job(l, e->message);
        break;
    case LINK_EFFECT_FORGET:
        orders_add(orders_of(l), ORDER_FORGET)->number = e->job;
        break;
    case LINK_EFFECT_WORK:
        order_work(l, e);
        break;
    case LINK_EFFECT_GANG:
        order_gang(l, e);
        break;
    case LINK_EFFECT_SERVE:
        order_serve(l, &e->message->serve);
        break;
    case LINK_EFFECT_REVOKE:
        orders_add(orders_of(l), ORDER_REVOKE)->number = e->lease;
        break;
    case LINK_EFFECT_END:
        l->farewell = l->farewell || !e->failed;
        order_end(l, e->why, e->failed);
        break;
    }
}

static void step(struct link_thread *l, struct link_event *e)
{
    e->now = l->now;
    e->progress = atomic_load_explicit(&l->o.shared->progress, memory_order_relaxed);
    link_step(l->link, e, &l->fx);
    // At once: what a RESULT points to may go with the next step.
    for (uint32_t i = 0; i < l->fx.n; i++)
        apply(l, &l->fx.list[i]);
    l->fx.n = 0;
}

// ---- a turn ----------------------------------------------------------------------

static void drain_channel(struct link_thread *l)
{
    for (int i = 0; i < DRAIN_MAX; i++, l->n_taken++) {
        struct channel_peer peer;
        struct message m;
        struct errtext t;
        enum error e = channel_recv(l->channel, l->arena, &peer, &m, &t);
        if (e == ERR_AGAIN)
            return;
        if (e) {
            LOG_WARN("frame.refused", "why=\"%s\"", t.text);
            continue;
        }
        step(l, &(struct link_event){.type = LINK_EVENT_MESSAGE, .message = &m});
    }
}

static void take_report(struct link_thread *l, struct report *r)
{
    l->n_taken += r->n_results;
    for (uint32_t i = 0; i < r->n_logs; i++)
        step(l, &(struct link_event){.type = LINK_EVENT_LOG, .log = &r->logs[i]});
    if (r->served.n_pieces)
        step(l, &(struct link_event){.type = LINK_EVENT_SERVED, .served = &r->served});
    for (uint32_t i = 0; i < r->n_results; i++)
        step(l, &(struct link_event){.type = LINK_EVENT_RESULT, .result = &r->results[i]});
    for (uint32_t i = 0; i < r->n_dropped; i++)
        step(l, &(struct link_event){.type = LINK_EVENT_DROPPED, .lease = r->dropped[i]});
    for (uint32_t i = 0; i < r->n_gangs_done; i++)
        step(l, &(struct link_event){.type = LINK_EVENT_GANG_DONE, .gang = r->gangs_done[i]});
    for (struct orders *o = r->spent, *next; o; o = next) {
        next = o->next;
        o->next = l->free_orders;
        l->free_orders = o;
    }
    report_reset(r);
    r->next = l->spent;
    l->spent = r;
}

static void drain_mailbox(struct link_thread *l)
{
    struct report *r;
    while ((r = mailbox_take(l->to_link))) {
        l->stopping = l->stopping || (report_is_empty(r) && !r->spent);
        take_report(l, r);
    }
}

static void tell_working(struct link_thread *l)
{
    uint64_t now = atomic_load_explicit(&l->o.shared->working, memory_order_relaxed);
    if (now == l->working)
        return;
    l->working = now;
    step(l, &(struct link_event){.type = LINK_EVENT_STARTED, .lease = now});
}

static void say_goodbye(struct link_thread *l, const char *why)
{
    struct message m = {.type = MSG_GOODBYE};
    m.goodbye.why = str_of(why);
    if (!l->farewell)
        send_message(l, &m);
    l->farewell = true;
}

static void check_signals(struct link_thread *l)
{
    struct signalfd_siginfo info;
    if (read(l->signals, &info, sizeof info) != (ssize_t)sizeof info)
        return;
    const char *why = info.ssi_signo == SIGINT ? "interrupted" : "terminated";
    say_goodbye(l, why);
    order_end(l, why, false);
}

static bool can_wait(const struct link_thread *l)
{
    for (uint32_t i = 0; i < l->orders->n; i++)
        if (l->orders->list[i].type != ORDER_FORGET)
            return false;
    return l->now < l->orders_due;
}

static void hand_over(struct link_thread *l)
{
    if (!l->orders || can_wait(l))
        return;
    l->orders->spent = l->spent;
    l->spent = NULL;
    mailbox_send(l->o.to_main, l->orders);
    l->orders = NULL;
}

static void turn(struct link_thread *l)
{
    l->now = clock_now();
    l->n_taken = 0;
    if (l->ready & CHANNEL_INPUT)
        drain_channel(l);
    drain_mailbox(l);
    tell_working(l);
    step(l, &(struct link_event){.type = LINK_EVENT_TURN_END});
    bool congested = link_is_congested(l->link);
    if (congested != atomic_load_explicit(&l->o.shared->congested, memory_order_relaxed))
        atomic_store(&l->o.shared->congested, congested);
    if (!l->welcomed && link_is_welcome(l->link)) {
        l->welcomed = true;
        LOG_INFO("link.welcome", "endpoint=%s", l->o.endpoint);
    }
    channel_recv_release(l->channel);
    arena_reset(l->arena);
    l->fx = (struct link_effects){.arena = l->arena};
    hand_over(l);
}

static void wait_for_more(struct link_thread *l)
{
    struct mailbox *const mailboxes[] = {l->to_link};
    struct channel_beside beside = {&l->signals, 1, mailboxes, 1};
    int64_t deadline = link_next_deadline(l->link);
    if (l->ended && l->ended + GRACE < deadline)
        deadline = l->ended + GRACE;
    if (l->orders && l->orders_due < deadline)
        deadline = l->orders_due;
    l->now = clock_now();
    int64_t left = deadline == INT64_MAX ? -1 : deadline > l->now ? deadline - l->now : 0;
    int64_t spin = l->n_taken < BURST ? l->o.spin_ns : 0;
    l->ready = channel_wait_beside(l->channel, left, spin, &beside);
    l->now = clock_now();
    if (l->ready & CHANNEL_FD)
        check_signals(l);
    if (!(l->ready & CHANNEL_MONITOR))
        return;
    uint64_t peer;
    while (!channel_closed_peer(l->channel, &peer))
        continue; // it connects again by itself, and the coordinator asks WHO
    if (channel_is_denied(l->channel))
        order_end(l, "the coordinator does not accept our key", true);
}

static void *run(void *arg)
{
    struct link_thread *l = arg;
    for (;;) {
        turn(l);
        if (l->stopping)
            return NULL;
        wait_for_more(l);
        if (!l->ended || l->now - l->ended < GRACE)
            continue;
        LOG_ERROR("pod.hung", "the main thread did not come back within %" PRId64 " s",
                  GRACE / CLOCK_SECOND);
        _exit(EXIT_HUNG);
    }
}

// ---- life ------------------------------------------------------------------------

static enum error open_signals(struct link_thread *l, struct errtext *t)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    l->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return l->signals < 0 ? errtext_set(t, ERR_IO, "signalfd: %s", strerror(errno)) : OK;
}

static void destroy(struct link_thread *l)
{
    struct report *r;
    if (l->signals >= 0)
        (void)close(l->signals);
    while ((r = mailbox_take(l->to_link)))
        report_destroy(r);
    channel_close(l->channel);
    link_destroy(l->link);
    mailbox_destroy(l->to_link);
    orders_destroy(l->orders);
    orders_destroy(l->free_orders);
    report_destroy(l->spent);
    arena_destroy(l->arena);
    mem_free(l);
}

enum error link_thread_start(const struct link_thread_options *o,
                             struct link_thread **out,
                             struct errtext *t)
{
    struct link_thread *l = mem_alloc(sizeof *l);
    l->o = *o;
    l->signals = -1;
    l->ready = CHANNEL_INPUT;
    l->arena = arena_create();
    l->fx.arena = l->arena;
    l->to_link = mailbox_create();
    l->link = link_create(&o->link);
    enum error e = open_signals(l, t);
    if (!e)
        e = channel_connect(o->endpoint, o->key_dir, "worker", (struct bin){0}, &l->channel, t);
    int failed = e ? 0 : pthread_create(&l->thread, NULL, run, l);
    if (failed)
        e = errtext_set(t, ERR_IO, "cannot start a thread: %s", strerror(failed));
    if (e) {
        destroy(l);
        return e;
    }
    *out = l;
    return OK;
}

void link_thread_send(struct link_thread *l, struct report *r)
{
    mailbox_send(l->to_link, r);
}

void link_thread_stop(struct link_thread *l)
{
    if (!l)
        return;
    mailbox_send(l->to_link, report_create());
    (void)pthread_join(l->thread, NULL);
    say_goodbye(l, "the worker ends");
    destroy(l);
}
