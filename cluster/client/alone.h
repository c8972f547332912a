// SPDX-License-Identifier: MIT
// alone.h - a private cluster on this machine for one job, and its end.
//
// Everything of it lies in a directory of its own, which goes with it.
//
// Ownership  alone_close gives back all that alone_open made, whatever of it
//            succeeded; the follow's caller belongs to it.
// Threads    One.

#ifndef CLUSTER_CLIENT_ALONE_H
#define CLUSTER_CLIENT_ALONE_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/client/follow.h"
#include "protocol/caller.h"

enum { ALONE_RANKS_MAX = 4096 };

struct alone_options {
    int64_t ranks, pods; // 0: as the CPUs and the gang ask for
    int64_t gang;        // of the job
    const char *job;     // what messages call it
    const char *http;    // where HTTP clients come in; NULL: nowhere
    bool loud;           // logs on standard error
    bool quiet;          // no live view
};

struct alone {
    struct follow follow; // signals and view open; the job once it is submitted
    struct arena *arena;
    char dir[256];
};

MUST_CHECK enum error
alone_open(const struct alone_options *o, struct alone *out, struct errtext *t);
MUST_CHECK enum error
alone_submit(struct alone *a, const struct caller_submission *s, struct errtext *t);
// The job ends in order, as far as there is one: somebody pressed Ctrl-C.
void alone_cancel(struct alone *a);
void alone_close(struct alone *a);

#endif
