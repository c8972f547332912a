// SPDX-License-Identifier: MIT
// test_http.c - the HTTP side over real sockets: whole answers, streams, limits, hang-ups.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "coordinator/http.h"
#include "tests/unit/harness.h"

static struct http *h;
static struct mailbox *mail;

static void set_up(void)
{
    struct errtext t = {{0}};
    mail = mailbox_create();
    const struct http_options o = {.address = "0", .requests = mail};
    ck_assert_msg(!http_open(&o, &h, &t), "%s", t.text);
}

static void tear_down(void)
{
    http_close(h);
    ck_assert(mailbox_is_empty(mail)); // what it pointed to is gone
    mailbox_destroy(mail);
}

static int dial(void)
{
    const char *colon = strrchr(http_url(h), ':');
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10))};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    if (http_fd(h) >= 0)
        http_start(h);
    ck_assert_int_lt(http_fd(h), 0);
    return fd;
}

static void say(int fd, const char *text)
{
    ck_assert_int_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

// The next thing that is no knock.
static struct http_request *next(void)
{
    for (;;) {
        struct http_request *r = mailbox_take(mail);
        if (r && !r->knock)
            return r;
        if (!r)
            mailbox_wait(mail, 100 * CLOCK_MS, 0);
        (void)http_sweep(h, clock_now());
    }
}

// Until the other end closes, or the text has `until` in it.
static char *hear(int fd, const char *until)
{
    static char text[1 << 16];
    size_t n = 0;
    text[0] = 0;
    while (!until || !strstr(text, until)) {
        ssize_t got = recv(fd, text + n, sizeof text - 1 - n, 0);
        if (got <= 0)
            break;
        n += (size_t)got;
        text[n] = 0;
    }
    return text;
}

static void answer(struct http_request *r, unsigned status, const char *text)
{
    const struct http_answer a = {
        .status = status, .content_type = "text/plain", .bytes = text, .n = strlen(text)};
    http_answer(r, &a);
}

START_TEST(a_request_arrives_whole_and_its_answer_too)
{
    int fd = dial();
    say(fd, "POST /a%20b/c?x=1%202&y HTTP/1.1\r\nHost: localhost:1\r\nContent-Length: 5\r\n"
            "Authorization: Bearer abc\r\nConnection: close\r\n\r\nhe");
    say(fd, "llo");
    struct http_request *r = next();
    ck_assert_str_eq(r->method, "POST");
    ck_assert_str_eq(r->path, "/a b/c");
    ck_assert_str_eq(r->host, "localhost:1");
    ck_assert_str_eq(r->authorization, "Bearer abc");
    ck_assert_uint_eq(r->n_query, 2);
    ck_assert_str_eq(r->query[0].value, "1 2");
    ck_assert_str_eq(r->query[1].key, "y");
    ck_assert_str_eq(buf_cstr(&r->body), "hello");
    answer(r, 429, "later\n");
    const char *text = hear(fd, NULL);
    ck_assert_ptr_nonnull(strstr(text, " 429 "));
    ck_assert_ptr_nonnull(strstr(text, "\r\n\r\nlater\n"));
    (void)close(fd);
}
END_TEST

START_TEST(a_connection_serves_one_request_after_another)
{
    int fd = dial();
    for (int i = 0; i < 3; i++) {
        say(fd, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        answer(next(), 200, "fine.");
        ck_assert_ptr_nonnull(strstr(hear(fd, "fine."), " 200 "));
    }
    ck_assert_uint_eq(http_n_connections(h), 1);
    (void)close(fd);
}
END_TEST

START_TEST(a_stream_grows_until_its_end)
{
    int fd = dial();
    say(fd, "GET /s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    struct http_request *r = next();
    r->mark = 7;
    http_stream(r, "text/event-stream");
    ck_assert_int_eq(http_stream_write(r, "data: 1\n\n", 9), OK);
    ck_assert_ptr_nonnull(strstr(hear(fd, "data: 1"), "text/event-stream"));
    ck_assert_int_eq(http_stream_write(r, "data: 2\n\n", 9), OK);
    ck_assert_ptr_nonnull(strstr(hear(fd, "data: 2"), "data: 2"));
    http_stream_end(r);
    ck_assert_str_eq(hear(fd, NULL) + strlen("\r\n0") - 1, "\n\r\n");
    (void)close(fd);
}
END_TEST

START_TEST(who_hangs_up_during_a_stream_is_noticed)
{
    int fd = dial();
    say(fd, "GET /s HTTP/1.1\r\nHost: localhost\r\n\r\n");
    struct http_request *r = next();
    r->mark = 7;
    http_stream(r, "text/event-stream");
    ck_assert_int_eq(http_stream_write(r, "data: 1\n\n", 9), OK);
    (void)hear(fd, "data: 1");
    (void)close(fd);
    struct http_request *note = next();
    ck_assert(note->gone);
    ck_assert_uint_eq(note->mark, 7);
    http_note_free(note);
    http_stream_end(r);
}
END_TEST

START_TEST(who_hangs_up_before_an_answer_is_noticed)
{
    int fd = dial();
    say(fd, "GET /w HTTP/1.1\r\nHost: localhost\r\n\r\n");
    struct http_request *r = next();
    r->mark = 9;
    (void)close(fd);
    struct http_request *note = next();
    ck_assert(note->gone);
    ck_assert_uint_eq(note->mark, 9);
    http_note_free(note);
    answer(r, 200, "to nobody");
}
END_TEST

START_TEST(a_slow_reader_of_a_stream_is_cut_off)
{
    static char block[32768];
    int fd = dial();
    bool cut = false;
    memset(block, 'x', sizeof block);
    say(fd, "GET /s HTTP/1.1\r\nHost: localhost\r\n\r\n");
    struct http_request *r = next();
    http_stream(r, "text/event-stream");
    for (int i = 0; i < 10000 && !cut; i++)
        cut = http_stream_write(r, block, sizeof block) == ERR_CLOSED;
    ck_assert(cut);
    http_stream_end(r);
    (void)close(fd);
}
END_TEST

// Requests that never reach the loop, and how they are answered.
static const struct {
    const char *text;
    const char *status;
} bad[] = {
    {"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n", " 413 "},
    {"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", " 400 "},
    {"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n", " 400 "},
    {"GET /?a&b&c&d&e&f&g&h&i&j&k&l&m&n&o&p&q HTTP/1.1\r\nHost: localhost\r\n\r\n", " 400 "},
    {"\x16\x03\x01\x02garbage\r\n\r\n", ""},
};

START_TEST(bad_requests_do_not_reach_the_loop)
{
    int fd = dial();
    say(fd, bad[_i].text);
    (void)shutdown(fd, SHUT_WR);
    ck_assert_ptr_nonnull(strstr(hear(fd, NULL), bad[_i].status));
    const struct http_request *r = mailbox_take(mail);
    ck_assert(!r || r->knock);
    (void)close(fd);
}
END_TEST

START_TEST(a_header_has_its_limit)
{
    static char text[4 * HTTP_HEADER_MAX];
    int fd = dial();
    size_t n = (size_t)snprintf(text, sizeof text, "GET /");
    memset(text + n, 'a', 2 * HTTP_HEADER_MAX);
    n += 2 * (size_t)HTTP_HEADER_MAX;
    (void)snprintf(text + n, sizeof text - n, " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    (void)send(fd, text, strlen(text), MSG_NOSIGNAL);
    const char *got = hear(fd, NULL);
    ck_assert_msg(!*got || strstr(got, " 414 ") || strstr(got, " 431 ") || strstr(got, " 413 "),
                  "%s", got);
    (void)close(fd);
}
END_TEST

START_TEST(who_is_too_slow_to_ask_is_cut_off)
{
    int fd = dial();
    say(fd, "GET / HT");
    while (!http_n_connections(h))
        (void)poll(NULL, 0, 1);
    // Long after now by the clock that the caller brings.
    ck_assert_int_lt(http_sweep(h, clock_now()), INT64_MAX);
    (void)http_sweep(h, clock_now() + 3600 * CLOCK_SECOND);
    ck_assert_ptr_null(strstr(hear(fd, NULL), " 200 "));
    (void)close(fd);
    while (http_n_connections(h))
        (void)poll(NULL, 0, 1);
    ck_assert_int_eq(http_sweep(h, clock_now()), INT64_MAX);
}
END_TEST

START_TEST(closing_with_open_requests_leaves_nothing)
{
    int waiting = dial();
    int streaming = dial();
    say(waiting, "GET /w HTTP/1.1\r\nHost: localhost\r\n\r\n");
    (void)next();
    say(streaming, "GET /s HTTP/1.1\r\nHost: localhost\r\n\r\n");
    struct http_request *r = next();
    http_stream(r, "text/event-stream");
    ck_assert_int_eq(http_stream_write(r, "x", 1), OK);
    http_close(h);
    h = NULL;
    (void)hear(waiting, NULL);
    (void)hear(streaming, NULL);
    (void)close(waiting);
    (void)close(streaming);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("http");
    TCase *c = tcase_create("http");
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_add_test(c, a_request_arrives_whole_and_its_answer_too);
    tcase_add_test(c, a_connection_serves_one_request_after_another);
    tcase_add_test(c, a_stream_grows_until_its_end);
    tcase_add_test(c, who_hangs_up_during_a_stream_is_noticed);
    tcase_add_test(c, who_hangs_up_before_an_answer_is_noticed);
    tcase_add_test(c, a_slow_reader_of_a_stream_is_cut_off);
    tcase_add_loop_test(c, bad_requests_do_not_reach_the_loop, 0, sizeof bad / sizeof bad[0]);
    tcase_add_test(c, a_header_has_its_limit);
    tcase_add_test(c, who_is_too_slow_to_ask_is_cut_off);
    tcase_add_test(c, closing_with_open_requests_leaves_nothing);
    suite_add_tcase(s, c);
    return harness_run(s);
}
