// SPDX-License-Identifier: MIT
// zap.h - the thread that decides which CURVE keys may connect.
//
// libzmq asks at inproc://zeromq.zap.01 about every new connection, and admits
// everybody while nobody is bound there.  So zap_start returns only after the
// handler has answered, and refused a key made up on the spot; the channel
// opens its ports afterwards, and treats the thread's end as its own.
//
// Ownership  The starter stops it, after closing its own sockets: stopping
//            shuts the context down.
// Threads    One of its own; the calls are the starter's.

#ifndef PROTOCOL_ZAP_H
#define PROTOCOL_ZAP_H

#include <stdbool.h>

#include "common/error.h"

struct zap;

// `context`: a zmq context.  Admits the keys of key_dir/authorized; a connection's
// User-Id is its role's name.
MUST_CHECK enum error
zap_start(void *context, const char *key_dir, struct zap **out, struct errtext *t);
void zap_stop(struct zap *z);            // NULL is fine
bool zap_is_broken(const struct zap *z); // ended without being stopped
int zap_fd(const struct zap *z);         // readable when broken

#endif
