// SPDX-License-Identifier: MIT
// work.h - the main thread's loop: orders in, leases run, reports out.
//
// Orders are done in their order; a revocation and the end are seen at once,
// also by a workload that asks whether it is cancelled.  Results are reported in
// batches while leases are short, one by one when they are long.  With nothing
// to do it spins for a moment, as long as that pays, and then blocks.
//
// Ownership  The creator's.
// Threads    Main thread only.

#ifndef WORKER_WORK_H
#define WORKER_WORK_H

#include <stdbool.h>
#include <stdint.h>

#include "worker/link_thread.h"
#include "worker/runner.h"

struct work;
struct group;

struct work_options {
    struct mailbox *from_link; // struct orders *
    struct link_thread *link;
    struct link_shared *shared;
    // The gang of ranks [first, first + n); n == 1: this rank alone.
    struct group *(*gang)(void *ctx, uint32_t first, uint32_t n);
    void *gang_ctx;
    uint32_t rank;
    // What runner.h asks for; is_cancelled, log and progress are set here.
    struct runner_host host;
    int64_t spin_ns; // before it blocks, at most
};

struct work *work_create(const struct work_options *o);
void work_destroy(struct work *w);
// Until the link thread says that it is over.  True: in failure, *why says it.
bool work_run(struct work *w, const char **why);
// While the main thread waits inside something else (a blob): alive.
void work_idle(struct work *w);

#endif
