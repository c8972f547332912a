// SPDX-License-Identifier: MIT
// channel_state.h - what channel.c and channel_open.c know of a channel.
//
// Ownership, threads: channel.h.

#ifndef PROTOCOL_CHANNEL_STATE_H
#define PROTOCOL_CHANNEL_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include <zmq.h>

#include "common/buf.h"
#include "protocol/dealer.h"
#include "protocol/peers.h"
#include "protocol/zap.h"

enum {
    CHANNEL_ENDPOINT_SIZE = 256,
    CHANNEL_BLOCK = 64,
    CHANNEL_SPIN_WHOLE = 16, // sixteenths of spin_ns
    // Received messages a connection may pile up in us before TCP holds it back.
    // More than any credit that we give.
    CHANNEL_RECEIVE_HWM = 1000,
};

// Messages that the caller still reads from.  A zmq_msg_t of few bytes holds them
// itself, so it must not move.
struct channel_block {
    zmq_msg_t messages[CHANNEL_BLOCK];
    struct channel_block *next;
};

struct channel {
    struct dealer *dealer; // a client's end over a socket file: then nothing of libzmq
    void *context;
    void *socket;
    void *monitor;
    int socket_fd, monitor_fd; // libzmq's; see channel_wait.c
    bool monitor_due;          // it has events that were not taken
    bool quiet;                // nothing was there, and the socket was not touched since
    struct zap *zap;           // on a server with tcp endpoints
    struct peers *peers;       // NULL on a client
    char (*endpoints)[CHANNEL_ENDPOINT_SIZE];
    uint32_t n_endpoints;
    bool has_ipc;
    bool closed_hint; // a client's connection closed
    bool denied;
    struct buf out;
    struct channel_block *first;
    struct channel_block *current;
    uint32_t n_current; // messages held in *current
    uint32_t n_waits;
    uint32_t spin_share; // 1 … CHANNEL_SPIN_WHOLE: how much of spin_ns pays at present
};

void channel_drain_monitor(struct channel *c);

#endif
