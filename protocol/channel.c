// SPDX-License-Identifier: MIT
#include "protocol/channel.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <string.h>

#include <zmq.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/mem.h"
#include "common/version.h"
#include "protocol/channel_state.h"
#include "protocol/codec.h"
#include "protocol/frame.h"

enum {
    // An encoding buffer that grew beyond this is given back.
    OUT_KEPT = 256 * 1024,
    BESIDE_MAX = 13,
    // A busy channel looks at its monitor and at descriptors once in so many waits.
    FULL_LOOK_EVERY = 16,
};

bool channel_broken(const struct channel *c)
{
    return zap_is_broken(c->zap);
}

bool channel_is_denied(const struct channel *c)
{
    return c->denied;
}

// ---- the monitor ------------------------------------------------------------

// Two frames an event: u16 event and u32 value in the machine's order, address.
void channel_drain_monitor(struct channel *c)
{
    uint8_t event[6];
    c->monitor_due = false;
    while (zmq_recv(c->monitor, event, sizeof event, ZMQ_DONTWAIT) == (int)sizeof event) {
        uint16_t type;
        int32_t value;
        char address[1];
        memcpy(&type, event, sizeof type);
        memcpy(&value, event + 2, sizeof value);
        (void)zmq_recv(c->monitor, address, sizeof address, ZMQ_DONTWAIT);
        if (type == ZMQ_EVENT_ACCEPTED)
            peers_open_fd(c->peers, value);
        else if (type != ZMQ_EVENT_DISCONNECTED)
            c->denied = true;
        else if (c->peers)
            peers_close_fd(c->peers, value);
        else
            c->closed_hint = true;
    }
}

enum error channel_closed_peer(struct channel *c, uint64_t *peer)
{
    channel_drain_monitor(c);
    *peer = 0;
    if (c->peers)
        return peers_next_closed(c->peers, peer) ? OK : ERR_AGAIN;
    bool hint = c->closed_hint;
    c->closed_hint = false;
    return hint ? OK : ERR_AGAIN;
}

// ---- sending ----------------------------------------------------------------

static bool send_frame(void *socket, const void *p, size_t n, int flags)
{
    int sent;
    do
        sent = zmq_send(socket, p, n, flags | ZMQ_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    return sent >= 0;
}

static enum error send_identity(struct channel *c, uint64_t id)
{
    const struct peer *peer = peers_get(c->peers, id);
    if (!peer)
        return ERR_CLOSED;
    if (!send_frame(c->socket, peer->identity, peer->n_identity, ZMQ_SNDMORE)) {
        peers_remove(c->peers, id);
        return ERR_CLOSED;
    }
    return OK;
}

static enum error encode(struct channel *c, const struct message *m)
{
    buf_reset(&c->out);
    (void)buf_reserve(&c->out, FRAME_HEADER_SIZE);
    codec_encode(m, &c->out);
    if (c->out.full || m->raw.n > FRAME_RAW_MAX)
        return ERR_LIMIT;
    frame_put_header(
        &(struct frame_header){
            .version = WIRE_VERSION,
            .type = (uint16_t)m->type,
            .flags = m->flags,
            .id = m->id,
            .length = (uint32_t)(c->out.n - FRAME_HEADER_SIZE),
        },
        c->out.bytes);
    return OK;
}

enum error channel_send(struct channel *c, uint64_t peer, const struct message *m)
{
    enum error e = encode(c, m);
    if (!e && c->peers)
        e = send_identity(c, peer);
    const uint8_t *p = c->out.bytes;
    c->quiet = false; // sending takes in what the I/O thread has to say
    if (!e
        && (!send_frame(c->socket, p, FRAME_HEADER_SIZE, ZMQ_SNDMORE)
            || !send_frame(c->socket, p + FRAME_HEADER_SIZE, c->out.n - FRAME_HEADER_SIZE,
                           m->raw.n ? ZMQ_SNDMORE : 0)
            || (m->raw.n && !send_frame(c->socket, m->raw.p, m->raw.n, 0))))
        e = ERR_CLOSED;
    if (c->out.cap > OUT_KEPT)
        buf_fini(&c->out);
    return e;
}

// ---- receiving --------------------------------------------------------------

// -1: nothing there; 1: more frames of the same message follow; 0: the last one.
static int receive(void *socket, zmq_msg_t *m)
{
    int n;
    do
        n = zmq_msg_recv(m, socket, ZMQ_DONTWAIT);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -1 : zmq_msg_more(m);
}

// The place for the next message to hold; it counts once `n_current` does.
static zmq_msg_t *hold_slot(struct channel *c)
{
    if (c->n_current == CHANNEL_BLOCK) {
        if (!c->current->next)
            c->current->next = mem_alloc(sizeof *c->current);
        c->current = c->current->next;
        c->n_current = 0;
    }
    zmq_msg_t *m = &c->current->messages[c->n_current++];
    (void)zmq_msg_init(m);
    return m;
}

void channel_recv_release(struct channel *c)
{
    for (struct channel_block *b = c->first;; b = b->next) {
        uint32_t n = b == c->current ? c->n_current : CHANNEL_BLOCK;
        for (uint32_t i = 0; i < n; i++)
            (void)zmq_msg_close(&b->messages[i]);
        if (b == c->current)
            break;
    }
    c->current = c->first;
    c->n_current = 0;
}

// One multipart message.  All frames are taken in; those beyond the third are
// dropped and counted.
struct parcel {
    zmq_msg_t identity;
    zmq_msg_t header;
    zmq_msg_t *payload;
    zmq_msg_t *raw; // NULL: none
    uint32_t n;     // frames behind the identity
};

static int drop_frame(void *socket)
{
    zmq_msg_t dropped;
    (void)zmq_msg_init(&dropped);
    int more = receive(socket, &dropped);
    (void)zmq_msg_close(&dropped);
    return more;
}

static int take_frame(struct channel *c, struct parcel *p)
{
    switch (p->n++) {
    case 0:
        return receive(c->socket, &p->header);
    case 1:
        p->payload = hold_slot(c);
        return receive(c->socket, p->payload);
    case 2:
        p->raw = hold_slot(c);
        return receive(c->socket, p->raw);
    default:
        return drop_frame(c->socket);
    }
}

static bool take_parcel(struct channel *c, struct parcel *p)
{
    p->payload = p->raw = NULL;
    p->n = c->peers ? 0 : 1; // a client sees no identity: the header comes first
    (void)zmq_msg_init(&p->identity);
    (void)zmq_msg_init(&p->header);
    int more = receive(c->socket, c->peers ? &p->identity : &p->header);
    c->quiet = more < 0;
    if (more < 0)
        return false;
    while (more > 0)
        more = take_frame(c, p);
    return true;
}

static enum role role_of(const struct channel *c, zmq_msg_t *m)
{
    if (!c->zap)
        return ROLE_WORKER; // ipc only
    const char *user = zmq_msg_gets(m, "User-Id");
    if (user && *user)
        return role_parse(user);
    return c->has_ipc ? ROLE_WORKER : ROLE_NONE;
}

// `m`: any frame behind the identity, it knows its connection.
static const struct peer *identify(struct channel *c, struct parcel *p, enum role role)
{
    const void *identity = zmq_msg_data(&p->identity);
    size_t n = zmq_msg_size(&p->identity);
    const struct peer *peer = peers_find(c->peers, identity, n);

    if (peer && !peer->closed && peer->role == role)
        return peer;
    int fd = zmq_msg_get(&p->header, ZMQ_SRCFD);
    // Descriptors come back quickly: learn first which ones were closed.
    channel_drain_monitor(c);
    peer = peers_find(c->peers, identity, n);
    if (peer && peers_owns_fd(c->peers, peer, fd) && peer->role == role)
        return peer; // was under way when the connection closed
    return peers_add(c->peers, identity, n, fd, role);
}

static struct bin bytes_of(zmq_msg_t *m)
{
    return (struct bin){zmq_msg_data(m), (uint32_t)zmq_msg_size(m)};
}

static enum error
decode(struct parcel *p, struct arena *a, struct message *m, struct errtext *t)
{
    if (p->n < 2)
        return errtext_set(t, ERR_PROTO, "%u frames, expected a header and a payload", p->n);
    if (p->n > 3)
        return errtext_set(t, ERR_PROTO, "%u frames, at most 3", p->n);
    enum error e = codec_decode(bytes_of(&p->header), bytes_of(p->payload), a, m, t);
    if (e || !p->raw)
        return e;
    if (zmq_msg_size(p->raw) > FRAME_RAW_MAX)
        return errtext_set(t, ERR_LIMIT, "%s: raw frame of %zu bytes, at most %d",
                           message_name(m->type), zmq_msg_size(p->raw), FRAME_RAW_MAX);
    m->raw = bytes_of(p->raw);
    return OK;
}

enum error channel_recv(struct channel *c,
                        struct arena *a,
                        struct channel_peer *peer,
                        struct message *m,
                        struct errtext *t)
{
    struct parcel p;
    enum error e = OK;

    *m = (struct message){0};
    *peer = (struct channel_peer){0};
    if (channel_broken(c))
        return errtext_set(t, ERR_CLOSED, "the handler of new connections has ended");
    if (!take_parcel(c, &p))
        return ERR_AGAIN;
    if (c->peers) {
        peer->role = role_of(c, p.n ? &p.header : &p.identity);
        peer->id = identify(c, &p, peer->role)->id;
        if (peer->role == ROLE_NONE)
            e = errtext_set(t, ERR_DENIED, "a connection without a key");
    }
    if (!e)
        e = decode(&p, a, m, t);
    (void)zmq_msg_close(&p.identity);
    (void)zmq_msg_close(&p.header);
    return e;
}

// ---- waiting ----------------------------------------------------------------

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
    watch_add(w, c->socket_fd);
    watch_add(w, c->monitor_fd);
    for (uint32_t i = 0; i < beside->n_fds; i++)
        watch_add(w, beside->fds[i]);
    w->first_mailbox = w->n;
    for (uint32_t i = 0; i < beside->n_mailboxes; i++)
        watch_add(w, mailbox_fd(beside->mailboxes[i]));
    if (c->zap) // wakes the caller, who finds channel_broken
        watch_add(w, zap_fd(c->zap));
}

static bool has_input(void *socket)
{
    int events = 0;
    size_t size = sizeof events;
    return zmq_getsockopt(socket, ZMQ_EVENTS, &events, &size) == 0 && (events & ZMQ_POLLIN);
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
    if (!c->quiet && has_input(c->socket))
        ready |= CHANNEL_INPUT;
    c->quiet = !(ready & CHANNEL_INPUT);
    // Hints that channel_recv took from the monitor on its way.
    if (c->monitor_due || (c->peers ? peers_has_closed(c->peers) : c->closed_hint))
        ready |= CHANNEL_MONITOR;
    return ready;
}

// What poll said of the descriptors.
static uint32_t gather(struct watch *w)
{
    struct channel *c = w->c;
    uint32_t ready = 0;
    if (w->fds[0].revents)
        c->quiet = false;
    if (w->fds[1].revents && has_input(c->monitor))
        c->monitor_due = true;
    for (uint32_t i = 0; i < w->beside->n_fds; i++)
        ready |= w->fds[2 + i].revents ? (uint32_t)CHANNEL_FD << i : 0;
    return ready | glance(w);
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

// libzmq's descriptors tell of what comes after its events were asked for in vain,
// and of nothing before: so they can be slept on while the channel is quiet, as it is
// after a glance that found nothing (zmq_poll does the same, with three times the
// system calls).
static uint32_t sleep_while_quiet(struct watch *w, int64_t until)
{
    for (;;) {
        int64_t left = until == INT64_MAX ? 0 : until - clock_now();
        struct timespec ts = {left / CLOCK_SECOND, left % CLOCK_SECOND};
        if (left < 0)
            return 0;
        if (!doze(w))
            return CHANNEL_MAIL;
        int n = ppoll(w->fds, w->n, until == INT64_MAX ? NULL : &ts, NULL);
        if (n <= 0) // or a signal, which may mean something to the caller
            for (uint32_t i = 0; i < w->n; i++)
                w->fds[i].revents = 0;
        rouse(w);
        uint32_t ready = n > 0 ? gather(w) : 0;
        bool broken = w->c->zap && w->fds[w->n - 1].revents;
        if (ready || broken || n <= 0)
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
