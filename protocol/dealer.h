// SPDX-License-Identifier: MIT
// dealer.h - the client's end of a connection over a socket file, without a thread.
//
// A libzmq socket does its input and output on a thread of its own: two changes of
// thread and some twenty system calls for a message there and one back.  A client
// talks to one coordinator, so here the caller's thread writes and reads itself, in
// ZMTP (zmtp.h); the other end is a libzmq ROUTER.  Only where no keys are needed.
//
// What is sent leaves at dealer_pump or dealer_close; what was sent before there was
// a connection waits for one.  After a connection ended another one is tried every
// 10 to 500 ms, and what had not left is lost with the old one.
//
// Ownership  The opener's.  Received frames are borrowed until dealer_release.
// Time       Nanoseconds on clock_now's clock.
// Threads    Confined to the owner's thread.

#ifndef PROTOCOL_DEALER_H
#define PROTOCOL_DEALER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "protocol/message.h"

struct dealer;

// `path` of a socket file; nobody needs to listen there yet.  ERR_INVALID: too long.
MUST_CHECK enum error
dealer_open(const char *path, struct bin identity, struct dealer **out, struct errtext *t);
void dealer_close(struct dealer *d); // NULL is fine; what was sent has 100 ms to leave

// All frames are one message.  ERR_LIMIT: too much waits to be sent.
MUST_CHECK enum error dealer_send(struct dealer *d, const struct bin *frames, uint32_t n);

enum { DEALER_FRAMES = 3 };
struct dealer_message {
    struct bin frames[DEALER_FRAMES]; // the first ones
    uint32_t n;                       // in all
};
MUST_CHECK enum error dealer_recv(struct dealer *d, struct dealer_message *m); // ERR_AGAIN
void dealer_release(struct dealer *d);
bool dealer_has_input(struct dealer *d); // dealer_recv would have one

// To sleep: pump, poll the descriptor (-1: none) for these events until dealer_due at
// the latest, then say what poll said.
void dealer_pump(struct dealer *d); // connects when it is time, sends what waits
int dealer_fd(const struct dealer *d);
short dealer_events(const struct dealer *d);
int64_t dealer_due(const struct dealer *d); // INT64_MAX: never
void dealer_polled(struct dealer *d, short events);
void dealer_look(struct dealer *d); // the next look is at the socket, whatever poll said

bool dealer_has_closed(const struct dealer *d);
bool dealer_take_closed(struct dealer *d); // a connection ended since it was last asked
bool dealer_is_denied(const struct dealer *d);
bool dealer_is_idle(const struct dealer *d); // connected, and nothing waits to be sent

#endif
