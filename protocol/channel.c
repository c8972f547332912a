// SPDX-License-Identifier: MIT
#include "protocol/channel.h"

#include <assert.h>
#include <errno.h>
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
};

bool channel_broken(const struct channel *c)
{
    return zap_is_broken(c->zap);
}

bool channel_is_denied(const struct channel *c)
{
    return c->dealer ? dealer_is_denied(c->dealer) : c->denied;
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
    *peer = 0;
    if (c->dealer)
        return dealer_take_closed(c->dealer) ? OK : ERR_AGAIN;
    channel_drain_monitor(c);
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

// Header, payload and raw frame by libzmq.
static enum error send_frames(struct channel *c, uint64_t id, const struct bin *f, uint32_t n)
{
    enum error e = c->peers ? send_identity(c, id) : OK;
    c->quiet = false; // sending takes in what the I/O thread has to say
    for (uint32_t i = 0; !e && i < n; i++)
        if (!send_frame(c->socket, f[i].p, f[i].n, i + 1 < n ? ZMQ_SNDMORE : 0))
            e = ERR_CLOSED;
    return e;
}

enum error channel_send(struct channel *c, uint64_t peer, const struct message *m)
{
    enum error e = encode(c, m);
    const uint8_t *p = c->out.bytes;
    struct bin frames[] = {
        {p, FRAME_HEADER_SIZE},
        {p + FRAME_HEADER_SIZE, e ? 0 : (uint32_t)(c->out.n - FRAME_HEADER_SIZE)},
        m->raw,
    };
    uint32_t n = m->raw.n ? 3 : 2;
    if (!e)
        e = c->dealer ? dealer_send(c->dealer, frames, n) : send_frames(c, peer, frames, n);
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
    if (c->dealer)
        dealer_release(c->dealer);
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
decode(const struct dealer_message *f, struct arena *a, struct message *m, struct errtext *t)
{
    if (f->n < 2)
        return errtext_set(t, ERR_PROTO, "%u frames, expected a header and a payload", f->n);
    if (f->n > 3)
        return errtext_set(t, ERR_PROTO, "%u frames, at most 3", f->n);
    enum error e = codec_decode(f->frames[0], f->frames[1], a, m, t);
    if (e || f->n < 3)
        return e;
    if (f->frames[2].n > FRAME_RAW_MAX)
        return errtext_set(t, ERR_LIMIT, "%s: raw frame of %u bytes, at most %d",
                           message_name(m->type), f->frames[2].n, FRAME_RAW_MAX);
    m->raw = f->frames[2];
    return OK;
}

// By libzmq.
static enum error recv_parcel(struct channel *c,
                              struct arena *a,
                              struct channel_peer *peer,
                              struct message *m,
                              struct errtext *t)
{
    struct parcel p;
    enum error e = OK;
    if (!take_parcel(c, &p))
        return ERR_AGAIN;
    if (c->peers) {
        peer->role = role_of(c, p.n ? &p.header : &p.identity);
        peer->id = identify(c, &p, peer->role)->id;
        if (peer->role == ROLE_NONE)
            e = errtext_set(t, ERR_DENIED, "a connection without a key");
    }
    struct dealer_message f = {.n = p.n};
    f.frames[0] = bytes_of(&p.header);
    f.frames[1] = p.payload ? bytes_of(p.payload) : (struct bin){0};
    f.frames[2] = p.raw ? bytes_of(p.raw) : (struct bin){0};
    if (!e)
        e = decode(&f, a, m, t);
    (void)zmq_msg_close(&p.identity);
    (void)zmq_msg_close(&p.header);
    return e;
}

enum error channel_recv(struct channel *c,
                        struct arena *a,
                        struct channel_peer *peer,
                        struct message *m,
                        struct errtext *t)
{
    *m = (struct message){0};
    *peer = (struct channel_peer){0};
    if (channel_broken(c))
        return errtext_set(t, ERR_CLOSED, "the handler of new connections has ended");
    if (!c->dealer)
        return recv_parcel(c, a, peer, m, t);
    struct dealer_message f;
    enum error e = dealer_recv(c->dealer, &f);
    return e ? e : decode(&f, a, m, t);
}
