// SPDX-License-Identifier: MIT
// cluster.h - a cluster of our own for a benchmark: coordinator, workers, a client.
//
// Everything lies in a directory of $TMPDIR that goes with the cluster.  What
// cannot be started ends the program with a line on standard error; the
// processes end with us, however we end.
//
// Ownership  cluster_start's caller stops it.
// Threads    One.

#ifndef TESTS_BENCH_OURS_CLUSTER_H
#define TESTS_BENCH_OURS_CLUSTER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/arena.h"
#include "common/value.h"

struct cluster;

struct cluster_options {
    bool tcp;           // loopback with keys; else a socket file without
    bool mpirun;        // the workers are ranks of one pod
    uint32_t n_workers; // may be 0
    uint32_t records;   // a frame, both ways; 0: as usual
    uint32_t credit;    // leases a rank; 0: as usual
};

// The last that a benchmark says.
_Noreturn void cluster_die(const char *format, ...) __attribute__((format(printf, 1, 2)));

// Starts the processes and waits for none of them.
struct cluster *cluster_launch(const struct cluster_options *o);
// The same, and all workers are there.
struct cluster *cluster_start(const struct cluster_options *o);
void cluster_stop(struct cluster *c);
pid_t cluster_coordinator(const struct cluster *c);
pid_t cluster_worker(const struct cluster *c, uint32_t i); // mpirun: 0 alone

// A request and its only answer, in *a.
struct value
cluster_call(struct cluster *c, const char *verb, const struct value *args, struct arena *a);
// A job file to its final document; it must have done all its items.
struct value cluster_run(struct cluster *c, const char *text, struct arena *a);
// The same without waiting: its id.
const char *cluster_submit(struct cluster *c, const char *text, struct arena *a);
void cluster_wait_for_ranks(struct cluster *c, uint32_t n);

#endif
