// SPDX-License-Identifier: MIT
// runner.h - executes leases: opens the job's workload, calls it chunk by chunk,
// checks what it returned, and makes the result.
//
// A lease counts items over the whole job; the workload sees base + item within
// its grid point, and the parameters of point and item merged.  Results are
// folds, rows or named metrics (common/outcome.h): folds when the job wants no
// more, but rows for a few items, since those are smaller.  What a workload
// returns is not trusted: named metrics are numbers or strings, faults name
// items of the run, one NaN stands for all.
//
// On a gang every rank runs the lease; the ranks agree before each chunk whether
// to go on, so that a rank that cannot, or a cancel, stops all of them together.
//
// Ownership  Definitions are copied.  Results live in the caller's arena.
// Threads    Main thread only.

#ifndef WORKER_RUNNER_H
#define WORKER_RUNNER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/error.h"
#include "common/hash.h"
#include "protocol/message.h"

struct runner;
struct group;
struct sandbox;

// What the runner needs of the process around it.  Functions may be NULL: then
// there are no attachments, outputs, logs, cancels.
struct runner_host {
    void *ctx;
    // Shall the lease that runs now stop?
    bool (*is_cancelled)(void *ctx);
    // Put the blob at `path` (a link or a copy that stays whatever the cache does).
    enum error (*fetch)(void *ctx,
                        const struct rec_file *file,
                        const char *path,
                        struct errtext *t);
    // Take the file into the cache and give it to the coordinator.
    enum error (*keep)(
        void *ctx, const char *path, struct sha256 *hash, uint64_t *size, struct errtext *t);
    void (*log)(void *ctx, const struct msg_log *m);
    // What came for the lease that runs, valid until the next call; and what came of it.
    bool (*take)(void *ctx, int64_t wait_ns, struct msg_serve *out);
    void (*tell)(void *ctx, uint64_t lease, const struct rec_piece *p);
    const char *scratch; // a directory of this rank, for files of open jobs
    const char *shared;  // one that all ranks of the machine share; NULL: none
    struct sandbox *sandbox;
    _Atomic uint64_t *progress; // counts up while a workload moves
    uint32_t open_max;          // workloads kept open at most; 0: 8
};

struct runner *runner_create(const struct runner_host *h);
void runner_destroy(struct runner *r); // closes all; NULL is fine

// A JOB message.  The same one again changes nothing; another one under the
// same number takes its place.  ERR_PROTO: it makes no sense.
MUST_CHECK enum error
runner_define(struct runner *r, const struct message *m, struct errtext *t);
void runner_forget(struct runner *r, uint64_t job);

// Run one lease to its end.  `now`: in, when it starts; out, when it ended.
// OK: *out is filled (on a gang: of use on its rank 0 only); ERR_CANCELLED: it
// was cancelled, there is no result; ERR_NOT_FOUND: the job is not defined.
MUST_CHECK enum error runner_run(struct runner *r,
                                 const struct rec_lease *l,
                                 struct group *g,
                                 struct arena *a,
                                 int64_t *now,
                                 struct rec_result *out);

#endif
