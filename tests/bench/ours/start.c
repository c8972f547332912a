// SPDX-License-Identifier: MIT
// start.c - from nothing to the first result.
#include <stdio.h>

#include "common/clock.h"
#include "tests/bench/ours/benchmarks.h"
#include "tests/bench/ours/cluster.h"
#include "tests/bench/timing.h"

enum { STARTS = 10, STARTS_MPI = 3 };

static void run(const struct benchmark_options *o, bool mpirun, size_t n)
{
    struct arena *a = arena_create();
    uint32_t *took = timing_alloc(n);
    for (size_t i = 0; i < n; i++) {
        int64_t start = clock_now();
        struct cluster *c = cluster_launch(
            &(struct cluster_options){.tcp = o->tcp, .mpirun = mpirun, .n_workers = 2});
        (void)cluster_run(c, "kind: sweep\nworkload: noop\nitems: 1\n", a);
        took[i] = (uint32_t)(clock_now() - start);
        cluster_stop(c);
        arena_reset(a);
    }
    timing_sort(took, n);
    (void)printf("{\"p50_us\": %.0f, \"min_us\": %.0f, \"max_us\": %.0f}\n",
                 timing_us(took, n, 50), timing_us(took, n, 0), timing_us(took, n, 100));
    free(took);
    arena_destroy(a);
}

void bench_cold_start(const struct benchmark_options *o)
{
    run(o, false, o->n ? o->n : STARTS);
}

void bench_cold_start_mpi(const struct benchmark_options *o)
{
    run(o, true, o->n ? o->n : STARTS_MPI);
}
