// SPDX-License-Identifier: MIT
// test_channel_hostile.c - what a hostile peer of a channel achieves: nothing but a line of
// refusal.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <zmq.h>

#include "common/version.h"
#include "protocol/frame.h"
#include "tests/unit/channel_fixture.h"

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

int main(void)
{
    Suite *s = suite_create("channel_hostile");
    TCase *c = tcase_create("channel_hostile");
    tcase_set_timeout(c, 60);
    tcase_add_checked_fixture(c, setup, teardown);
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
    suite_add_tcase(s, c);
    return harness_run(s);
}
