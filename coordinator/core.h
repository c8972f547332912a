// SPDX-License-Identifier: MIT
// core.h - the coordinator's mind: jobs, ranks, leases, and who works on what.
//
// core_step(core, event, effects): no clock, no socket, no disk, no thread, no
// random source.  Two cores that saw the same events are in the same state.
// Beneath: roster.h (pods and ranks), job.h (jobs, their pending and settled
// items), lease.h, gang.h, schedule.h, settle.h, liveness.h.
//
// Ownership  The core owns all its tables.  Views are snapshots into the
//            caller's arena.
// Time       Nanoseconds on the caller's clock, never going back.
// Threads    None.  Confined to the loop thread.

#ifndef COORDINATOR_CORE_H
#define COORDINATOR_CORE_H

#include <stdbool.h>
#include <stdint.h>

#include "coordinator/event.h"

struct core;

struct core_options {
    uint64_t incarnation;    // committed once at start
    uint32_t credit_max;     // leases outstanding a rank at most; default 256
    uint32_t records_max;    // leases a GRANT frame at most; default 32
    uint32_t jobs_max;       // open jobs at most; submit is refused above it
    int64_t shard_target_ns; // default 250 ms
};

struct core *core_create(const struct core_options *o);
void core_destroy(struct core *c);

// ERR_NOT_FOUND, ERR_BUSY, ERR_INVALID for requests (submit, cancel, retry,
// drain), else OK; t (may be NULL) says why.
enum error
core_step(struct core *c, const struct event *e, struct effects *fx, struct errtext *t);

// When EVENT_TICK is wanted next; INT64_MAX: never.
int64_t core_next_deadline(const struct core *c);

// ---- views, for status, why, workers ------------------------------------------

struct job_view {
    uint64_t number;
    const char *name;
    const char *workload;
    enum job_state state;
    uint64_t n_items; // known so far
    uint64_t n_done;  // settled, failed ones included
    uint64_t n_failed;
    uint64_t n_leased; // items out on leases
    uint64_t n_retries;
    uint64_t n_copies;
    uint64_t n_quarantined;
    uint64_t n_lost; // leases lost with their pod
    int64_t submitted;
    int64_t rank_ns; // time ranks spent on it
    int32_t priority;
    uint32_t gang;
};

struct rank_view {
    uint64_t instance;
    uint32_t rank;
    uint32_t n_ranks;
    const char *host;
    uint32_t pid;
    const char *state; // "idle", "busy", "armed", "gang", "suspect", "draining"
    uint64_t job;      // of the oldest lease, 0
    uint32_t n_held;
    uint64_t n_items_done;
    int64_t seen; // last heard of
    const char *version;
    const char *numerics;
};

bool core_job_view(const struct core *c, uint64_t job, struct job_view *out);
uint32_t core_rank_views(const struct core *c, struct arena *a, struct rank_view **out);
// One sentence: why the job is not running, or that it is.
const char *core_why(const struct core *c, uint64_t number, int64_t now, struct arena *a);
uint32_t core_n_ranks(const struct core *c);
uint32_t core_n_open_jobs(const struct core *c);

// Who works on a lease of the job (of a gang: its first rank).  False: nobody any more.
bool core_lease_peer(const struct core *c, uint64_t lease, uint64_t job, uint64_t *peer);

// The ended job's last trace goes (after `forget`, or when the shell has told
// everybody).  A job that is open is left alone.
void core_drop_job(struct core *c, uint64_t number);

// The laws that hold after every step, for the simulator: each item is settled,
// leased or pending; leases and ranks agree; nothing is counted twice.
// ERR_INVALID and the broken law in *t.
MUST_CHECK enum error core_check(const struct core *c, struct errtext *t);

#endif
