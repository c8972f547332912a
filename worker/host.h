// SPDX-License-Identifier: MIT
// host.h - `--host JOB.yaml`: rank 0 also runs the coordinator, for one job.
//
// The coordinator is started before MPI_Init, in a session of its own and without
// the launcher's variables; it ends when rank 0 does.  A thread submits the job,
// or finds it again in the state directory, waits for its end, prints the result
// on standard output, and shuts the cluster down.
//
// Ownership  The starter stops it.
// Threads    start, wait, watch, stop: main's.

#ifndef WORKER_HOST_H
#define WORKER_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"

struct host;

struct host_options {
    const char *job; // path of the job file
    const char *state_dir;
    const char *program; // argv[0]: the coordinator lies beside it
    bool one_host;       // all ranks are here: a socket file will do
    uint32_t n_ranks;
};

// What the ranks must know to connect; copied between them as it is.
struct host_address {
    bool ok;
    char endpoint[300];
    bool has_keys;
    // The files of the same names.
    char coordinator_pub[256], worker_pub[256], worker_key[256];
};

MUST_CHECK enum error
host_start(const struct host_options *o, struct host **out, struct errtext *t);
// Until the coordinator listens.
MUST_CHECK enum error host_wait(struct host *h, struct host_address *out, struct errtext *t);
// Write the keys into `dir` (made 0700).
MUST_CHECK enum error
host_write_keys(const struct host_address *a, const char *dir, struct errtext *t);
MUST_CHECK enum error host_watch(struct host *h, struct errtext *t); // start the thread
// Ends the thread and the coordinator; the exit status of the whole run.
int host_stop(struct host *h); // NULL: 0

#endif
