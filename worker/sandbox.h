// SPDX-License-Identifier: MIT
// sandbox.h - runs the user's commands, bounded in time, space and descendants.
//
// One helper process per rank, forked before MPI_Init and before any thread:
// a subreaper with PDEATHSIG, all descriptors of the parent closed, talking
// over a socketpair.  The helper forks each command into its own session, own
// scratch directory and clean environment, with rlimits (and namespaces or a
// cgroup where permitted), captures stdout and stderr up to a bound (what
// comes after is counted and thrown away), polls the scratch size, and at the
// deadline kills every descendant, also those that called setsid, and those
// that hold stdout open.
//
// Ownership  The opener owns the handle; results live in the caller's arena.
// Threads    Main thread only.

#ifndef WORKER_SANDBOX_H
#define WORKER_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/error.h"

struct sandbox;

struct sandbox_file {
    const char *name; // relative path inside the scratch directory
    const char *path; // source, linked or copied (read-only); NULL: use bytes
    const void *bytes;
    size_t n;
    uint32_t mode; // 0644 or 0755
};

struct sandbox_command {
    const char *const *argv; // NULL-ended
    const char *const *env;  // NULL-ended NAME=value, added to the clean environment
    const struct sandbox_file *files;
    uint32_t n_files;
    const void *input; // on stdin; /dev/null when n_input is 0
    size_t n_input;
    int64_t timeout_ms;
    uint64_t memory_max;  // bytes of address space, 0: no limit
    uint64_t scratch_max; // bytes in the scratch directory, 0: no limit
    uint64_t cpu_s_max;   // 0: timeout rounded up + 1
    uint32_t processes_max; // 0: no limit of ours
    size_t output_max;    // bytes kept of stdout (its tail) and of stderr (its tail), each
    const char *const *keep; // NULL-ended: files to hand back, relative; NULL: none
};

enum sandbox_end {
    SANDBOX_EXITED,   // code is the exit status
    SANDBOX_SIGNALLED, // code is the signal
    SANDBOX_TIMED_OUT,
    SANDBOX_OVER_SCRATCH,
    SANDBOX_NOT_STARTED, // text says why (no such program, no permission)
    SANDBOX_CANCELLED,
};

struct sandbox_result {
    enum sandbox_end end;
    int code;
    const char *out; // the last output_max bytes, NUL behind
    size_t n_out;
    uint64_t out_total; // bytes written in all
    const char *err;
    size_t n_err;
    uint64_t err_total;
    int64_t wall_ns;
    int64_t cpu_ns;
    uint64_t rss_max; // bytes
    const char *text; // one line for humans when end is not SANDBOX_EXITED
    const char *directory; // the scratch directory: `keep` files stand there until sandbox_clean
};

// Fork the helper.  `root` is the directory for scratch directories (made
// 0700 when absent).  ERR_IO.
MUST_CHECK enum error sandbox_open(const char *root, struct sandbox **out, struct errtext *t);
void sandbox_close(struct sandbox *s); // kills what runs; NULL is fine

// Called about ten times a second while a command runs; returning true cancels
// it.  Gets the output that came since the last call (stdout and stderr mixed).
typedef bool (*sandbox_poll_fn)(void *arg, const char *output, size_t n);

// Run one command to its end.  FAULT_WORKER: the helper is gone or the machine
// refused (no space, no processes); everything the command does itself is OK
// with the story in *r.
MUST_CHECK enum error sandbox_run(struct sandbox *s, const struct sandbox_command *c,
                                  sandbox_poll_fn poll, void *arg, struct arena *a,
                                  struct sandbox_result *r, struct errtext *t);
void sandbox_clean(struct sandbox *s); // remove the last scratch directory

// One line per limit: "memory: rlimit", "network: not isolated (no user
// namespaces)", … for `shoal doctor`.  NULL-ended, static.
const char *const *sandbox_limits(void);

#endif
