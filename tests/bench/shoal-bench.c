// SPDX-License-Identifier: MIT
// shoal-bench.c - what our coordinator and workers do, as the raw programs say it.
//
//   shoal-bench [--tcp] WHAT [N]
//
// Starts a cluster of its own from the programs beside it (two workers, a socket
// file; --tcp: loopback with keys), measures one thing (ours/benchmarks.h) and
// prints one JSON line of numbers.  N: how much of it.
//
// Threads    One.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "tests/bench/ours/benchmarks.h"

static const struct {
    const char *name;
    void (*run)(const struct benchmark_options *o);
    const char *help;
} table[] = {
    {"one", bench_one, "no-ops, one record a frame, window 256, not durable"},
    {"batched", bench_batched, "no-ops, records batched, not durable"},
    {"normal", bench_normal, "no-ops, one item a shard, durability normal"},
    {"full", bench_full, "no-ops, one item a shard, durability full"},
    {"adaptive", bench_adaptive, "no-ops in adaptive shards, durability normal"},
    {"latency", bench_latency, "from submit to result, not durable"},
    {"latency-full", bench_latency_full, "from submit to result, durability full"},
    {"gang", bench_gang, "a held gang's step"},
    {"coldstart", bench_cold_start, "from nothing to the first result"},
    {"coldstart-mpi", bench_cold_start_mpi, "the same, workers under mpirun"},
    {"memory", bench_memory, "bytes: idle, an array, a distinct item, a finished one"},
    {"idle", bench_idle, "CPU and wake-ups of a cluster without work"},
};

static int usage(void)
{
    (void)fprintf(stderr, "usage: shoal-bench [--tcp] WHAT [N]\n");
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        (void)fprintf(stderr, "  %-14s %s\n", table[i].name, table[i].help);
    return 2;
}

int main(int argc, char **argv)
{
    struct benchmark_options o = {.n = 0};
    int at = 1;
    if (at < argc && strcmp(argv[at], "--tcp") == 0) {
        o.tcp = true;
        at++;
    }
    if (at >= argc || at + 2 < argc)
        return usage();
    if (at + 1 < argc)
        o.n = strtoull(argv[at + 1], NULL, 10);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (strcmp(argv[at], table[i].name) != 0)
            continue;
        table[i].run(&o);
        return 0;
    }
    return usage();
}
