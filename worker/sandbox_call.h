// SPDX-License-Identifier: MIT
// sandbox_call.h - one conversation with the helper: a request out, output in
// while the command runs, its end.
//
// Ownership  In the caller's storage; descriptors are closed on return.
// Threads    The rank's main thread.

#ifndef WORKER_SANDBOX_CALL_H
#define WORKER_SANDBOX_CALL_H

#include "worker/sandbox_wire.h"
#include "worker/tail.h"

// Output handed to one call of the poll function.
enum { SANDBOX_FRESH_MAX = 32 << 10 };

struct sandbox_call {
    int sock;
    const struct sandbox_command *c;
    const struct sandbox_request *request;
    struct tail *out_tail, *err_tail;
    struct sandbox_reply reply; // out
    // Own
    int out, err; // read ends; -1 at their end
    int given[3]; // write ends and the input, for the helper
    int n_given;
    bool cancelled;
    int64_t poll_at;
    size_t n_fresh;
    char fresh[SANDBOX_FRESH_MAX];
};

// FAULT_WORKER: the helper is gone, or no descriptors are left.
MUST_CHECK enum error sandbox_call(struct sandbox_call *k, struct errtext *t);

#endif
