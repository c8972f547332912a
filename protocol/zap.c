// SPDX-License-Identifier: MIT
#include "protocol/zap.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <zmq.h>

#include "common/log.h"
#include "common/mem.h"
#include "protocol/keys.h"

static const char endpoint[] = "inproc://zeromq.zap.01";

// Frames of a ZAP 1.0 request for CURVE.
enum { VERSION, REQUEST, DOMAIN_NAME, ADDRESS, IDENTITY, MECHANISM, CREDENTIAL, N_FRAMES };
enum { FRAME_MAX = 256, KEY_BYTES = 32 };
// The first question is answered within microseconds, if at all.
enum { SELF_TEST_MS = 5000 };

struct zap {
    void *context;
    void *socket; // the thread's once it runs
    pthread_t thread;
    struct authorized authorized;
    int broken_fd;
    atomic_bool stopping;
    atomic_bool broken;
};

struct request {
    char bytes[N_FRAMES][FRAME_MAX];
    size_t n[N_FRAMES];
    int n_frames;
};

static bool frame_is(const struct request *r, int i, const char *text)
{
    return r->n[i] == strlen(text) && memcmp(r->bytes[i], text, r->n[i]) == 0;
}

// False at the end of the context.
static bool receive(void *socket, struct request *r)
{
    int more = 1;
    *r = (struct request){.n_frames = 0};
    while (more) {
        char dropped[1];
        size_t size = sizeof more;
        bool fits = r->n_frames < N_FRAMES;
        int n = fits ? zmq_recv(socket, r->bytes[r->n_frames], FRAME_MAX, 0)
                     : zmq_recv(socket, dropped, sizeof dropped, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 || zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &size) != 0)
            return false;
        if (fits)
            r->n[r->n_frames] = n < FRAME_MAX ? (size_t)n : FRAME_MAX;
        r->n_frames++;
    }
    return true;
}

static enum role judge(const struct zap *z, const struct request *r)
{
    if (r->n_frames != N_FRAMES || !frame_is(r, VERSION, "1.0")
        || !frame_is(r, MECHANISM, "CURVE") || r->n[CREDENTIAL] != KEY_BYTES)
        return ROLE_NONE;
    return keys_role_of(&z->authorized, (const uint8_t *)r->bytes[CREDENTIAL]);
}

static bool answer(void *socket, const struct request *r, enum role role)
{
    bool admitted = role != ROLE_NONE;
    const char *status = admitted ? "200" : "400";
    const char *text = admitted ? "welcome" : "key not authorized";
    const char *user = admitted ? role_name(role) : "";

    return zmq_send(socket, "1.0", 3, ZMQ_SNDMORE) >= 0
           && zmq_send(socket, r->bytes[REQUEST], r->n[REQUEST], ZMQ_SNDMORE) >= 0
           && zmq_send(socket, status, 3, ZMQ_SNDMORE) >= 0
           && zmq_send(socket, text, strlen(text), ZMQ_SNDMORE) >= 0
           && zmq_send(socket, user, strlen(user), ZMQ_SNDMORE) >= 0
           && zmq_send(socket, "", 0, 0) >= 0;
}

static void log_denied(const struct request *r)
{
    char key[KEY_TEXT_SIZE] = "?";

    if (r->n_frames == N_FRAMES && r->n[CREDENTIAL] == KEY_BYTES)
        (void)zmq_z85_encode(key, (const uint8_t *)r->bytes[CREDENTIAL], KEY_BYTES);
    LOG_WARN("peer.denied", "address=%.*s key=%s", (int)r->n[ADDRESS], r->bytes[ADDRESS], key);
}

static void *run(void *arg)
{
    struct zap *z = arg;
    struct request r;

    while (receive(z->socket, &r)) {
        enum role role = judge(z, &r);
        // The self-test asks without an address.
        if (role == ROLE_NONE && r.n[ADDRESS])
            log_denied(&r);
        if (!answer(z->socket, &r, role))
            break;
    }
    (void)zmq_close(z->socket);
    if (!atomic_load(&z->stopping)) {
        uint64_t one = 1;
        atomic_store(&z->broken, true);
        if (write(z->broken_fd, &one, sizeof one) != (ssize_t)sizeof one)
            LOG_ERROR("zap.ended", "errno=%d", errno);
    }
    return NULL;
}

// Ask as libzmq would, with a key that nobody has listed.
static enum error self_test(void *context, struct errtext *t)
{
    struct key_pair pair;
    uint8_t key[KEY_BYTES];
    struct request reply = {.n_frames = 0};
    int timeout = SELF_TEST_MS;
    int linger = 0;

    enum error e = keys_make_pair(&pair, t);
    if (e)
        return e;
    void *socket = zmq_socket(context, ZMQ_REQ);
    bool asked = socket && zmq_z85_decode(key, pair.public_text)
                 && zmq_setsockopt(socket, ZMQ_RCVTIMEO, &timeout, sizeof timeout) == 0
                 && zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger) == 0
                 && zmq_connect(socket, endpoint) == 0
                 && zmq_send(socket, "1.0", 3, ZMQ_SNDMORE) >= 0
                 && zmq_send(socket, "1", 1, ZMQ_SNDMORE) >= 0
                 && zmq_send(socket, "", 0, ZMQ_SNDMORE) >= 0
                 && zmq_send(socket, "", 0, ZMQ_SNDMORE) >= 0
                 && zmq_send(socket, "", 0, ZMQ_SNDMORE) >= 0
                 && zmq_send(socket, "CURVE", 5, ZMQ_SNDMORE) >= 0
                 && zmq_send(socket, key, sizeof key, 0) >= 0;
    if (!asked || !receive(socket, &reply) || reply.n_frames < 3 || !frame_is(&reply, 2, "400"))
        e = errtext_set(t, ERR_IO, "the handler of new connections does not refuse strangers");
    if (socket)
        (void)zmq_close(socket);
    return e;
}

static bool spawn(struct zap *z)
{
    sigset_t all, old;
    // Signals are the loop's.
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &old);
    bool ok = pthread_create(&z->thread, NULL, run, z) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    return ok;
}

static void release(struct zap *z)
{
    keys_free_authorized(&z->authorized);
    if (z->broken_fd >= 0)
        (void)close(z->broken_fd);
    mem_free(z);
}

enum error zap_start(void *context, const char *key_dir, struct zap **out, struct errtext *t)
{
    struct zap *z = mem_alloc(sizeof *z);

    z->context = context;
    z->broken_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    enum error e = keys_load_authorized(key_dir, &z->authorized, t);
    if (e) {
        release(z);
        return e;
    }
    z->socket = zmq_socket(context, ZMQ_REP);
    if (z->broken_fd < 0 || !z->socket || zmq_bind(z->socket, endpoint) != 0 || !spawn(z)) {
        e = errtext_set(t, ERR_IO, "the handler of new connections: %s", strerror(errno));
        if (z->socket)
            (void)zmq_close(z->socket);
        release(z);
        return e;
    }
    *out = z;
    return self_test(context, t); // the caller stops it all the same
}

void zap_stop(struct zap *z)
{
    if (!z)
        return;
    atomic_store(&z->stopping, true);
    (void)zmq_ctx_shutdown(z->context); // ends its blocking receive
    (void)pthread_join(z->thread, NULL);
    release(z);
}

bool zap_is_broken(const struct zap *z)
{
    return z && atomic_load(&z->broken);
}

int zap_fd(const struct zap *z)
{
    return z->broken_fd;
}
