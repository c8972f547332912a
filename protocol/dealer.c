// SPDX-License-Identifier: MIT
#include "protocol/dealer.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/mem.h"
#include "protocol/frame.h"
#include "protocol/zmtp.h"

enum {
    BLOCK_BYTES = 64 * 1024,
    // Less room than this is not worth a read.
    ROOM_MIN = 8 * 1024,
    // A message: header, payload, raw frame, and what nobody asked for.
    MESSAGE_MAX = FRAME_PAYLOAD_MAX + FRAME_RAW_MAX + BLOCK_BYTES,
    FRAMES_MAX = 16, // in it; they are parsed again with every read
    OUT_MAX = 1024 * 1024 * 1024,
    OUT_KEPT = 1024 * 1024,
};
#define RECONNECT_NS     (10 * CLOCK_MS) // workers often start before their coordinator
#define RECONNECT_MAX_NS (500 * CLOCK_MS)
#define HANDSHAKE_NS     (10 * CLOCK_SECOND)
#define LINGER_NS        (100 * CLOCK_MS) // a GOODBYE sent just before the end still leaves

enum state { CLOSED, GREETING, HANDSHAKE, OPEN };

// What was read.  A message lies in one block, so that its frames need no copy.
struct block {
    struct block *next;
    size_t size, n;
    size_t at;      // parsed up to here
    size_t message; // where the last message began
    uint8_t bytes[];
};

struct dealer {
    struct sockaddr_un address;
    struct buf hello; // greeting and READY
    enum state state;
    int fd;
    int64_t due; // CLOSED: when to connect; handshake: when to give up
    int64_t pause;
    struct block *first, *current; // the ones before `current` are borrowed from
    bool dry;                      // the last read left nothing behind
    bool ended, denied;
    struct buf out;
    size_t out_at;
    struct buf first_out; // of the handshake, goes before `out`
    size_t first_at;
};

// ---- the connection ------------------------------------------------------------

static void set_state(struct dealer *d, enum state s)
{
    d->state = s;
    d->due = s == OPEN ? INT64_MAX : clock_now() + HANDSHAKE_NS;
    d->pause = s == OPEN ? RECONNECT_NS : d->pause;
}

static void disconnect(struct dealer *d)
{
    if (d->fd >= 0)
        (void)close(d->fd);
    d->fd = -1;
    if (d->state == OPEN) { // nobody knows what of it arrived
        buf_reset(&d->out);
        d->out_at = 0;
        d->ended = true;
    }
    d->state = CLOSED;
    d->current->at = d->current->n; // half a message
    d->due = clock_now() + d->pause;
    d->pause = d->pause * 2 < RECONNECT_MAX_NS ? d->pause * 2 : RECONNECT_MAX_NS;
}

static void connect_now(struct dealer *d)
{
    d->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    d->dry = false;
    if (d->fd < 0
        || connect(d->fd, (const struct sockaddr *)&d->address, sizeof d->address) != 0) {
        disconnect(d);
        return;
    }
    buf_reset(&d->first_out);
    buf_put(&d->first_out, d->hello.bytes, ZMTP_GREETING_SIZE);
    d->first_at = 0;
    set_state(d, GREETING);
}

// ---- output --------------------------------------------------------------------

// False: not all of it could be sent now.
static bool send_some(struct dealer *d, struct buf *b, size_t *at)
{
    while (*at < b->n) {
        ssize_t n = send(d->fd, b->bytes + *at, b->n - *at, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return false;
        if (n < 0) { // the other end is gone; what it said last is still to be read
            d->dry = false;
            break;
        }
        *at += (size_t)n;
    }
    *at = 0;
    if (b->cap > OUT_KEPT)
        buf_fini(b);
    buf_reset(b);
    return true;
}

static void flush(struct dealer *d)
{
    if (d->first_out.n && !send_some(d, &d->first_out, &d->first_at))
        return;
    if (d->state == OPEN && d->out.n)
        (void)send_some(d, &d->out, &d->out_at);
}

// What was sent of a long queue makes room.
static void shift(struct dealer *d)
{
    if (d->out_at < OUT_KEPT || d->out_at < d->out.n / 2)
        return;
    d->out.n -= d->out_at;
    memmove(d->out.bytes, d->out.bytes + d->out_at, d->out.n);
    d->out_at = 0;
}

enum error dealer_send(struct dealer *d, const struct bin *frames, uint32_t n)
{
    size_t before = d->out.n;
    for (uint32_t i = 0; i < n; i++) {
        zmtp_put_head(&d->out, frames[i].n, i + 1 < n ? ZMTP_MORE : 0);
        buf_put(&d->out, frames[i].p, frames[i].n);
    }
    if (!d->out.full)
        return OK;
    d->out.n = before;
    d->out.full = false;
    return ERR_LIMIT;
}

void dealer_pump(struct dealer *d)
{
    if (d->state != OPEN && clock_now() >= d->due) {
        if (d->state != CLOSED)
            disconnect(d);
        else
            connect_now(d);
    }
    if (d->fd >= 0)
        flush(d);
    shift(d);
}

// ---- input ---------------------------------------------------------------------

// NULL: no memory.
static struct block *block_create(size_t size)
{
    struct block *b = mem_try(sizeof *b + size, sizeof *b + MESSAGE_MAX + BLOCK_BYTES);
    if (b)
        *b = (struct block){.size = size};
    return b;
}

// Room for a message of `need` bytes of which some are there, and for a read.  False:
// no memory.
static bool make_room(struct dealer *d, size_t need)
{
    struct block *b = d->current;
    size_t part = b->n - b->at;
    size_t more = need > part ? need - part : 0;
    if (b->size - b->n >= (more > ROOM_MIN ? more : ROOM_MIN))
        return true;
    struct block *next =
        block_create(need > BLOCK_BYTES / 2 ? need + BLOCK_BYTES : BLOCK_BYTES);
    if (!next)
        return false;
    memcpy(next->bytes, b->bytes + b->at, part);
    next->n = part;
    b->n = b->at;
    b->next = next;
    d->current = next;
    return true;
}

// One read.  False: nothing came.
static bool read_some(struct dealer *d, size_t need)
{
    if (d->dry || d->fd < 0)
        return false;
    if (!make_room(d, need)) {
        disconnect(d);
        return false;
    }
    struct block *b = d->current;
    size_t room = b->size - b->n;
    ssize_t n;
    do
        n = recv(d->fd, b->bytes + b->n, room, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    d->dry = n < (ssize_t)room;
    if (n == 0 || (n < 0 && errno != EAGAIN))
        disconnect(d);
    if (n <= 0)
        return false;
    b->n += (size_t)n;
    return true;
}

// A message of the other end's that is none of ours.
static enum error on_command(struct dealer *d, const struct zmtp_frame *f)
{
    if (d->state == OPEN) {
        if (zmtp_is_command(f, "PING"))
            zmtp_put_pong(&d->out, f->body);
        return OK;
    }
    if (!zmtp_is_command(f, "READY"))
        return ERR_PROTO; // ERROR, most of all
    set_state(d, OPEN);
    return OK;
}

static enum error on_greeting(struct dealer *d, size_t *need)
{
    struct block *b = d->current;
    *need = ZMTP_GREETING_SIZE;
    if (b->n - b->at < ZMTP_GREETING_SIZE)
        return ERR_AGAIN;
    if (zmtp_check_greeting(b->bytes + b->at))
        return ERR_PROTO;
    b->at += ZMTP_GREETING_SIZE;
    buf_put(&d->first_out, d->hello.bytes + ZMTP_GREETING_SIZE,
            d->hello.n - ZMTP_GREETING_SIZE);
    set_state(d, HANDSHAKE);
    return OK;
}

// The first message in the block.  ERR_AGAIN: *need bytes are not all there.
static enum error parse(struct dealer *d, struct dealer_message *m, size_t *need)
{
    struct block *b = d->current;
    size_t at = b->message = b->at;
    m->n = 0;
    for (;;) {
        struct zmtp_frame f;
        enum error e = zmtp_read(b->bytes + at, b->n - at, FRAME_PAYLOAD_MAX, &f);
        *need = at - b->at + f.size;
        if (!e && (*need > MESSAGE_MAX || m->n == FRAMES_MAX))
            e = ERR_LIMIT;
        if (e)
            return e;
        at += f.size;
        if (f.flags & ZMTP_COMMAND) {
            b->at = at;
            return m->n ? ERR_PROTO : on_command(d, &f);
        }
        if (d->state != OPEN)
            return ERR_PROTO;
        if (m->n < DEALER_FRAMES)
            m->frames[m->n] = f.body;
        m->n++;
        if (f.flags & ZMTP_MORE)
            continue;
        b->at = at;
        return OK;
    }
}

static enum error step(struct dealer *d, struct dealer_message *m, size_t *need)
{
    m->n = 0;
    *need = 0;
    if (d->state == CLOSED)
        return ERR_AGAIN;
    return d->state == GREETING ? on_greeting(d, need) : parse(d, m, need);
}

enum error dealer_recv(struct dealer *d, struct dealer_message *m)
{
    for (;;) {
        size_t need;
        enum error e = step(d, m, &need);
        if (!e && m->n)
            return OK;
        if (e == ERR_AGAIN && !read_some(d, need))
            return ERR_AGAIN;
        if (e && e != ERR_AGAIN) {
            d->denied = d->denied || d->state != OPEN;
            disconnect(d);
            return ERR_AGAIN;
        }
        if (!e)
            flush(d); // of the handshake
    }
}

bool dealer_has_input(struct dealer *d)
{
    struct dealer_message m;
    if (dealer_recv(d, &m))
        return false;
    d->current->at = d->current->message;
    return true;
}

void dealer_release(struct dealer *d)
{
    while (d->first != d->current) {
        struct block *b = d->first;
        d->first = b->next;
        mem_free(b);
    }
    struct block *b = d->current;
    if (b->at < b->n)
        return;
    b->at = b->n = 0;
    struct block *small = b->size > BLOCK_BYTES ? block_create(BLOCK_BYTES) : NULL;
    if (small) {
        mem_free(b);
        d->first = d->current = small;
    }
}

// ---- waiting -------------------------------------------------------------------

int dealer_fd(const struct dealer *d)
{
    return d->fd;
}

bool dealer_is_idle(const struct dealer *d)
{
    return d->state == OPEN && !d->out.n && !d->first_out.n;
}

short dealer_events(const struct dealer *d)
{
    bool waits = d->first_out.n || (d->state == OPEN && d->out.n);
    return (short)(waits ? POLLIN | POLLOUT : POLLIN);
}

int64_t dealer_due(const struct dealer *d)
{
    return d->due;
}

void dealer_polled(struct dealer *d, short events)
{
    if (events & ~POLLOUT)
        d->dry = false;
    if (events & POLLOUT)
        flush(d);
}

void dealer_look(struct dealer *d)
{
    d->dry = false;
}

bool dealer_has_closed(const struct dealer *d)
{
    return d->ended;
}

bool dealer_take_closed(struct dealer *d)
{
    bool ended = d->ended;
    d->ended = false;
    return ended;
}

bool dealer_is_denied(const struct dealer *d)
{
    return d->denied;
}

// ---- life ----------------------------------------------------------------------

enum error
dealer_open(const char *path, struct bin identity, struct dealer **out, struct errtext *t)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof a.sun_path)
        return errtext_set(t, ERR_INVALID, "%s: a socket's path has at most %zu bytes", path,
                           sizeof a.sun_path - 1);
    memcpy(a.sun_path, path, strlen(path));
    struct dealer *d = mem_alloc(sizeof *d);
    d->address = a;
    d->fd = -1;
    d->pause = RECONNECT_NS;
    buf_init(&d->hello, BLOCK_BYTES);
    buf_init(&d->first_out, BLOCK_BYTES);
    buf_init(&d->out, OUT_MAX);
    zmtp_put_greeting(&d->hello);
    zmtp_put_ready(&d->hello, identity);
    d->first = d->current = mem_alloc(sizeof *d->first + BLOCK_BYTES);
    d->first->size = BLOCK_BYTES;
    connect_now(d);
    flush(d);
    *out = d;
    return OK;
}

// As long as the other end takes it.
static void linger(struct dealer *d)
{
    int64_t until = clock_now() + LINGER_NS;
    struct dealer_message m;
    while (d->state != CLOSED && d->out.n) {
        int64_t left = until - clock_now();
        struct pollfd p = {.fd = d->fd, .events = dealer_events(d)};
        if (left <= 0 || poll(&p, 1, (int)(left / CLOCK_MS) + 1) < 0)
            break;
        dealer_polled(d, p.revents);
        while (!dealer_recv(d, &m))
            dealer_release(d);
        dealer_pump(d);
    }
}

void dealer_close(struct dealer *d)
{
    if (!d)
        return;
    dealer_pump(d);
    linger(d);
    if (d->fd >= 0)
        (void)close(d->fd);
    for (struct block *b = d->first, *next; b; b = next) {
        next = b->next;
        mem_free(b);
    }
    buf_fini(&d->hello);
    buf_fini(&d->first_out);
    buf_fini(&d->out);
    mem_free(d);
}
