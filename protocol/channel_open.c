// SPDX-License-Identifier: MIT
// The first and the last hour of a channel: sockets, keys, endpoints.
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>

#include <zmq.h>

#include "common/clock.h"
#include "common/mem.h"
#include "protocol/channel.h"
#include "protocol/channel_state.h"
#include "protocol/frame.h"
#include "protocol/keys.h"

enum {
    IDENTITY_MAX = 16,
    // ROUTER or DEALER, two ends of its monitor, ZAP handler, its self-test; and
    // room, since libzmq keeps a slot each for its own threads.
    SOCKETS_MAX = 16,
    HANDSHAKE_MS = 10000,
    RECONNECT_MS = 10, // workers often start before their coordinator
    RECONNECT_MAX_MS = 500,
    KEEPALIVE_S = 30, // a host that vanished is noticed some day
    LINGER_MS = 100,  // a GOODBYE sent just before the end still leaves
};

static enum error zmq_error(struct errtext *t, enum error e, const char *what)
{
    return errtext_set(t, e, "%s: %s", what, zmq_strerror(errno));
}

static bool set_int(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof value) == 0;
}

static bool set_common(void *s)
{
    int64_t size_max = FRAME_PAYLOAD_MAX;
    return set_int(s, ZMQ_SNDHWM, 0) && set_int(s, ZMQ_RCVHWM, CHANNEL_RECEIVE_HWM)
           && set_int(s, ZMQ_LINGER, LINGER_MS) && set_int(s, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS)
           && set_int(s, ZMQ_TCP_KEEPALIVE, 1)
           && set_int(s, ZMQ_TCP_KEEPALIVE_IDLE, KEEPALIVE_S)
           && zmq_setsockopt(s, ZMQ_MAXMSGSIZE, &size_max, sizeof size_max) == 0;
}

static bool open_monitor(struct channel *c, int events)
{
    static const char name[] = "inproc://monitor";
    if (zmq_socket_monitor(c->socket, name, events) != 0)
        return false;
    c->monitor = zmq_socket(c->context, ZMQ_PAIR);
    if (!c->monitor || !set_int(c->monitor, ZMQ_LINGER, 0)
        || zmq_connect(c->monitor, name) != 0)
        return false;
    size_t size = sizeof c->socket_fd;
    if (zmq_getsockopt(c->socket, ZMQ_FD, &c->socket_fd, &size) != 0
        || zmq_getsockopt(c->monitor, ZMQ_FD, &c->monitor_fd, &size) != 0)
        return false;
    channel_drain_monitor(c); // from now on its descriptor tells of events
    return true;
}

static enum error open_socket(struct channel *c, int type, int events, struct errtext *t)
{
    c->context = zmq_ctx_new();
    if (!c->context || zmq_ctx_set(c->context, ZMQ_MAX_SOCKETS, SOCKETS_MAX) != 0)
        return zmq_error(t, ERR_IO, "zmq context");
    c->socket = zmq_socket(c->context, type);
    if (!c->socket || !set_common(c->socket) || !open_monitor(c, events))
        return zmq_error(t, ERR_IO, "zmq socket");
    return OK;
}

static struct channel *create(void)
{
    struct channel *c = mem_alloc(sizeof *c);
    buf_init(&c->out, FRAME_HEADER_SIZE + FRAME_PAYLOAD_MAX);
    c->first = c->current = mem_alloc(sizeof *c->first);
    c->spin_share = CHANNEL_SPIN_WHOLE;
    return c;
}

static bool is_tcp(const char *endpoint)
{
    return strncmp(endpoint, "tcp://", 6) == 0;
}

static bool is_ipc(const char *endpoint)
{
    return strncmp(endpoint, "ipc://", 6) == 0;
}

// Keyless, so the file system decides who may come: only we, if the socket's
// directory is closed to others.
static enum error check_ipc(const char *endpoint, struct errtext *t)
{
    char dir[CHANNEL_ENDPOINT_SIZE];
    const char *path = endpoint + 6;
    const char *slash = strrchr(path, '/');

    if (*path == '@' || *path == '*' || !slash || slash == path)
        return errtext_set(t, ERR_INVALID, "%s: expected ipc://DIRECTORY/NAME", endpoint);
    (void)snprintf(dir, sizeof dir, "%.*s", (int)(slash - path), path);
    return keys_check_directory(dir, t);
}

static enum error check_endpoint(const char *endpoint, const char *key_dir, struct errtext *t)
{
    if (strlen(endpoint) >= CHANNEL_ENDPOINT_SIZE)
        return errtext_set(t, ERR_LIMIT, "%.40s…: the endpoint is too long", endpoint);
    if (is_ipc(endpoint))
        return check_ipc(endpoint, t);
    if (!is_tcp(endpoint))
        return errtext_set(t, ERR_INVALID,
                           "%s: expected tcp://HOST:PORT or ipc://DIRECTORY/NAME", endpoint);
    if (!key_dir)
        return errtext_set(t, ERR_INVALID, "%s: tcp needs a key directory", endpoint);
    return OK;
}

static enum error
bind_one(struct channel *c, const char *endpoint, char *name, struct errtext *t)
{
    size_t size = CHANNEL_ENDPOINT_SIZE;
    if (zmq_bind(c->socket, endpoint) != 0)
        return zmq_error(t, errno == EADDRINUSE ? ERR_BUSY : ERR_IO, endpoint);
    if (zmq_getsockopt(c->socket, ZMQ_LAST_ENDPOINT, name, &size) != 0)
        return zmq_error(t, ERR_IO, endpoint);
    return OK;
}

static enum error use_server_keys(struct channel *c, const char *key_dir, struct errtext *t)
{
    struct key_pair pair;
    enum error e = keys_load_pair(key_dir, "coordinator", &pair, t);
    if (e)
        return e;
    if (!set_int(c->socket, ZMQ_CURVE_SERVER, 1)
        || zmq_setsockopt(c->socket, ZMQ_CURVE_SECRETKEY, pair.secret_text, KEY_TEXT_SIZE) != 0)
        return zmq_error(t, ERR_UNSUPPORTED, "CURVE");
    return zap_start(c->context, key_dir, &c->zap, t);
}

// A listener takes the socket's options as they are when it is bound: first the
// keyless ones, then, once the handler answers, those that need keys.
static enum error bind_all(struct channel *c,
                           const char *const *endpoints,
                           const char *key_dir,
                           struct errtext *t)
{
    enum error e = OK;
    bool has_tcp = false;

    for (uint32_t i = 0; i < c->n_endpoints && !e; i++) {
        e = check_endpoint(endpoints[i], key_dir, t);
        has_tcp = has_tcp || is_tcp(endpoints[i]);
        if (!e && is_ipc(endpoints[i])) {
            c->has_ipc = true;
            e = bind_one(c, endpoints[i], c->endpoints[i], t);
        }
    }
    if (!e && has_tcp)
        e = use_server_keys(c, key_dir, t);
    for (uint32_t i = 0; i < c->n_endpoints && !e; i++)
        if (is_tcp(endpoints[i]))
            e = bind_one(c, endpoints[i], c->endpoints[i], t);
    return e;
}

static void raise_descriptor_limit(void)
{
    struct rlimit l;
    if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur < l.rlim_max) {
        l.rlim_cur = l.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &l);
    }
}

enum error channel_serve(const char *const *endpoints,
                         const char *key_dir,
                         struct channel **out,
                         struct errtext *t)
{
    uint64_t seed = 0;
    struct channel *c = create();

    raise_descriptor_limit();
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) < 0)
        seed = (uint64_t)clock_now();
    c->peers = peers_create(seed);
    while (endpoints[c->n_endpoints])
        c->n_endpoints++;
    c->endpoints = mem_alloc((c->n_endpoints + 1) * sizeof *c->endpoints);
    enum error e = open_socket(c, ZMQ_ROUTER, ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED, t);
    if (!e && !set_int(c->socket, ZMQ_ROUTER_MANDATORY, 1))
        e = zmq_error(t, ERR_IO, "zmq socket");
    if (!e && c->n_endpoints == 0)
        e = errtext_set(t, ERR_INVALID, "no endpoint to listen on");
    if (!e)
        e = bind_all(c, endpoints, key_dir, t);
    if (e) {
        channel_close(c);
        return e;
    }
    *out = c;
    return OK;
}

const char *channel_endpoint(const struct channel *c, uint32_t i)
{
    return i < c->n_endpoints ? c->endpoints[i] : NULL;
}

static enum error
use_client_keys(struct channel *c, const char *key_dir, const char *role_key, struct errtext *t)
{
    struct key_pair server, own;
    enum error e = keys_load_public(key_dir, "coordinator", &server, t);
    if (!e)
        e = keys_load_pair(key_dir, role_key, &own, t);
    if (e)
        return e;
    if (zmq_setsockopt(c->socket, ZMQ_CURVE_SERVERKEY, server.public_text, KEY_TEXT_SIZE)
        || zmq_setsockopt(c->socket, ZMQ_CURVE_PUBLICKEY, own.public_text, KEY_TEXT_SIZE)
        || zmq_setsockopt(c->socket, ZMQ_CURVE_SECRETKEY, own.secret_text, KEY_TEXT_SIZE))
        return zmq_error(t, ERR_UNSUPPORTED, "CURVE");
    return OK;
}

static enum error
connect_client(struct channel *c, const char *endpoint, struct bin identity, struct errtext *t)
{
    assert(identity.n <= IDENTITY_MAX);
    if (identity.n && zmq_setsockopt(c->socket, ZMQ_ROUTING_ID, identity.p, identity.n) != 0)
        return zmq_error(t, ERR_INVALID, "identity");
    if (!set_int(c->socket, ZMQ_RECONNECT_IVL, RECONNECT_MS)
        || !set_int(c->socket, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MAX_MS))
        return zmq_error(t, ERR_IO, "zmq socket");
    if (zmq_connect(c->socket, endpoint) != 0)
        return zmq_error(t, ERR_INVALID, endpoint);
    return OK;
}

enum error channel_connect(const char *endpoint,
                           const char *key_dir,
                           const char *role_key,
                           struct bin identity,
                           struct channel **out,
                           struct errtext *t)
{
    int events = ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH
                 | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL;
    struct channel *c = create();

    enum error e = check_endpoint(endpoint, key_dir, t);
    if (!e && is_ipc(endpoint)) {
        e = dealer_open(endpoint + strlen("ipc://"), identity, &c->dealer, t);
    } else if (!e) {
        e = open_socket(c, ZMQ_DEALER, events, t);
        if (!e)
            e = use_client_keys(c, key_dir, role_key, t);
        if (!e)
            e = connect_client(c, endpoint, identity, t);
    }
    if (e) {
        channel_close(c);
        return e;
    }
    *out = c;
    return OK;
}

void channel_close(struct channel *c)
{
    if (!c)
        return;
    channel_recv_release(c);
    dealer_close(c->dealer);
    if (c->socket)
        (void)zmq_close(c->socket); // ends its monitor too
    if (c->monitor)
        (void)zmq_close(c->monitor);
    zap_stop(c->zap);
    while (c->context && zmq_ctx_term(c->context) != 0 && errno == EINTR)
        ;
    for (struct channel_block *b = c->first, *next; b; b = next) {
        next = b->next;
        mem_free(b);
    }
    peers_destroy(c->peers);
    buf_fini(&c->out);
    mem_free(c->endpoints);
    mem_free(c);
}
