// SPDX-License-Identifier: MIT
// channel_fixture.h - a server on tcp and ipc with keys of its own, and its peers.
//
// For the programs that test protocol/channel.h; each has the fixture to itself.
//
// Threads    Single, beside those of libzmq.

#ifndef TESTS_UNIT_CHANNEL_FIXTURE_H
#define TESTS_UNIT_CHANNEL_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "protocol/channel.h"
#include "protocol/channel_state.h"
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

static inline void setup(void)
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

static inline void teardown(void)
{
    char command[400];
    channel_close(server);
    arena_destroy(arena);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", dir);
    ck_assert_int_eq(system(command), 0);
}

static inline struct channel *connect_as(const char *role)
{
    struct channel *c = NULL;
    const char *endpoint = role ? channel_endpoint(server, 0) : ipc;
    ck_assert_msg(channel_connect(endpoint, role ? keys : NULL, role, (struct bin){0}, &c, &t)
                      == OK,
                  "%s", t.text);
    return c;
}

// What a client over a socket file sent leaves when it waits.
static inline void push(struct channel *c)
{
    int64_t end = clock_now() + patience;
    while (c->dealer && !dealer_is_idle(c->dealer)) {
        ck_assert_int_lt(clock_now(), end);
        (void)channel_wait(c, CLOCK_MS, 0, NULL, 0);
    }
}

// Anything but ERR_AGAIN, or ERR_AGAIN when `timeout` is over.
static inline enum error
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

static inline void send_ack(struct channel *c, uint64_t peer, uint64_t n)
{
    struct message m = {.type = MSG_ACK, .id = n, .ack = {.upto = n}};
    ck_assert_int_eq(channel_send(c, peer, &m), OK);
    push(c);
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

#endif
