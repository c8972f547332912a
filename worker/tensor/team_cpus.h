// SPDX-License-Identifier: MIT
// team_cpus.h - the cores that this process may use, and a team's members on them.
//
// Threads    Any.

#ifndef WORKER_TENSOR_TEAM_CPUS_H
#define WORKER_TENSOR_TEAM_CPUS_H

#include <pthread.h>
#include <stdint.h>

// How many threads a rank takes when nobody says: the logical processors that it may use,
// shared with `n_ranks` on this machine, or with as many as SHOAL_HOST_RANKS says.
uint32_t team_cpus_share(uint32_t n_ranks);

// The caller's helpers each on a core of its own, one left to the caller, who is not bound:
// what it starts later would be too.  Only where all of them are exactly as many as the
// cores that the process may use: else other processes may have the same idea of which
// cores are free, and the system, which sees them all, decides better.  What cannot be
// done is left alone.  hwloc is loaded by the first call, its plugins are not.
void team_cpus_pin(const pthread_t *helpers, uint32_t n);

#endif
