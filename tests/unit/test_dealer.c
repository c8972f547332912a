// SPDX-License-Identifier: MIT
// test_dealer.c - a client over a socket file, against a server that says anything.
//
// That it agrees with libzmq's ROUTER is test_channel.c's.
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/mem.h"
#include "protocol/dealer.h"
#include "protocol/frame.h"
#include "protocol/zmtp.h"
#include "tests/unit/harness.h"

static const int64_t patience = 10 * CLOCK_SECOND;
static char dir[64];
static char path[100];
static int listener;
static struct dealer *d;

static const char ready[] = "\4\x1c\5READY\vSocket-Type\0\0\0\6ROUTER";

static void set_up(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct errtext t;
    (void)snprintf(dir, sizeof dir, "/tmp/shoal-dealer-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/socket", dir);
    (void)snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&a, sizeof a), 0);
    ck_assert_int_eq(listen(listener, 5), 0);
    ck_assert_int_eq(dealer_open(path, (struct bin){(const uint8_t *)"me", 2}, &d, &t), OK);
}

static void tear_down(void)
{
    dealer_close(d);
    (void)close(listener);
    (void)unlink(path);
    (void)rmdir(dir);
}

// One turn of somebody who waits for it.
static void turn(void)
{
    dealer_pump(d);
    struct pollfd p = {.fd = dealer_fd(d), .events = dealer_events(d)};
    (void)poll(&p, 1, 1);
    dealer_polled(d, p.revents);
}

static void say(int fd, const void *p, size_t n)
{
    ck_assert_int_eq(send(fd, p, n, MSG_NOSIGNAL), (ssize_t)n);
}

// What the client says next, n bytes.
static void hear(int fd, uint8_t *p, size_t n)
{
    int64_t end = clock_now() + patience;
    struct dealer_message m;
    for (size_t got = 0; got < n;) {
        ssize_t k = recv(fd, p + got, n - got, MSG_DONTWAIT);
        got += k > 0 ? (size_t)k : 0;
        ck_assert_int_ne(k, 0);
        ck_assert_int_lt(clock_now(), end);
        if (got < n)
            turn();
        ck_assert_int_eq(dealer_recv(d, &m), ERR_AGAIN);
    }
}

static int take(void)
{
    uint8_t greeting[ZMTP_GREETING_SIZE];
    int64_t end = clock_now() + patience;
    int fd;
    while ((fd = accept(listener, NULL, NULL)) < 0) {
        ck_assert_int_lt(clock_now(), end);
        turn();
    }
    hear(fd, greeting, sizeof greeting);
    ck_assert_int_eq(zmtp_check_greeting(greeting), OK);
    return fd;
}

static void say_greeting(int fd)
{
    struct buf b;
    buf_init(&b, 1000);
    zmtp_put_greeting(&b);
    say(fd, b.bytes, b.n);
    buf_fini(&b);
}

// A server that does all as it should; its end.
static int take_in(void)
{
    static const char want[] = "\4\x2b\5READY\vSocket-Type\0\0\0\6DEALER\bIdentity\0\0\0\2me";
    uint8_t command[sizeof want - 1];
    int fd = take();
    say_greeting(fd);
    hear(fd, command, sizeof command);
    ck_assert_mem_eq(command, want, sizeof command);
    say(fd, ready, sizeof ready - 1);
    return fd;
}

static void expect(struct dealer_message *m)
{
    int64_t end = clock_now() + patience;
    while (dealer_recv(d, m)) {
        ck_assert_int_lt(clock_now(), end);
        turn();
    }
}

static void expect_text(const char *text)
{
    struct dealer_message m;
    expect(&m);
    ck_assert_uint_eq(m.n, 1);
    ck_assert_uint_eq(m.frames[0].n, strlen(text));
    ck_assert_mem_eq(m.frames[0].p, text, m.frames[0].n);
}

static void expect_end(int fd)
{
    int64_t end = clock_now() + patience;
    uint8_t rest[1000];
    struct dealer_message m;
    for (ssize_t n = 1; n; n = recv(fd, rest, sizeof rest, MSG_DONTWAIT)) {
        ck_assert_int_lt(clock_now(), end);
        turn();
        ck_assert_int_eq(dealer_recv(d, &m), ERR_AGAIN);
    }
    (void)close(fd);
}

START_TEST(what_waits_leaves_after_the_handshake)
{
    uint8_t got[9];
    struct bin frames[] = {{(const uint8_t *)"ab", 2}, {(const uint8_t *)"cde", 3}};
    ck_assert_int_eq(dealer_send(d, frames, 2), OK);
    int fd = take_in();
    hear(fd, got, 9);
    ck_assert_mem_eq(got, "\1\2ab\0\3cde", 9);
    ck_assert(dealer_is_idle(d));
    (void)close(fd);
}
END_TEST

START_TEST(a_message_may_come_byte_by_byte)
{
    static const char bytes[] = "\1\2ab\3\0\0\0\0\0\0\0\3cde\1\0\0\1f";
    struct dealer_message m;
    int fd = take_in();
    for (size_t i = 0; i < sizeof bytes - 1; i++) {
        ck_assert(!dealer_has_input(d));
        say(fd, bytes + i, 1);
        turn();
    }
    ck_assert(dealer_has_input(d));
    ck_assert(dealer_has_input(d)); // and again
    expect(&m);
    ck_assert_uint_eq(m.n, 4);
    ck_assert_mem_eq(m.frames[0].p, "ab", 2);
    ck_assert_mem_eq(m.frames[1].p, "cde", 3);
    ck_assert_uint_eq(m.frames[2].n, 0);
    (void)close(fd);
}
END_TEST

// More than a block holds, while what came before is still borrowed.
START_TEST(long_messages_leave_borrowed_ones_alone)
{
    enum { N = 20, BYTES = 300000 };
    static uint8_t big[ZMTP_HEAD_MAX + BYTES];
    struct dealer_message m[N];
    int fd = take_in();
    for (int i = 0; i < N; i++) {
        struct buf head;
        uint32_t n = i % 2 ? BYTES : 10;
        buf_init(&head, 100);
        zmtp_put_head(&head, n, 0);
        memcpy(big, head.bytes, head.n);
        memset(big + head.n, i, n);
        for (size_t at = 0; at < head.n + n;) {
            ssize_t k = send(fd, big + at, head.n + n - at, MSG_DONTWAIT | MSG_NOSIGNAL);
            at += k > 0 ? (size_t)k : 0;
            turn();
            (void)dealer_has_input(d);
        }
        expect(&m[i]);
        buf_fini(&head);
    }
    for (int i = 0; i < N; i++) {
        const struct bin *f = &m[i].frames[0];
        ck_assert_uint_eq(f->n, i % 2 ? BYTES : 10);
        for (uint32_t k = 0; k < f->n; k += 7)
            ck_assert_int_eq(f->p[k], i);
    }
    dealer_release(d);
    say(fd, "\0\1x", 3);
    expect_text("x");
    (void)close(fd);
}
END_TEST

START_TEST(a_ping_is_answered)
{
    uint8_t got[9];
    int fd = take_in();
    say(fd, "\4\x09\4PING\0\1xy", 11);
    say(fd, "\0\1z", 3);
    expect_text("z");
    hear(fd, got, 9);
    ck_assert_mem_eq(got, "\4\7\4PONGxy", 9);
    (void)close(fd);
}
END_TEST

START_TEST(what_was_said_last_is_read_before_the_end)
{
    struct bin x = {(const uint8_t *)"x", 1};
    int fd = take_in();
    say(fd, "\0\3bye", 5);
    turn();
    say(fd, "\0\1!", 3);
    (void)close(fd);
    ck_assert_int_eq(dealer_send(d, &x, 1), OK); // into a closed pipe
    dealer_pump(d);
    expect_text("bye");
    expect_text("!");
    struct dealer_message m;
    for (int64_t end = clock_now() + patience; !dealer_has_closed(d); turn()) {
        ck_assert_int_lt(clock_now(), end);
        ck_assert_int_eq(dealer_recv(d, &m), ERR_AGAIN);
    }
    ck_assert(dealer_take_closed(d));
    ck_assert(!dealer_take_closed(d));
    ck_assert(!dealer_is_denied(d));
    fd = take_in(); // it comes back
    say(fd, "\0\1a", 3);
    expect_text("a");
    (void)close(fd);
}
END_TEST

START_TEST(a_full_pipe_is_no_reason_to_wait)
{
    enum { N = 64, BYTES = 100000 };
    static uint8_t got[N * (ZMTP_HEAD_MAX + BYTES)];
    uint8_t *bytes = mem_alloc(BYTES);
    int fd = take_in();
    for (int i = 0; i < N; i++) {
        memset(bytes, i, BYTES);
        ck_assert_int_eq(dealer_send(d, &(struct bin){bytes, BYTES}, 1), OK);
        dealer_pump(d);
    }
    ck_assert(!dealer_is_idle(d));
    hear(fd, got, sizeof got);
    for (int i = 0; i < N; i++)
        ck_assert_int_eq(got[(i + 1) * (ZMTP_HEAD_MAX + BYTES) - 1], i);
    mem_free(bytes);
    (void)close(fd);
}
END_TEST

#define GREETING "\xff\0\0\0\0\0\0\0\0\x7f\3\1"
#define ZEROS    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define BYTES(s) s, sizeof(s) - 1
// After which it is another server that is wanted.
static const struct {
    const char *bytes;
    size_t n;
    bool in; // after the handshake
} bad[] = {
    {BYTES("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
     false},
    {BYTES(GREETING "CURVE" ZEROS ZEROS ZEROS "\0\0\0\0\0"), false},
    {BYTES(GREETING "NULL" ZEROS ZEROS ZEROS "\4\x0a\5ERROR\3"
                    "400"),
     false},
    {BYTES(GREETING "NULL" ZEROS ZEROS ZEROS "\0\1x"), false},
    {BYTES(GREETING "NULL" ZEROS ZEROS ZEROS "\2\xff\xff\xff\xff\xff\xff\xff\xff"), false},
    {BYTES("\2\xff\xff\xff\xff\xff\xff\xff\xff"), true},
    {BYTES("\2\0\0\0\0\1\0\0\1"), true}, // one byte above the limit
    {BYTES("\xf0\1x"), true},
    {BYTES("\1\1x\4\5\4PING"), true}, // a command within a message
};

START_TEST(a_server_that_says_nonsense_is_left)
{
    int fd = bad[_i].in ? take_in() : take();
    say(fd, bad[_i].bytes, bad[_i].n);
    expect_end(fd);
    ck_assert_int_eq(dealer_is_denied(d), !bad[_i].in);
    ck_assert_int_eq(dealer_take_closed(d), bad[_i].in);
    (void)close(take_in());
}
END_TEST

START_TEST(frames_without_an_end_are_refused)
{
    static uint8_t frames[2 * 65536];
    int fd = take_in();
    for (size_t i = 0; i < sizeof frames; i += 2)
        frames[i] = ZMTP_MORE; // and no byte each
    int64_t end = clock_now() + patience;
    struct dealer_message m;
    while (!dealer_has_closed(d)) {
        (void)!send(fd, frames, sizeof frames, MSG_NOSIGNAL | MSG_DONTWAIT);
        turn();
        ck_assert_int_eq(dealer_recv(d, &m), ERR_AGAIN);
        ck_assert_int_lt(clock_now(), end);
    }
    (void)close(fd);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("dealer");
    TCase *c = tcase_create("dealer");
    tcase_set_timeout(c, 60);
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_add_test(c, what_waits_leaves_after_the_handshake);
    tcase_add_test(c, a_message_may_come_byte_by_byte);
    tcase_add_test(c, long_messages_leave_borrowed_ones_alone);
    tcase_add_test(c, a_ping_is_answered);
    tcase_add_test(c, what_was_said_last_is_read_before_the_end);
    tcase_add_test(c, a_full_pipe_is_no_reason_to_wait);
    tcase_add_loop_test(c, a_server_that_says_nonsense_is_left, 0, sizeof bad / sizeof bad[0]);
    tcase_add_test(c, frames_without_an_end_are_refused);
    suite_add_tcase(s, c);
    return harness_run(s);
}
