// SPDX-License-Identifier: MIT
// channel.h - ZeroMQ sockets that carry struct message; zmq.h's home.
//
// A server channel is one ROUTER (ROUTER_MANDATORY, HWM 0, non-blocking sends,
// MAXMSGSIZE) behind any number of endpoints; a client channel is one DEALER, on
// ipc without libzmq (dealer.h): there, what it sends leaves when it waits or closes.
// On tcp every connection is CURVE; the ZAP handler is
// bound before the first port opens, on a thread of this channel, and its end
// ends the process (channel_broken).  ipc endpoints are keyless and only
// allowed inside a directory that is ours and 0700.  Credits are the callers'.
//
// Peers get small numbers, never reused while the process lives (peers.h).  A
// closed connection is seen by the socket monitor and reported as a hint.
// A client that gives no identity is a new peer after every reconnection.
//
// Ownership  The opener closes.  A received message borrows from the channel
//            until channel_recv_release.
// Threads    One thread a channel.

#ifndef PROTOCOL_CHANNEL_H
#define PROTOCOL_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/error.h"
#include "common/mailbox.h"
#include "protocol/keys.h"
#include "protocol/message.h"

struct channel;

struct channel_peer {
    uint64_t id;    // 1… on a server; 0 on a client
    enum role role; // by its key; ROLE_WORKER on ipc (all may be done there); NONE on a client
};

// Server.  At least one endpoint; `key_dir` NULL: only ipc endpoints are accepted.
// Raises the process's descriptor limit as far as it may.
MUST_CHECK enum error channel_serve(const char *const *endpoints,
                                    const char *key_dir,
                                    struct channel **out,
                                    struct errtext *t);
// The endpoint as bound ("tcp://127.0.0.1:40123" for a port of *).
const char *channel_endpoint(const struct channel *c, uint32_t i);
// Client.  `role_key`: name of the pair in key_dir ("worker", "submit"); key_dir NULL
// for ipc.  `identity` (at most 16 bytes) is better empty: a ROUTER silently turns
// away who comes with the name of a connection that it still believes in.
MUST_CHECK enum error channel_connect(const char *endpoint,
                                      const char *key_dir,
                                      const char *role_key,
                                      struct bin identity,
                                      struct channel **out,
                                      struct errtext *t);
void channel_close(struct channel *c); // NULL is fine; what was sent has 100 ms to leave

// Send to a peer (a client: 0).  ERR_CLOSED: no such peer any more (a hint to
// the caller that it is gone); ERR_LIMIT: larger than a frame may be.  Never
// blocks, never drops otherwise.
MUST_CHECK enum error channel_send(struct channel *c, uint64_t peer, const struct message *m);

// Receive one message without blocking.  Strings in *m point into a frame that
// lives until the next channel_recv_release.  ERR_AGAIN: nothing there.
// ERR_PROTO, ERR_UNSUPPORTED, ERR_LIMIT, ERR_DENIED: a bad frame: `peer` is filled
// in, and m->type and m->id as far as they could be read; t says what, the
// channel goes on.  ERR_CLOSED: channel_broken.
MUST_CHECK enum error channel_recv(struct channel *c,
                                   struct arena *a,
                                   struct channel_peer *peer,
                                   struct message *m,
                                   struct errtext *t);
void channel_recv_release(struct channel *c); // frames received so far may go

// One hint that a peer's connection closed; ERR_AGAIN: none.
MUST_CHECK enum error channel_closed_peer(struct channel *c, uint64_t *peer);
bool channel_broken(const struct channel *c);    // the ZAP thread ended
bool channel_is_denied(const struct channel *c); // a client whose key was refused

// What to wait for beside the channel, at most 13 in all.
struct channel_beside {
    const int *fds;
    uint32_t n_fds;
    struct mailbox *const *mailboxes;
    uint32_t n_mailboxes;
};
// What is ready: a bit each.
enum { CHANNEL_INPUT = 1, CHANNEL_MONITOR = 2, CHANNEL_FD = 4 };
#define CHANNEL_MAIL (UINT32_C(1) << 31)

// Adaptive: spins up to `spin_ns` first, then blocks up to timeout (< 0: for ever).
// Returns what is ready: CHANNEL_INPUT, CHANNEL_MONITOR (ask channel_closed_peer until
// ERR_AGAIN), CHANNEL_FD << i for fds[i], CHANNEL_MAIL for one of the mailboxes.
// While messages never stop, monitor and fds are looked at now and then.
uint32_t channel_wait_beside(struct channel *c,
                             int64_t timeout_ns,
                             int64_t spin_ns,
                             const struct channel_beside *beside);
uint32_t channel_wait(
    struct channel *c, int64_t timeout_ns, int64_t spin_ns, const int *fds, uint32_t n_fds);

#endif
