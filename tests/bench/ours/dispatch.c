// SPDX-License-Identifier: MIT
// dispatch.c - how many no-ops a second, and what one costs the coordinator.
#include <inttypes.h>
#include <stdio.h>

#include "common/clock.h"
#include "tests/bench/ours/benchmarks.h"
#include "tests/bench/ours/cluster.h"
#include "tests/bench/ours/process.h"

enum { WORKERS = 2, WARM_UP = 2000, WINDOW = 256 };

struct load {
    const char *durability;
    uint64_t items;
    uint32_t shard;   // 0: adaptive
    uint32_t records; // a frame, 0: as usual
    uint32_t credit;
};

static const char *job(const struct load *l, uint64_t items, struct arena *a)
{
    const char *shard = l->shard ? arena_printf(a, "shard: %u\n", l->shard) : "";
    return arena_printf(a,
                        "kind: sweep\nworkload: noop\ndurability: %s\nitems: %" PRIu64 "\n%s",
                        l->durability, items, shard);
}

// Of the metric: how often it was seen.
static uint64_t counted(const struct value *document)
{
    const struct value *v = value_find(document, "result");
    v = value_find(v, "metrics");
    v = value_find(v, "value");
    v = value_find(v, "count");
    return v ? (uint64_t)value_number(v) : 0;
}

struct spent {
    int64_t coordinator, workers;
};

static struct spent spent(const struct cluster *c)
{
    struct spent s = {process_cpu_ns(cluster_coordinator(c)), 0};
    for (uint32_t i = 0; i < WORKERS; i++)
        s.workers += process_cpu_ns(cluster_worker(c, i));
    return s;
}

static void run(const struct benchmark_options *o, const struct load *l)
{
    struct arena *a = arena_create();
    uint64_t items = o->n ? o->n : l->items;
    struct cluster_options co = {
        .tcp = o->tcp, .n_workers = WORKERS, .records = l->records, .credit = l->credit};
    struct cluster *c = cluster_start(&co);
    (void)cluster_run(c, job(l, WARM_UP, a), a);
    const char *text = job(l, items, a);
    struct spent before = spent(c);
    int64_t start = clock_now();
    struct value v = cluster_run(c, text, a);
    double took = (double)(clock_now() - start);
    struct spent after = spent(c);
    if (counted(&v) != items)
        cluster_die("%" PRIu64 " items of %" PRIu64 " were counted", counted(&v), items);
    (void)printf("{\"tasks_s\": %.0f, \"cpu_ns\": %.2f, \"worker_cpu_ns\": %.2f}\n",
                 (double)items * 1e9 / took,
                 (double)(after.coordinator - before.coordinator) / (double)items,
                 (double)(after.workers - before.workers) / (double)items);
    cluster_stop(c);
    arena_destroy(a);
}

void bench_one(const struct benchmark_options *o)
{
    run(o, &(struct load){"none", 300000, 1, 1, WINDOW});
}

void bench_batched(const struct benchmark_options *o)
{
    run(o, &(struct load){"none", 1000000, 1, 32, WINDOW});
}

void bench_normal(const struct benchmark_options *o)
{
    run(o, &(struct load){"normal", 1000000, 1, 0, 0});
}

void bench_full(const struct benchmark_options *o)
{
    run(o, &(struct load){"full", 1000000, 1, 0, 0});
}

void bench_adaptive(const struct benchmark_options *o)
{
    run(o, &(struct load){"normal", 50000000, 0, 0, 0});
}
