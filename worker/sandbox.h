// SPDX-License-Identifier: MIT
// sandbox.h - runs the user's commands, bounded in time, space and descendants.
//
// One helper process per rank, forked before MPI_Init and before any thread,
// with all descriptors of the parent closed, talking over a socketpair.  The
// helper starts each command in its own session, own scratch directory and
// clean environment, with rlimits; it counts processes and measures the scratch
// directory while the command runs.  A command ends when its main process ends;
// whatever else it started is killed then, or at the deadline, also what called
// setsid or holds stdout open.  Where the machine permits, the helper is the
// first process of its own pid and mount namespace, so that the kernel itself
// kills what is left; elsewhere it is a subreaper that walks the process table
// (SHOAL_SANDBOX=plain asks for that, SHOAL_SANDBOX_NETWORK=none for commands
// without a network).  This side reads stdout and stderr and keeps their tails.
// When the rank dies, the helper sees its socket close, kills everything and
// removes the scratch directories.
//
// It bounds honest and broken commands.  It is no prison: a command runs as
// the worker's user.
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
    const char *path; // source, copied (a link would let a command spoil it); NULL: use bytes
    const void *bytes;
    size_t n;
    uint32_t mode; // 0644 or 0755
};

// Called about ten times a second while a command runs; returning true cancels
// it.  Gets the output that came since the last call (stdout and stderr mixed;
// of a flood only its beginning).
typedef bool (*sandbox_poll_fn)(void *arg, const char *output, size_t n);

struct sandbox_command {
    const char *const *argv; // NULL-ended
    const char *const *env;  // NULL-ended NAME=value, added to the clean environment
    const struct sandbox_file *files;
    uint32_t n_files;
    const void *input; // on stdin; /dev/null when n_input is 0
    size_t n_input;
    int64_t timeout_ms;
    uint64_t memory_max;    // bytes of address space, 0: no limit
    uint64_t scratch_max;   // bytes the command adds to its scratch directory, 0: no limit
    uint64_t cpu_s_max;     // of each process; 0: as much as the timeout allows on all CPUs
    uint32_t processes_max; // at one time; 0: no limit of ours
    size_t output_max;      // bytes kept of stdout (its tail) and of stderr (its tail), each
    sandbox_poll_fn poll;   // (optional)
    void *arg;              // for poll
};

// Bytes of all arguments and variables together; what is longer is not started.
enum { SANDBOX_TEXT_MAX = 128 << 10 };

enum sandbox_end {
    SANDBOX_EXITED,    // code is the exit status
    SANDBOX_SIGNALLED, // code is the signal
    SANDBOX_TIMED_OUT,
    SANDBOX_OVER_SCRATCH,
    SANDBOX_OVER_PROCESSES,
    SANDBOX_NOT_STARTED, // text says why (no such program, no permission, a bad file name)
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
    uint64_t rss_max;      // bytes
    const char *text;      // one line for humans when end is not SANDBOX_EXITED
    const char *directory; // the scratch directory: it stands until sandbox_clean
};

// Fork the helper.  `root` is the directory for scratch directories (made
// 0700 when absent).  ERR_IO; ERR_UNSUPPORTED when SHOAL_SANDBOX_NETWORK=none
// cannot be had.
MUST_CHECK enum error sandbox_open(const char *root, struct sandbox **out, struct errtext *t);
void sandbox_close(struct sandbox *s); // kills what runs; NULL is fine

// Run one command to its end.  FAULT_WORKER: the helper is gone or the machine
// refused (no space, no processes); everything the command does itself is OK
// with the story in *r.
MUST_CHECK enum error sandbox_run(struct sandbox *s,
                                  const struct sandbox_command *c,
                                  struct arena *a,
                                  struct sandbox_result *r,
                                  struct errtext *t);
void sandbox_clean(struct sandbox *s); // remove the last scratch directory
// A command found the helper gone; no other can run.
bool sandbox_is_gone(const struct sandbox *s);

// One line per limit: "memory: rlimit", "network: not isolated (no user
// namespaces)", … for `shoal doctor`; tells of the sandbox opened last.
// NULL-ended, static.
const char *const *sandbox_limits(void);

#endif
