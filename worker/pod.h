// SPDX-License-Identifier: MIT
// pod.h - all ranks of one launch: who we are, and MPI's beginning and end.
//
// Without a launcher's environment there is one rank and no MPI: MPI_Init alone
// costs more than a second.  With one, everything that must be in the
// environment before MPI_Init is put there (what the user set, stays): waiting
// ranks yield when ranks and CPUs are as many, shared memory without kernel
// copies where those are forbidden, no search for networks on a single host.
//
// Ownership  The opener stops it.  Gangs belong to the pod and live as long.
// Threads    Main thread only (MPI_THREAD_FUNNELED), but for pod_abort.

#ifndef WORKER_POD_H
#define WORKER_POD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

struct pod;
struct group;

// What a launcher's environment says before MPI_Init; one rank if there is none.
struct pod_place {
    bool launched;
    uint32_t rank, n_ranks;
    uint32_t local_rank, n_local; // on this host
};
struct pod_place pod_place(void);

// CPUs of this host (not of this rank: launchers bind ranks to few of them).
uint32_t pod_cpus(void);

// All ranks together.  ERR_IO, ERR_UNSUPPORTED.
MUST_CHECK enum error pod_start(struct pod **out, struct errtext *t);
// All ranks together; waits for them.
void pod_stop(struct pod *p);
// Any thread: end all ranks now, without waiting for anybody.
_Noreturn void pod_abort(const struct pod *p, int code);

uint32_t pod_rank(const struct pod *p);
uint32_t pod_n_ranks(const struct pod *p);
uint32_t pod_n_local(const struct pod *p);
uint64_t pod_instance(const struct pod *p);          // random, the same on all ranks
void pod_bcast(struct pod *p, void *data, size_t n); // from rank 0

// The gang of ranks [first, first + n), of which this is one; made at its first
// use, by its ranks together.
struct group *pod_gang(struct pod *p, uint32_t first, uint32_t n);

#endif
