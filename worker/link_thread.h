// SPDX-License-Identifier: MIT
// link_thread.h - the thread that talks: one DEALER, one link, blocks to and from
// the main thread.
//
// It also watches for SIGTERM and SIGINT (blocked in all threads before any is
// made): it tells the coordinator GOODBYE and main to end.  When the pod shall
// end and main does not come back within a grace, it ends the process: main may
// hang in a collective whose other ranks are gone.
//
// Ownership  The starter stops it.
// Threads    start, send, stop: main's.  The shared words: one writer each.

#ifndef WORKER_LINK_THREAD_H
#define WORKER_LINK_THREAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "common/mailbox.h"
#include "worker/link.h"

struct link_thread;
struct report;

// Words that both threads look at.
struct link_shared {
    _Atomic uint64_t progress; // main: counts up while it moves
    _Atomic uint64_t working;  // main: the lease it works on, 0: none
    _Atomic bool congested;    // link thread: start nothing now
};

struct link_thread_options {
    struct link_options link;
    const char *endpoint;
    const char *key_dir;     // NULL for ipc
    struct mailbox *to_main; // struct orders *
    struct link_shared *shared;
    int64_t spin_ns; // before it blocks, at most
};

MUST_CHECK enum error link_thread_start(const struct link_thread_options *o,
                                        struct link_thread **out,
                                        struct errtext *t);
void link_thread_send(struct link_thread *l, struct report *r);
// Sends what is left (and GOODBYE, unless it was said before), joins.
void link_thread_stop(struct link_thread *l); // NULL is fine

#endif
