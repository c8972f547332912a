// SPDX-License-Identifier: MIT
// test_channel.c - who gets in, what gets through, and what a hostile peer achieves:
// nothing but a line of refusal.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <zmq.h>

#include "common/clock.h"
#include "common/version.h"
#include "protocol/channel.h"
#include "protocol/channel_state.h"
#include "protocol/frame.h"
#include "protocol/keys.h"
#include "tests/unit/harness.h"

// How long anything may take on a loaded machine under a sanitizer.
static const int64_t patience = 20 * CLOCK_SECOND;
// How long to wait for what must not come.
static const int64_t quiet = 150 * CLOCK_MS;

static char dir[256];
static char keys[300];
static char ipc[300];
static struct arena *arena;
static struct errtext t;
static struct channel *server;

static void setup(void)
{
    const char *tmp = getenv("TMPDIR");
    (void)snprintf(dir, sizeof dir, "%s/shoal-chan.XXXXXX",
                   tmp && strlen(tmp) < 60 ? tmp : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    (void)snprintf(keys, sizeof keys, "%s/keys", dir);
    (void)snprintf(ipc, sizeof ipc, "ipc://%s/socket", dir);
    ck_assert_msg(keys_ensure(keys, &t) == OK, "%s", t.text);
    arena = arena_create();
    const char *const endpoints[] = {"tcp://127.0.0.1:*", ipc, NULL};
    ck_assert_msg(channel_serve(endpoints, keys, &server, &t) == OK, "%s", t.text);
}

static void teardown(void)
{
    char command[400];
    channel_close(server);
    arena_destroy(arena);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", dir);
    ck_assert_int_eq(system(command), 0);
}

static struct channel *connect_as(const char *role)
{
    struct channel *c = NULL;
    const char *endpoint = role ? channel_endpoint(server, 0) : ipc;
    ck_assert_msg(channel_connect(endpoint, role ? keys : NULL, role, (struct bin){0}, &c, &t)
                      == OK,
                  "%s", t.text);
    return c;
}

// Anything but ERR_AGAIN, or ERR_AGAIN when `timeout` is over.
static enum error
next(struct channel *c, int64_t timeout, struct channel_peer *peer, struct message *m)
{
    int64_t end = clock_now() + timeout;
    for (;;) {
        enum error e = channel_recv(c, arena, peer, m, &t);
        int64_t left = end - clock_now();
        if (e != ERR_AGAIN || left <= 0)
            return e;
        (void)channel_wait(c, left, 0, NULL, 0);
    }
}

static void send_ack(struct channel *c, uint64_t peer, uint64_t n)
{
    struct message m = {.type = MSG_ACK, .id = n, .ack = {.upto = n}};
    ck_assert_int_eq(channel_send(c, peer, &m), OK);
}

static uint64_t expect_ack(struct channel *c, uint64_t n, enum role role)
{
    struct channel_peer peer;
    struct message m;
    enum error e = next(c, patience, &peer, &m);
    ck_assert_msg(e == OK, "%s: %s", error_name(e), t.text);
    ck_assert_int_eq(m.type, MSG_ACK);
    ck_assert_uint_eq(m.ack.upto, n);
    ck_assert_uint_eq(m.id, n);
    ck_assert_int_eq(peer.role, role);
    return peer.id;
}

static uint64_t expect_closed(struct channel *c)
{
    uint64_t peer;
    int64_t end = clock_now() + patience;
    while (channel_closed_peer(c, &peer) != OK) {
        ck_assert_int_lt(clock_now(), end);
        (void)channel_wait(c, CLOCK_MS, 0, NULL, 0);
    }
    return peer;
}

// ---- what gets through ------------------------------------------------------

static const struct {
    const char *key;
    enum role role;
} way_in[] = {
    {NULL, ROLE_WORKER}, // ipc
    {"worker", ROLE_WORKER},
    {"submit", ROLE_SUBMIT},
    {"read", ROLE_READ},
};

START_TEST(messages_go_both_ways_and_the_key_says_the_role)
{
    struct channel *c = connect_as(way_in[_i].key);
    send_ack(c, 0, 7);
    uint64_t peer = expect_ack(server, 7, way_in[_i].role);
    ck_assert_uint_eq(peer, 1);
    send_ack(server, peer, 8);
    expect_ack(c, 8, ROLE_NONE);
    send_ack(c, 0, 9);
    ck_assert_uint_eq(expect_ack(server, 9, way_in[_i].role), peer);
    ck_assert(!channel_is_denied(c));
    channel_close(c);
}
END_TEST

START_TEST(a_raw_frame_goes_along)
{
    static uint8_t chunk[FRAME_RAW_MAX];
    struct channel *c = connect_as("worker");
    struct channel_peer peer;
    struct message m = {.type = MSG_BLOB_PUT,
                        .raw = {chunk, sizeof chunk},
                        .blob_put = {.hash = {chunk, 32}, .size = 1, .offset = 2}};
    memset(chunk, 0xa5, sizeof chunk);
    ck_assert_int_eq(channel_send(c, 0, &m), OK);
    ck_assert_int_eq(next(server, patience, &peer, &m), OK);
    ck_assert_uint_eq(m.raw.n, sizeof chunk);
    ck_assert_mem_eq(m.raw.p, chunk, sizeof chunk);
    ck_assert_uint_eq(m.blob_put.offset, 2);
    m.raw.n++;
    ck_assert_int_eq(channel_send(c, 0, &m), ERR_LIMIT);
    channel_close(c);
}
END_TEST

// Short ones live inside the message's own struct, long ones behind it.
START_TEST(what_was_received_stays_until_it_is_released)
{
    enum { N = 200 };
    struct channel *c = connect_as(NULL);
    struct str why[N];
    char text[100];

    for (int i = 0; i < N; i++) {
        (void)snprintf(text, sizeof text, "%0*d", i % 2 ? 4 : 80, i);
        struct message m = {.type = MSG_GOODBYE, .goodbye = {str_of(text)}};
        ck_assert_int_eq(channel_send(c, 0, &m), OK);
    }
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < N / 2; i++) {
            struct channel_peer peer;
            struct message m;
            ck_assert_int_eq(next(server, patience, &peer, &m), OK);
            why[i] = m.goodbye.why;
        }
        for (int i = 0; i < N / 2; i++) {
            int number = round * N / 2 + i;
            (void)snprintf(text, sizeof text, "%0*d", number % 2 ? 4 : 80, number);
            ck_assert_uint_eq(why[i].n, strlen(text));
            ck_assert_mem_eq(why[i].p, text, why[i].n);
        }
        channel_recv_release(server);
    }
    channel_close(c);
}
END_TEST

START_TEST(a_message_larger_than_a_frame_is_not_sent)
{
    size_t n = FRAME_PAYLOAD_MAX;
    char *text = calloc(1, n);
    struct channel *c = connect_as(NULL);
    struct message m = {.type = MSG_GOODBYE, .goodbye = {{text, (uint32_t)n}}};
    ck_assert_int_eq(channel_send(c, 0, &m), ERR_LIMIT);
    send_ack(c, 0, 3); // and nothing of it was
    expect_ack(server, 3, ROLE_WORKER);
    free(text);
    channel_close(c);
}
END_TEST

// The hint may come a moment before the ROUTER forgets the way.
static void expect_forgotten(uint64_t peer)
{
    struct message m = {.type = MSG_ACK, .ack = {1}};
    int64_t end = clock_now() + patience;
    while (channel_send(server, peer, &m) != ERR_CLOSED)
        ck_assert_int_lt(clock_now(), end);
}

// ---- peers ------------------------------------------------------------------

START_TEST(a_closed_connection_is_told)
{
    struct channel *c = connect_as(_i ? "worker" : NULL);
    send_ack(c, 0, 1);
    uint64_t peer = expect_ack(server, 1, ROLE_WORKER);
    channel_close(c);
    ck_assert_uint_eq(expect_closed(server), peer);
    expect_forgotten(peer);
    struct message m = {.type = MSG_ACK, .ack = {1}};
    ck_assert_int_eq(channel_send(server, 12345, &m), ERR_CLOSED);
}
END_TEST

START_TEST(what_a_closed_peer_sent_last_is_still_its_own)
{
    enum { N = 50 };
    struct channel *c = connect_as(NULL);
    send_ack(c, 0, 1);
    uint64_t peer = expect_ack(server, 1, ROLE_WORKER);
    for (uint64_t i = 0; i < N; i++)
        send_ack(c, 0, i);
    channel_close(c);
    ck_assert_uint_eq(expect_closed(server), peer);
    for (uint64_t i = 0; i < N; i++)
        ck_assert_uint_eq(expect_ack(server, i, ROLE_WORKER), peer);
}
END_TEST

// Comes under a name until the ROUTER no longer takes it for the connection before.
static struct channel *come_back(const char *role, const char *name, uint64_t *peer)
{
    int64_t end = clock_now() + patience;
    const char *endpoint = role ? channel_endpoint(server, 0) : ipc;
    for (;;) {
        struct channel_peer who;
        struct message m;
        struct channel *c = NULL;
        ck_assert_int_eq(
            channel_connect(endpoint, role ? keys : NULL, role,
                            (struct bin){(const uint8_t *)name, (uint32_t)strlen(name)}, &c,
                            &t),
            OK);
        send_ack(c, 0, 1);
        enum error e = next(server, quiet, &who, &m);
        *peer = who.id;
        if (e == OK)
            return c;
        ck_assert_int_eq(e, ERR_AGAIN);
        ck_assert_int_lt(clock_now(), end);
        channel_close(c);
    }
}

START_TEST(whoever_comes_back_is_somebody_else)
{
    uint64_t last = 0, peer;
    for (int i = 0; i < 5; i++) {
        struct channel *c = come_back(NULL, "myself", &peer);
        ck_assert_uint_gt(peer, last);
        last = peer;
        channel_close(c);
        ck_assert_uint_eq(expect_closed(server), peer);
    }
}
END_TEST

START_TEST(a_role_does_not_pass_to_another_key_with_an_identity)
{
    uint64_t worker, reader;
    struct channel *c = come_back("worker", "me", &worker);
    channel_close(c);
    c = come_back("read", "me", &reader);
    ck_assert_uint_ne(worker, reader);
    send_ack(c, 0, 2);
    ck_assert_uint_eq(expect_ack(server, 2, ROLE_READ), reader);
    channel_close(c);
}
END_TEST

START_TEST(a_client_learns_that_its_server_went)
{
    struct channel *c = connect_as(NULL);
    send_ack(c, 0, 1);
    expect_ack(server, 1, ROLE_WORKER);
    channel_close(server);
    server = NULL;
    ck_assert_uint_eq(expect_closed(c), 0);
    channel_close(c);
}
END_TEST

START_TEST(a_client_finds_a_server_that_comes_later)
{
    struct channel *c = NULL;
    char later[320];
    (void)snprintf(later, sizeof later, "ipc://%s/later", dir);
    ck_assert_int_eq(channel_connect(later, NULL, NULL, (struct bin){0}, &c, &t), OK);
    send_ack(c, 0, 4);
    channel_close(server);
    const char *const endpoints[] = {later, NULL};
    ck_assert_int_eq(channel_serve(endpoints, NULL, &server, &t), OK);
    expect_ack(server, 4, ROLE_WORKER);
    channel_close(c);
}
END_TEST

// ---- who does not get in ----------------------------------------------------

// Nothing arrives, and the next honest one is served.
static void expect_unharmed(uint64_t n)
{
    struct channel_peer peer;
    struct message m;
    ck_assert_int_eq(next(server, quiet, &peer, &m), ERR_AGAIN);
    struct channel *c = connect_as("worker");
    send_ack(c, 0, n);
    expect_ack(server, n, ROLE_WORKER);
    channel_close(c);
}

START_TEST(an_unknown_key_is_denied_and_told_so)
{
    struct channel *c = NULL;
    char others[320];
    char copy[700];

    (void)snprintf(others, sizeof others, "%s/others", dir);
    ck_assert_int_eq(keys_ensure(others, &t), OK);
    (void)snprintf(copy, sizeof copy, "cp '%s/coordinator.pub' '%s/coordinator.pub'", keys,
                   others);
    ck_assert_int_eq(system(copy), 0);
    ck_assert_int_eq(
        channel_connect(channel_endpoint(server, 0), others, "worker", (struct bin){0}, &c, &t),
        OK);
    send_ack(c, 0, 1);
    int64_t end = clock_now() + patience;
    uint64_t hint;
    while (!channel_is_denied(c)) {
        ck_assert_int_lt(clock_now(), end);
        (void)channel_wait(c, CLOCK_MS, 0, NULL, 0);
        (void)!channel_closed_peer(c, &hint);
    }
    expect_unharmed(2);
    channel_close(c);
}
END_TEST

START_TEST(a_client_that_expects_another_server_key_gets_nothing)
{
    struct channel *c = NULL;
    char others[320];
    (void)snprintf(others, sizeof others, "%s/others", dir);
    ck_assert_int_eq(keys_ensure(others, &t), OK);
    ck_assert_int_eq(
        channel_connect(channel_endpoint(server, 0), others, "worker", (struct bin){0}, &c, &t),
        OK);
    send_ack(c, 0, 1);
    expect_unharmed(2);
    channel_close(c);
}
END_TEST

// A raw zmq socket to the server, with or without the keys of `role`.
static void *raw_socket(void *context, const char *role)
{
    struct key_pair own, coordinator;
    int zero = 0;
    void *s = zmq_socket(context, ZMQ_DEALER);
    (void)zmq_setsockopt(s, ZMQ_LINGER, &zero, sizeof zero);
    if (role) {
        ck_assert_int_eq(keys_load_pair(keys, role, &own, &t), OK);
        ck_assert_int_eq(keys_load_public(keys, "coordinator", &coordinator, &t), OK);
        ck_assert_int_eq(zmq_setsockopt(s, ZMQ_CURVE_SERVERKEY, coordinator.public_text, 41),
                         0);
        ck_assert_int_eq(zmq_setsockopt(s, ZMQ_CURVE_PUBLICKEY, own.public_text, 41), 0);
        ck_assert_int_eq(zmq_setsockopt(s, ZMQ_CURVE_SECRETKEY, own.secret_text, 41), 0);
    }
    ck_assert_int_eq(zmq_connect(s, channel_endpoint(server, 0)), 0);
    return s;
}

START_TEST(a_peer_without_curve_gets_nothing)
{
    void *context = zmq_ctx_new();
    void *s = raw_socket(context, NULL);
    (void)zmq_send(s, "hello", 5, ZMQ_DONTWAIT);
    expect_unharmed(1);
    (void)zmq_close(s);
    (void)zmq_ctx_term(context);
}
END_TEST

static int tcp_socket(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    unsigned long port = strtoul(strrchr(channel_endpoint(server, 0), ':') + 1, NULL, 10);
    a.sin_port = htons((uint16_t)port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

#define BYTES(s) s, sizeof(s) - 1
#define ZEROS_16 "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
// What a ZMTP 3.1 peer says first; the mechanism's name fills 20 bytes.
#define GREETING "\xff\0\0\0\0\0\0\0\0\x7f\3\1"

static const struct {
    const char *bytes;
    size_t n;
} garbage[] = {
    {BYTES("GET / HTTP/1.1\r\nHost: here\r\n\r\n")},
    {BYTES("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")},
    {BYTES(GREETING "NULL" ZEROS_16)}, // cut short
    {BYTES(GREETING "NULL" ZEROS_16 ZEROS_16 ZEROS_16)},
    {BYTES(GREETING "CURVE" ZEROS_16 ZEROS_16 ZEROS_16 "\6\xff\xff\xff\xff")},
    {BYTES("")},
};

START_TEST(garbage_on_the_port_is_ignored)
{
    int fd[20];
    for (int i = 0; i < 20; i++) {
        fd[i] = tcp_socket();
        ck_assert_int_eq(send(fd[i], garbage[_i].bytes, garbage[_i].n, MSG_NOSIGNAL),
                         (ssize_t)garbage[_i].n);
    }
    expect_unharmed(1);
    for (int i = 0; i < 20; i++)
        (void)close(fd[i]);
    expect_unharmed(2);
}
END_TEST

START_TEST(a_megabyte_of_noise_is_ignored)
{
    static uint8_t noise[1 << 20];
    int fd = tcp_socket();
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (uint8_t)(i * 2654435761u >> 13);
    for (size_t at = 0; at < sizeof noise;) {
        ssize_t n = send(fd, noise + at, sizeof noise - at, MSG_NOSIGNAL);
        if (n <= 0)
            break; // thrown out: as it should be
        at += (size_t)n;
    }
    expect_unharmed(1);
    (void)close(fd);
}
END_TEST

// ---- frames of somebody who is in -------------------------------------------

static const uint8_t good_payload[] = {0x81, 1, 5};

// The frames of a hostile message; `n` of them.
struct hostile {
    const char *name;
    uint8_t header[FRAME_HEADER_SIZE];
    uint32_t n_header;
    const char *payload;
    uint32_t n_payload;
    uint32_t n_frames;
    enum error e;
    const char *why;
};

#define HEADER(magic, version, type, length)                                                   \
    {                                                                                          \
        magic, version, 0, type, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, (length) >> 24, 0, 0,     \
            (length)&255                                                                       \
    }

static const struct hostile hostile[] = {
    {"one frame", HEADER(0x5a, 1, MSG_ACK, 3), 20, "\x81\1\5", 3, 1, ERR_PROTO, "1 frames"},
    {"an empty header", {0}, 0, "\x81\1\5", 3, 2, ERR_PROTO, "header of 0 bytes"},
    {"a short header", HEADER(0x5a, 1, MSG_ACK, 3), 19, "\x81\1\5", 3, 2, ERR_PROTO,
     "19 bytes"},
    {"wrong magic", HEADER(0x41, 1, MSG_ACK, 3), 20, "\x81\1\5", 3, 2, ERR_PROTO, "magic"},
    {"another version", HEADER(0x5a, 2, MSG_ACK, 3), 20, "\x81\1\5", 3, 2, ERR_UNSUPPORTED,
     "peer speaks wire version 2, this is 1"},
    {"no such type", HEADER(0x5a, 1, 0xfe, 3), 20, "\x81\1\5", 3, 2, ERR_UNSUPPORTED, "0xfe"},
    {"a length that lies", HEADER(0x5a, 1, MSG_ACK, 9), 20, "\x81\1\5", 3, 2, ERR_PROTO,
     "header says 9"},
    {"a length above the limit", HEADER(0x5a, 1, MSG_ACK, 0x7f000000), 20, "\x81\1\5", 3, 2,
     ERR_LIMIT, "at most"},
    {"no payload", HEADER(0x5a, 1, MSG_ACK, 0), 20, "", 0, 2, ERR_PROTO, "ACK"},
    {"bad payload", HEADER(0x5a, 1, MSG_ACK, 3), 20, "\x81\1\xff", 3, 2, ERR_PROTO, "negative"},
    {"8 GiB in five bytes", HEADER(0x5a, 1, MSG_GRANT, 7), 20, "\x81\1\xdd\x0f\xff\xff\xff", 7,
     2, ERR_PROTO, "leases"},
    {"four frames", HEADER(0x5a, 1, MSG_ACK, 3), 20, "\x81\1\5", 3, 4, ERR_PROTO, "4 frames"},
    {"10,000 frames", HEADER(0x5a, 1, MSG_ACK, 3), 20, "\x81\1\5", 3, 10000, ERR_PROTO,
     "10000 frames, at most 3"},
};

static void send_hostile(void *s, const struct hostile *h)
{
    for (uint32_t i = 0; i < h->n_frames; i++) {
        int more = i + 1 < h->n_frames ? ZMQ_SNDMORE : 0;
        if (i == 0)
            ck_assert_int_ge(zmq_send(s, h->header, h->n_header, more), 0);
        else
            ck_assert_int_ge(zmq_send(s, h->payload, h->n_payload, more), 0);
    }
}

static void send_good(void *s, uint8_t id)
{
    uint8_t header[FRAME_HEADER_SIZE];
    frame_put_header(
        &(struct frame_header){
            .version = WIRE_VERSION, .type = MSG_ACK, .id = id, .length = sizeof good_payload},
        header);
    ck_assert_int_ge(zmq_send(s, header, sizeof header, ZMQ_SNDMORE), 0);
    ck_assert_int_ge(zmq_send(s, good_payload, sizeof good_payload, 0), 0);
}

START_TEST(a_hostile_frame_is_refused_with_its_sender)
{
    const struct hostile *h = &hostile[_i];
    struct channel_peer peer;
    struct message m;
    void *context = zmq_ctx_new();
    void *s = raw_socket(context, "submit");

    send_good(s, 5);
    uint64_t id = expect_ack(server, 5, ROLE_SUBMIT);
    for (int k = 0; k < 3; k++) {
        send_hostile(s, h);
        enum error e = next(server, patience, &peer, &m);
        ck_assert_msg(e == h->e, "%s: %s: %s", h->name, error_name(e), t.text);
        ck_assert_msg(strstr(t.text, h->why), "%s: %s", h->name, t.text);
        ck_assert_uint_eq(peer.id, id);
        ck_assert_int_eq(peer.role, ROLE_SUBMIT);
    }
    channel_recv_release(server);
    send_good(s, 5); // the connection goes on
    ck_assert_uint_eq(expect_ack(server, 5, ROLE_SUBMIT), id);
    (void)zmq_close(s);
    (void)zmq_ctx_term(context);
}
END_TEST

START_TEST(a_raw_frame_above_the_limit_is_refused)
{
    struct channel_peer peer;
    struct message m;
    void *context = zmq_ctx_new();
    void *s = raw_socket(context, "worker");
    uint8_t *raw = calloc(1, FRAME_RAW_MAX + 1);

    send_good(s, 5);
    expect_ack(server, 5, ROLE_WORKER);
    (void)zmq_send(s, hostile[0].header, 20, ZMQ_SNDMORE);
    (void)zmq_send(s, good_payload, 3, ZMQ_SNDMORE);
    (void)zmq_send(s, raw, FRAME_RAW_MAX + 1, 0);
    ck_assert_int_eq(next(server, patience, &peer, &m), ERR_LIMIT);
    ck_assert_ptr_nonnull(strstr(t.text, "raw frame"));
    free(raw);
    (void)zmq_close(s);
    (void)zmq_ctx_term(context);
}
END_TEST

// libzmq drops the connection at the frame's head: not even its bytes reach us.
START_TEST(an_oversize_frame_costs_the_connection)
{
    void *context = zmq_ctx_new();
    void *s = raw_socket(context, "worker");
    size_t n = FRAME_PAYLOAD_MAX + 1024;
    uint8_t *big = calloc(1, n);

    send_good(s, 5);
    uint64_t id = expect_ack(server, 5, ROLE_WORKER);
    (void)zmq_send(s, hostile[0].header, 20, ZMQ_SNDMORE);
    (void)zmq_send(s, big, n, 0);
    ck_assert_uint_eq(expect_closed(server), id);
    free(big);
    (void)zmq_close(s);
    (void)zmq_ctx_term(context);
    expect_unharmed(1);
}
END_TEST

// ---- opening ----------------------------------------------------------------

static void
expect_refused(const char *endpoint, const char *key_dir, enum error e, const char *why)
{
    struct channel *c = NULL;
    const char *const endpoints[] = {endpoint, NULL};
    enum error got = channel_serve(endpoints, key_dir, &c, &t);
    ck_assert_msg(got == e && strstr(t.text, why), "%s: %s: %s", endpoint, error_name(got),
                  t.text);
}

START_TEST(an_unsafe_endpoint_is_refused)
{
    char open_ipc[320];
    struct channel *c = NULL;

    expect_refused("tcp://127.0.0.1:*", NULL, ERR_INVALID, "tcp needs a key directory");
    expect_refused("inproc://x", keys, ERR_INVALID, "expected tcp://");
    expect_refused("ipc://@abstract", keys, ERR_INVALID, "expected ipc://DIRECTORY/NAME");
    expect_refused("ipc://*", keys, ERR_INVALID, "expected ipc://DIRECTORY/NAME");
    expect_refused(NULL, keys, ERR_INVALID, "no endpoint");
    expect_refused(channel_endpoint(server, 0), keys, ERR_BUSY, "in use");
    (void)snprintf(open_ipc, sizeof open_ipc, "ipc://%s/open/socket", dir);
    expect_refused(open_ipc, NULL, ERR_NOT_FOUND, "open");
    (void)snprintf(open_ipc, sizeof open_ipc, "%s/open", dir);
    ck_assert_int_eq(mkdir(open_ipc, 0755), 0);
    ck_assert_int_eq(chmod(open_ipc, 0755), 0);
    (void)snprintf(open_ipc, sizeof open_ipc, "ipc://%s/open/socket", dir);
    expect_refused(open_ipc, NULL, ERR_DENIED, "mode 755, needs 700");
    ck_assert_int_eq(channel_connect(open_ipc, NULL, NULL, (struct bin){0}, &c, &t),
                     ERR_DENIED);
}
END_TEST

START_TEST(a_throw_away_server_key_opens_no_port)
{
    char path[320];
    (void)snprintf(path, sizeof path, "%s/coordinator.key", keys);
    FILE *f = fopen(path, "w");
    (void)fputs("JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6\n", f);
    (void)fclose(f);
    expect_refused("tcp://127.0.0.1:*", keys, ERR_DENIED, "throw-away key");
}
END_TEST

START_TEST(no_list_of_keys_opens_no_port)
{
    char path[320];
    (void)snprintf(path, sizeof path, "%s/authorized", keys);
    ck_assert_int_eq(unlink(path), 0);
    expect_refused("tcp://127.0.0.1:*", keys, ERR_NOT_FOUND, "authorized");
}
END_TEST

START_TEST(the_end_of_the_handler_is_the_end_of_the_channel)
{
    struct channel_peer peer;
    struct message m;
    ck_assert(!channel_broken(server));
    ck_assert_int_eq(zmq_ctx_shutdown(server->context), 0); // as a crash of the thread
    int64_t end = clock_now() + patience;
    while (!channel_broken(server))
        ck_assert_int_lt(clock_now(), end);
    ck_assert_int_eq(channel_recv(server, arena, &peer, &m, &t), ERR_CLOSED);
}
END_TEST

START_TEST(the_descriptor_limit_is_raised)
{
    struct rlimit l;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &l), 0);
    ck_assert_uint_eq(l.rlim_cur, l.rlim_max);
}
END_TEST

// ---- waiting ----------------------------------------------------------------

START_TEST(a_wait_ends_at_its_time_and_not_before)
{
    int64_t spin = _i * CLOCK_MS / 2;
    int64_t start = clock_now();
    ck_assert_uint_eq(channel_wait(server, 5 * CLOCK_MS, spin, NULL, 0), 0);
    ck_assert_int_ge(clock_now() - start, 5 * CLOCK_MS - CLOCK_MS / 10);
    start = clock_now();
    ck_assert_uint_eq(channel_wait(server, 0, spin, NULL, 0), 0);
    ck_assert_int_lt(clock_now() - start, CLOCK_SECOND);
}
END_TEST

START_TEST(a_wait_says_what_is_ready)
{
    uint64_t one = 1;
    int fds[2] = {eventfd(0, EFD_NONBLOCK), eventfd(0, EFD_NONBLOCK)};
    struct channel *c = connect_as(NULL);
    uint64_t peer;

    send_ack(c, 0, 1);
    expect_ack(server, 1, ROLE_WORKER);
    ck_assert_int_eq(channel_closed_peer(server, &peer), ERR_AGAIN);
    for (int64_t spin = 0; spin <= CLOCK_MS; spin += CLOCK_MS) {
        ck_assert_int_eq(write(fds[1], &one, sizeof one), sizeof one);
        ck_assert_uint_eq(channel_wait(server, patience, spin, fds, 2), 8);
        ck_assert_int_eq(read(fds[1], &one, sizeof one), sizeof one);
        send_ack(c, 0, 1);
        ck_assert_uint_eq(channel_wait(server, patience, spin, fds, 2), 1);
        expect_ack(server, 1, ROLE_WORKER);
    }
    channel_close(c);
    uint32_t ready = channel_wait(server, patience, 0, fds, 2);
    ck_assert_uint_eq(ready, 2); // the monitor
    expect_closed(server);
    (void)close(fds[0]);
    (void)close(fds[1]);
}
END_TEST

// The monitor is seen even while messages never stop.
START_TEST(a_busy_channel_still_sees_its_monitor)
{
    struct channel *c = connect_as(NULL);
    struct channel *d = connect_as(NULL);
    send_ack(c, 0, 1);
    uint64_t gone = expect_ack(server, 1, ROLE_WORKER);
    channel_close(c);
    int64_t end = clock_now() + patience;
    uint32_t ready = 0;
    struct channel_peer peer;
    struct message m;
    while (!(ready & 2)) { // one wait a message, so that nobody else waits
        ck_assert_int_lt(clock_now(), end);
        send_ack(d, 0, 1);
        ready = channel_wait(server, patience, 0, NULL, 0);
        ck_assert_uint_ne(ready, 0);
        (void)!channel_recv(server, arena, &peer, &m, &t);
        channel_recv_release(server);
        arena_reset(arena);
    }
    ck_assert_uint_eq(expect_closed(server), gone);
    channel_close(d);
}
END_TEST

static void add_hostile(TCase *c)
{
    tcase_add_test(c, an_unknown_key_is_denied_and_told_so);
    tcase_add_test(c, a_client_that_expects_another_server_key_gets_nothing);
    tcase_add_test(c, a_peer_without_curve_gets_nothing);
    tcase_add_loop_test(c, garbage_on_the_port_is_ignored, 0,
                        (int)(sizeof garbage / sizeof garbage[0]));
    tcase_add_test(c, a_megabyte_of_noise_is_ignored);
    tcase_add_loop_test(c, a_hostile_frame_is_refused_with_its_sender, 0,
                        (int)(sizeof hostile / sizeof hostile[0]));
    tcase_add_test(c, a_raw_frame_above_the_limit_is_refused);
    tcase_add_test(c, an_oversize_frame_costs_the_connection);
}

int main(void)
{
    Suite *s = suite_create("channel");
    TCase *c = tcase_create("channel");
    tcase_set_timeout(c, 60);
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_loop_test(c, messages_go_both_ways_and_the_key_says_the_role, 0, 4);
    tcase_add_test(c, a_raw_frame_goes_along);
    tcase_add_test(c, what_was_received_stays_until_it_is_released);
    tcase_add_test(c, a_message_larger_than_a_frame_is_not_sent);
    tcase_add_loop_test(c, a_closed_connection_is_told, 0, 2);
    tcase_add_test(c, what_a_closed_peer_sent_last_is_still_its_own);
    tcase_add_test(c, whoever_comes_back_is_somebody_else);
    tcase_add_test(c, a_role_does_not_pass_to_another_key_with_an_identity);
    tcase_add_test(c, a_client_learns_that_its_server_went);
    tcase_add_test(c, a_client_finds_a_server_that_comes_later);
    add_hostile(c);
    tcase_add_test(c, an_unsafe_endpoint_is_refused);
    tcase_add_test(c, a_throw_away_server_key_opens_no_port);
    tcase_add_test(c, no_list_of_keys_opens_no_port);
    tcase_add_test(c, the_end_of_the_handler_is_the_end_of_the_channel);
    tcase_add_test(c, the_descriptor_limit_is_raised);
    tcase_add_loop_test(c, a_wait_ends_at_its_time_and_not_before, 0, 3);
    tcase_add_test(c, a_wait_says_what_is_ready);
    tcase_add_test(c, a_busy_channel_still_sees_its_monitor);
    suite_add_tcase(s, c);
    return harness_run(s);
}
