// SPDX-License-Identifier: MIT
// local.h - a cluster on this machine: a coordinator, pods, and their supervisor.
//
// Pods of one rank are the worker program itself: MPI_Init alone costs seconds.
// Pods of several are started by mpirun.  What ends although nobody asked is
// started again after 0.2 s, doubling to 10 s; after five starts without a sign
// of life it is given up.  A coordinator that ends in good order stays ended.
//
// Ownership  The starter stops.
// Threads    One; it must live as long as the cluster.

#ifndef CLUSTER_CLIENT_LOCAL_H
#define CLUSTER_CLIENT_LOCAL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"

struct local;

struct local_options {
    const char *dir;     // state directory, absolute
    const char *listen;  // one more endpoint, or NULL
    const char *http;    // where HTTP clients come in; NULL: the coordinator's default
    const char *scratch; // of the workers, or NULL: their default
    bool allow_exec;
    bool loud; // logs on our standard error instead of files in dir
    uint32_t n_ranks, n_pods;
    int64_t lonely_s; // workers end without a coordinator for so long; 0: never
};

// Both are on their way when it returns; local_endpoint tells when one can call.
MUST_CHECK enum error
local_start(const struct local_options *o, struct local **out, struct errtext *t);
// Reap, restart, look who is there.  To be called at SIGCHLD and at the time
// that it returns.
int64_t local_step(struct local *l, int64_t now);
// NULL until the coordinator can be reached.
const char *local_endpoint(const struct local *l);
const char *local_keys(const struct local *l); // NULL: none are needed
// NULL, or one line: why nothing will come of it any more.
const char *local_failure(const struct local *l);
// The coordinator ended in good order, or was given up.
bool local_is_over(const struct local *l);
// Look who joined sooner than usual: somebody waits for it.
void local_hurry(struct local *l);
int64_t local_cpus(void); // that we may use
// Pods of which at least one rank has joined.
uint32_t local_n_joined(const struct local *l);
// Ask all to end, wait, kill what is left, forget.  NULL is fine.
void local_stop(struct local *l);

#endif
