// SPDX-License-Identifier: MIT
// latency.c - from submit to result, and a held gang's step.
#include <inttypes.h>
#include <stdio.h>

#include "common/clock.h"
#include "tests/bench/ours/benchmarks.h"
#include "tests/bench/ours/cluster.h"
#include "tests/bench/timing.h"

enum { JOBS = 2000, WARM_UP = 50, STEPS = 50, GANG_JOBS = 40 };

static uint32_t once(struct cluster *c, const char *text, struct arena *a)
{
    int64_t start = clock_now();
    (void)cluster_run(c, text, a);
    int64_t took = clock_now() - start;
    arena_reset(a);
    return (uint32_t)took;
}

static void report(uint32_t *took, size_t n)
{
    timing_sort(took, n);
    (void)printf("{\"p50_us\": %.1f, \"p99_us\": %.1f}\n", timing_us(took, n, 50),
                 timing_us(took, n, 99));
    free(took);
}

static void run(const struct benchmark_options *o, const char *text)
{
    size_t n = o->n ? o->n : JOBS;
    struct arena *a = arena_create();
    struct cluster *c = cluster_start(&(struct cluster_options){.tcp = o->tcp, .n_workers = 2});
    uint32_t *took = timing_alloc(n);
    for (int i = 0; i < WARM_UP; i++)
        (void)once(c, text, a);
    for (size_t i = 0; i < n; i++)
        took[i] = once(c, text, a);
    report(took, n);
    cluster_stop(c);
    arena_destroy(a);
}

void bench_latency(const struct benchmark_options *o)
{
    run(o, "kind: sweep\nworkload: noop\nitems: 1\ndurability: none\n");
}

void bench_latency_full(const struct benchmark_options *o)
{
    run(o, "kind: sweep\nworkload: noop\nitems: 1\ndurability: full\n");
}

// A job of one step and one of many differ by steps alone, all on the gang held.
void bench_gang(const struct benchmark_options *o)
{
    static const char format[] = "kind: sweep\nworkload: allreduce\nparams: {n: 1, parts: 2}\n"
                                 "gang: 2\nshard: 1\nitems: %d\ndurability: none\n";
    size_t n = o->n ? o->n : GANG_JOBS;
    struct arena *a = arena_create(), *texts = arena_create();
    struct cluster *c =
        cluster_start(&(struct cluster_options){.tcp = o->tcp, .mpirun = true, .n_workers = 2});
    const char *one = arena_printf(texts, format, 1);
    const char *many = arena_printf(texts, format, 1 + STEPS);
    uint32_t *took = timing_alloc(n);
    (void)once(c, many, a);
    for (size_t i = 0; i < n; i++) {
        uint32_t base = once(c, one, a), all = once(c, many, a);
        took[i] = all > base ? (all - base) / STEPS : 0;
    }
    report(took, n);
    cluster_stop(c);
    arena_destroy(a);
    arena_destroy(texts);
}
