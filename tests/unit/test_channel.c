// SPDX-License-Identifier: MIT
// test_channel.c - what gets through, who is told of whom, and what opens no port.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zmq.h>

#include "protocol/channel_state.h"
#include "protocol/frame.h"
#include "tests/unit/channel_fixture.h"

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
    push(c);
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

// The next message with this number; those of earlier attempts may come late.
static enum error next_numbered(uint64_t n, int64_t timeout, struct channel_peer *who)
{
    struct message m;
    enum error e;
    do
        e = next(server, timeout, who, &m);
    while (e == OK && m.ack.upto != n);
    return e;
}

// Comes under a name until the ROUTER no longer takes it for the connection before.
static struct channel *come_back(const char *role, const char *name, uint64_t *peer)
{
    static uint64_t attempt = 100;
    int64_t end = clock_now() + patience;
    const char *endpoint = role ? channel_endpoint(server, 0) : ipc;
    for (;;) {
        struct channel_peer who;
        struct channel *c = NULL;
        ck_assert_int_eq(
            channel_connect(endpoint, role ? keys : NULL, role,
                            (struct bin){(const uint8_t *)name, (uint32_t)strlen(name)}, &c,
                            &t),
            OK);
        send_ack(c, 0, ++attempt);
        enum error e = next_numbered(attempt, quiet, &who);
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
        while (expect_closed(server) != peer) // those of earlier attempts
            ;
    }
}
END_TEST

START_TEST(a_role_does_not_pass_to_another_key_with_an_identity)
{
    uint64_t worker, reader;
    struct channel_peer who;
    struct channel *c = come_back("worker", "me", &worker);
    channel_close(c);
    c = come_back("read", "me", &reader);
    ck_assert_uint_ne(worker, reader);
    send_ack(c, 0, 2);
    ck_assert_int_eq(next_numbered(2, patience, &who), OK);
    ck_assert_int_eq(who.role, ROLE_READ);
    ck_assert_uint_eq(who.id, reader);
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
    struct message m = {.type = MSG_ACK, .id = 4, .ack = {.upto = 4}};
    ck_assert_int_eq(channel_send(c, 0, &m), OK);
    ck_assert_uint_eq(channel_wait(c, 50 * CLOCK_MS, 0, NULL, 0), 0);
    channel_close(server);
    const char *const endpoints[] = {later, NULL};
    ck_assert_int_eq(channel_serve(endpoints, NULL, &server, &t), OK);
    push(c);
    expect_ack(server, 4, ROLE_WORKER);
    channel_close(c);
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
