// SPDX-License-Identifier: MIT
// caller_state.h - a caller's inside, for the files beneath caller.h only.
//
// Threads    One thread a caller.

#ifndef PROTOCOL_CALLER_STATE_H
#define PROTOCOL_CALLER_STATE_H

#include "protocol/caller.h"
#include "protocol/channel.h"

struct caller {
    struct channel *channel;
    struct caller_options o;
    char *endpoint;
    struct arena *arena; // of the message received last
    uint64_t next_id;
    uint64_t stream; // id of the request whose answers go on, 0: none
    bool reached;    // it has answered once
};

// Send with a number of its own and wait for the answer to that number.  *reply
// lives until the next request.
MUST_CHECK enum error
caller_request(struct caller *c, struct message *m, struct message *reply, struct errtext *t);

#endif
