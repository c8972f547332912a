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

enum { BARRIERS_MAX = 1 << 20 };

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    int rank, size;
    int n = argc > 1 ? atoi(argv[1]) : 0;

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    MPI_Barrier(MPI_COMM_WORLD);
    if (n > 0 && n <= BARRIERS_MAX) {
        double *took = calloc((size_t)n, sizeof took[0]);

        if (!took)
            MPI_Abort(MPI_COMM_WORLD, 1);
        for (int i = 0; took && i < n; i++) {
            double start = MPI_Wtime();

            MPI_Barrier(MPI_COMM_WORLD);
            took[i] = (MPI_Wtime() - start) * 1e6;
        }
        if (rank == 0 && took) {
            qsort(took, (size_t)n, sizeof took[0], by_size);
            printf("{\"ranks\": %d, \"p50_us\": %.2f, \"p99_us\": %.2f}\n", size, took[n / 2],
                   took[(size_t)n * 99 / 100]);
        }
        free(took);
    }
    MPI_Finalize();
    return 0;
}
