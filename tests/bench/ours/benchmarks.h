// SPDX-License-Identifier: MIT
// benchmarks.h - what shoal-bench can measure, one function each.
//
// Each prints one JSON line of numbers.  What it takes from the command line
// stands in `n` (0: its default).
//
// Threads    One.

#ifndef TESTS_BENCH_OURS_BENCHMARKS_H
#define TESTS_BENCH_OURS_BENCHMARKS_H

#include <stdbool.h>
#include <stdint.h>

struct benchmark_options {
    bool tcp;   // loopback with keys instead of a socket file
    uint64_t n; // how much: items, jobs, seconds
};

// dispatch.c
void bench_one(const struct benchmark_options *o);
void bench_batched(const struct benchmark_options *o);
void bench_normal(const struct benchmark_options *o);
void bench_full(const struct benchmark_options *o);
void bench_adaptive(const struct benchmark_options *o);
// latency.c
void bench_latency(const struct benchmark_options *o);
void bench_latency_full(const struct benchmark_options *o);
void bench_gang(const struct benchmark_options *o);
// start.c
void bench_cold_start(const struct benchmark_options *o);
void bench_cold_start_mpi(const struct benchmark_options *o);
// footprint.c
void bench_memory(const struct benchmark_options *o);
void bench_idle(const struct benchmark_options *o);

#endif
