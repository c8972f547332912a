// SPDX-License-Identifier: MIT
// channel_wait.c - spin, then sleep, on a channel and what its owner names beside it.
#include <assert.h>
#include <poll.h>
#include <sched.h>

#include <zmq.h>

#include "common/clock.h"
#include "protocol/channel.h"
#include "protocol/channel_state.h"

enum {
    BESIDE_MAX = 13,
    // A busy channel looks at its monitor and at descriptors once in so many waits.
    FULL_LOOK_EVERY = 16,
};

// What a caller waits for: the channel, its monitor, what it named beside them,
// the end of the ZAP thread.
struct watch {
    struct channel *c;
    const struct channel_beside *beside;
    // Socket, monitor, beside->fds, beside->mailboxes, the ZAP thread.
    struct pollfd fds[2 + BESIDE_MAX + 1];
    uint32_t first_mailbox, n;
};

static void watch_add(struct watch *w, int fd)
{
    w->fds[w->n++] = (struct pollfd){.fd = fd, .events = POLLIN};
}

static void watch_init(struct watch *w, struct channel *c, const struct channel_beside *beside)
{
    assert(beside->n_fds + beside->n_mailboxes <= BESIDE_MAX);
    w->c = c;
    w->beside = beside;
    w->n = 0;
    watch_add(w, c->dealer ? dealer_fd(c->dealer) : c->socket_fd);
    watch_add(w, c->dealer ? -1 : c->monitor_fd);
    for (uint32_t i = 0; i < beside->n_fds; i++)
        watch_add(w, beside->fds[i]);
    w->first_mailbox = w->n;
    for (uint32_t i = 0; i < beside->n_mailboxes; i++)
        watch_add(w, mailbox_fd(beside->mailboxes[i]));
    if (c->zap) // wakes the caller, who finds channel_broken
        watch_add(w, zap_fd(c->zap));
}

static bool socket_has_input(void *socket)
{
    int events = 0;
    size_t size = sizeof events;
    return zmq_getsockopt(socket, ZMQ_EVENTS, &events, &size) == 0 && (events & ZMQ_POLLIN);
}

static bool has_input(struct channel *c)
{
    return c->dealer ? dealer_has_input(c->dealer) : socket_has_input(c->socket);
}

// Hints that channel_recv found on its way too.
static bool has_closed(const struct channel *c)
{
    if (c->dealer)
        return dealer_has_closed(c->dealer);
    return c->monitor_due || (c->peers ? peers_has_closed(c->peers) : c->closed_hint);
}

static uint32_t mail(const struct watch *w)
{
    for (uint32_t i = 0; i < w->beside->n_mailboxes; i++)
        if (!mailbox_is_empty(w->beside->mailboxes[i]))
            return CHANNEL_MAIL;
    return 0;
}

// What costs little: no descriptors.
static uint32_t glance(const struct watch *w)
{
    struct channel *c = w->c;
    uint32_t ready = mail(w);
    if ((c->dealer || !c->quiet) && has_input(c))
        ready |= CHANNEL_INPUT;
    c->quiet = !(ready & CHANNEL_INPUT);
    if (has_closed(c))
        ready |= CHANNEL_MONITOR;
    return ready;
}

// What poll said of the descriptors.
static uint32_t gather(struct watch *w)
{
    struct channel *c = w->c;
    uint32_t ready = 0;
    if (w->fds[0].revents && c->dealer)
        dealer_polled(c->dealer, w->fds[0].revents);
    else if (w->fds[0].revents)
        c->quiet = false;
    if (w->fds[1].revents && socket_has_input(c->monitor))
        c->monitor_due = true;
    for (uint32_t i = 0; i < w->beside->n_fds; i++)
        ready |= w->fds[2 + i].revents ? (uint32_t)CHANNEL_FD << i : 0;
    return ready | glance(w);
}

// What a client has to say leaves before it waits, and its descriptor may change.
static void prepare(struct watch *w)
{
    struct dealer *d = w->c->dealer;
    if (!d)
        return;
    dealer_pump(d);
    w->fds[0] = (struct pollfd){.fd = dealer_fd(d), .events = dealer_events(d)};
}

static uint32_t look_around(struct watch *w)
{
    return poll(w->fds, w->n, 0) >= 0 ? gather(w) : glance(w);
}

static bool doze(struct watch *w)
{
    for (uint32_t i = 0; i < w->beside->n_mailboxes; i++) {
        if (mailbox_doze(w->beside->mailboxes[i]))
            continue;
        while (i-- > 0)
            mailbox_rouse(w->beside->mailboxes[i], false);
        return false;
    }
    return true;
}

static void rouse(struct watch *w)
{
    for (uint32_t i = 0; i < w->beside->n_mailboxes; i++)
        mailbox_rouse(w->beside->mailboxes[i], w->fds[w->first_mailbox + i].revents != 0);
}

// One sleep, until `end` at most.  What ppoll returned.
static int sleep_once(struct watch *w, int64_t end)
{
    int64_t left = end == INT64_MAX ? 0 : end - clock_now();
    struct timespec ts = {left > 0 ? left / CLOCK_SECOND : 0,
                          left > 0 ? left % CLOCK_SECOND : 0};
    int n = ppoll(w->fds, w->n, end == INT64_MAX ? NULL : &ts, NULL);
    if (n <= 0) // or a signal, which may mean something to the caller
        for (uint32_t i = 0; i < w->n; i++)
            w->fds[i].revents = 0;
    return n;
}

// libzmq's descriptors tell of what comes after its events were asked for in vain,
// and of nothing before: so they can be slept on while the channel is quiet, as it is
// after a glance that found nothing (zmq_poll does the same, with three times the
// system calls).
static uint32_t sleep_while_quiet(struct watch *w, int64_t until)
{
    for (;;) {
        prepare(w);
        // A client's own business wakes it too, and is not the caller's.
        int64_t due = w->c->dealer ? dealer_due(w->c->dealer) : INT64_MAX;
        if (!doze(w))
            return CHANNEL_MAIL;
        int n = sleep_once(w, due < until ? due : until);
        rouse(w);
        uint32_t ready = n > 0 ? gather(w) : 0;
        bool broken = w->c->zap && w->fds[w->n - 1].revents;
        if (ready || broken || n < 0 || clock_now() >= until)
            return ready;
    }
}

// Whether spinning pays changes with the load: what comes within spin_ns brings it
// back, every wait that was longer halves it.
static void learn(struct channel *c, int64_t waited, int64_t spin_ns)
{
    if (waited > spin_ns)
        c->spin_share = c->spin_share > 1 ? c->spin_share / 2 : 1;
    else if (c->spin_share < CHANNEL_SPIN_WHOLE)
        c->spin_share *= 2;
}

static uint32_t
spin_then_sleep(struct channel *c, struct watch *w, int64_t timeout_ns, int64_t spin_ns)
{
    int64_t start = clock_now();
    int64_t budget = spin_ns / CHANNEL_SPIN_WHOLE * c->spin_share;
    int64_t waited = 0;
    uint32_t ready = 0;

    if (timeout_ns >= 0 && budget > timeout_ns)
        budget = timeout_ns;
    while (!ready && waited < budget) {
        (void)sched_yield();
        c->quiet = false;
        if (c->dealer)
            dealer_look(c->dealer);
        ready = glance(w);
        waited = clock_now() - start;
    }
    if (!ready && (timeout_ns < 0 || timeout_ns > waited)) {
        ready = sleep_while_quiet(w, timeout_ns < 0 ? INT64_MAX : start + timeout_ns);
        waited = clock_now() - start;
    }
    if (spin_ns > 0)
        learn(c, ready ? waited : INT64_MAX, spin_ns);
    return ready;
}

uint32_t channel_wait_beside(struct channel *c,
                             int64_t timeout_ns,
                             int64_t spin_ns,
                             const struct channel_beside *beside)
{
    struct watch w;

    watch_init(&w, c, beside);
    prepare(&w);
    bool whole = timeout_ns == 0 || ++c->n_waits % FULL_LOOK_EVERY == 0;
    uint32_t ready = whole ? look_around(&w) : glance(&w);
    return ready || timeout_ns == 0 ? ready : spin_then_sleep(c, &w, timeout_ns, spin_ns);
}

uint32_t channel_wait(
    struct channel *c, int64_t timeout_ns, int64_t spin_ns, const int *fds, uint32_t n_fds)
{
    struct channel_beside beside = {.fds = fds, .n_fds = n_fds};
    return channel_wait_beside(c, timeout_ns, spin_ns, &beside);
}
