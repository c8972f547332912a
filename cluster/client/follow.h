// SPDX-License-Identifier: MIT
// follow.h - staying with a job until it ends.
//
// A coordinator that goes away is waited for: it may be starting again.
//
// Ownership  The caller that `follow` uses belongs to it from follow_job on, and is
//            replaced when the connection is; whoever made the struct closes it.
// Threads    One.

#ifndef CLUSTER_CLIENT_FOLLOW_H
#define CLUSTER_CLIENT_FOLLOW_H

#include "cluster/client/local.h"
#include "cluster/client/target.h"
#include "cluster/client/view.h"

struct follow {
    struct caller *caller;       // NULL: opened here
    const struct target *target; // where it is, or
    struct local *local;         // our own cluster, kept going meanwhile
    struct view *view;           // NULL: silent
    int signals;                 // signals_open(), or -1
    const char *job;
};

// The final document, in the arena.  ERR_CANCELLED: a signal asks us to stop.
MUST_CHECK enum error
follow_job(struct follow *f, struct arena *a, struct value *document, struct errtext *t);
// Meanwhile, for who waits for something else: our own cluster's turn and the signals.
// *next: when to come back.  ERR_CANCELLED as above; ERR_IO: the cluster is lost.
MUST_CHECK enum error follow_look(struct follow *f, int64_t *next, struct errtext *t);
// Our own cluster until its coordinator answers; then f->caller is open.
MUST_CHECK enum error follow_start(struct follow *f, struct errtext *t);

#endif
