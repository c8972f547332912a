// SPDX-License-Identifier: MIT
// footprint.c - memory a job, an item, an idle coordinator; CPU of doing nothing.
#include <inttypes.h>
#include <stdio.h>

#include "common/buf.h"
#include "common/clock.h"
#include "tests/bench/ours/benchmarks.h"
#include "tests/bench/ours/cluster.h"
#include "tests/bench/ours/process.h"

enum { DISTINCT = 200000, LINE = 64, FINISHED = 1000000, IDLE_S = 5 };
#define ARRAY UINT64_C(10000000)
// Memory is given back when nothing happened for two seconds.
#define QUIET (3 * CLOCK_SECOND)
#define HEAD  "kind: sweep\nworkload: noop\nparams: {us: 0}\n"
// On no machine: these items stay queued.
#define NOWHERE "cpus: 65536\n"

static double resident(const struct cluster *c)
{
    clock_sleep(QUIET);
    return (double)process_resident(cluster_coordinator(c));
}

// Without the code, which comes and goes.
static double data(const struct cluster *c)
{
    clock_sleep(QUIET);
    return (double)process_resident_own(cluster_coordinator(c));
}

// A job whose items all differ: a line of 64 bytes each.
static const char *distinct(uint64_t n, struct arena *a)
{
    static const char tail[] =
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    struct buf b;
    buf_init(&b, SIZE_MAX / 2);
    buf_puts(&b, "kind: sweep\nworkload: exec\nparams: {command: [echo, \"{line}\"]}\n" NOWHERE
                 "lines:\n");
    for (uint64_t i = 0; i < n; i++)
        buf_printf(&b, "- %08" PRIu64 "%.*s\n", i, LINE - 8, tail);
    const char *text = arena_str(a, buf_cstr(&b), b.n);
    buf_fini(&b);
    return text;
}

void bench_memory(const struct benchmark_options *o)
{
    struct arena *a = arena_create();
    uint64_t n = o->n ? o->n : DISTINCT;
    struct cluster *c = cluster_start(&(struct cluster_options){.tcp = o->tcp, .n_workers = 2});
    const char *finished =
        arena_printf(a, HEAD "shard: 1\nitems: %d\ndurability: none\n", FINISHED);
    const char *array = arena_printf(a, HEAD NOWHERE "items: %" PRIu64 "\n", ARRAY);
    double idle = resident(c);
    (void)cluster_run(c, HEAD "shard: 1\nitems: 50000\ndurability: none\n", a); // warm
    double warm = data(c);
    (void)cluster_run(c, finished, a);
    double done = data(c);
    double idle_again = resident(c);
    int64_t start = clock_now();
    (void)cluster_submit(c, array, a);
    double accepted = (double)(clock_now() - start);
    double queued = data(c);
    (void)cluster_submit(c, distinct(n, a), a);
    double differ = data(c);
    (void)printf("{\"idle_bytes\": %.0f, \"idle_again_bytes\": %.0f, "
                 "\"finished_item_bytes\": %.2f, \"array_bytes\": %.0f, "
                 "\"array_us\": %.0f, \"distinct_item_bytes\": %.1f}\n",
                 idle, idle_again, (done - warm) / FINISHED, queued - done, accepted / 1e3,
                 (differ - queued) / (double)n);
    cluster_stop(c);
    arena_destroy(a);
}

struct usage {
    int64_t cpu, wakeups;
};

static struct usage usage_of(const struct cluster *c)
{
    pid_t pids[] = {cluster_coordinator(c), cluster_worker(c, 0), cluster_worker(c, 1)};
    struct usage u = {0};
    for (int i = 0; i < 3; i++) {
        u.cpu += process_cpu_ns(pids[i]);
        u.wakeups += process_wakeups(pids[i]);
    }
    return u;
}

void bench_idle(const struct benchmark_options *o)
{
    struct arena *a = arena_create();
    double seconds = (double)(o->n ? o->n : IDLE_S);
    struct cluster *c = cluster_start(&(struct cluster_options){.tcp = o->tcp, .n_workers = 2});
    (void)cluster_run(c, HEAD "items: 1000\n", a);
    double bytes = resident(c);
    struct usage before = usage_of(c);
    clock_sleep((int64_t)(seconds * 1e9));
    struct usage after = usage_of(c);
    (void)printf("{\"cpu_percent\": %.3f, \"wakeups_s\": %.1f, \"resident_bytes\": %.0f}\n",
                 (double)(after.cpu - before.cpu) / seconds / 1e7,
                 (double)(after.wakeups - before.wakeups) / seconds, bytes);
    cluster_stop(c);
    arena_destroy(a);
}
