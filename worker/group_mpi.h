// SPDX-License-Identifier: MIT
// group_mpi.h - a gang as an MPI communicator.
//
// Making one is a collective step of its ranks only: nobody else takes part.
// A failed collective aborts the pod (MPI's default), see group.h.
//
// Threads    Main thread only, after pod_start.

#ifndef WORKER_GROUP_MPI_H
#define WORKER_GROUP_MPI_H

#include <stdint.h>

#include "worker/group.h"

// Ranks [first, first + n) of MPI_COMM_WORLD, of which this one is one.
struct group *group_mpi_create(uint32_t first, uint32_t n);

#endif
