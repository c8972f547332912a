// SPDX-License-Identifier: MIT
// timing.h - the clock and the percentiles of the benchmark programs.
//
// Ownership  Callers own their lists of times (nanoseconds); timing_sort sorts
//            them in place, and timing_us expects them sorted.
// Threads    Any.

#ifndef TESTS_BENCH_TIMING_H
#define TESTS_BENCH_TIMING_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline int64_t timing_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

// Room for n times; a benchmark without memory has nothing to say.
static inline uint32_t *timing_alloc(size_t n)
{
    uint32_t *took = calloc(n + 1, sizeof took[0]);

    if (!took) {
        fprintf(stderr, "no memory for %zu times\n", n);
        exit(1);
    }
    return took;
}

static inline int timing_compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static inline void timing_sort(uint32_t *took, size_t n)
{
    qsort(took, n, sizeof took[0], timing_compare);
}

// The time below which so many percent of them lie, in microseconds.
static inline double timing_us(const uint32_t *took, size_t n, unsigned percent)
{
    size_t i = n * percent / 100;

    return n ? took[i < n ? i : n - 1] / 1e3 : 0;
}

#endif
