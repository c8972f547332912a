// SPDX-License-Identifier: MIT
// raw_mpi_hello.c - the least that an MPI launch does, and what a barrier costs.
//
//   mpirun -n RANKS raw_mpi_hello [BARRIERS]
//
// The time of the whole command is the launch; with BARRIERS it also prints
// one JSON line with the times of that many barriers on rank 0.
//
// Threads    Single.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <mpi.h>

#include "tests/bench/timing.h"

// The times of n barriers, on rank 0.
static void barriers(int rank, int size, size_t n)
{
    uint32_t *took = timing_alloc(n);

    for (size_t i = 0; i < n; i++) {
        int64_t start = timing_now();

        MPI_Barrier(MPI_COMM_WORLD);
        took[i] = (uint32_t)(timing_now() - start);
    }
    timing_sort(took, n);
    if (rank == 0)
        printf("{\"ranks\": %d, \"p50_us\": %.2f, \"p99_us\": %.2f}\n", size,
               timing_us(took, n, 50), timing_us(took, n, 99));
    free(took);
}

int main(int argc, char **argv)
{
    int rank, size;

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    MPI_Barrier(MPI_COMM_WORLD);
    if (argc > 1)
        barriers(rank, size, strtoul(argv[1], NULL, 10));
    MPI_Finalize();
    return 0;
}
