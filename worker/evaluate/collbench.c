// SPDX-License-Identifier: MIT
// The collectives of a gang, timed: how long each takes at growing sizes, and the
// line of latency and bandwidth through that.
//
// A time is the slowest rank's, the median of the rounds; a round is a few calls
// behind a barrier, so that one barrier's skew counts for little.
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "worker/evaluate/evaluate.h"
#include "worker/evaluate/fit.h"
#include "worker/group.h"

enum {
    BYTES_MIN = 4,
    BYTES_MAX = 1 << 28,
    ROUNDS_MAX = 1000,
    CALLS_MAX = 1000,
    RANKS_MAX = 4096,
    SIZES_MAX = 32,
    STEP = 4, // from size to size
};

static const char *const operations[] = {
    "allreduce", "reduce_scatter", "allgather", "broadcast", "alltoall", NULL,
};

static const struct param params[] = {
    {.name = "operation",
     .type = PARAM_STR,
     .searchable = true,
     .choices = operations,
     .fallback = "\"allreduce\"",
     .help = "which collective; sums are over the fixed tree, the same bits on any ranks"},
    {.name = "ranks",
     .type = PARAM_INT,
     .searchable = true,
     .min = 0,
     .max = RANKS_MAX,
     .fallback = "0",
     .help = "the first so many ranks of the gang take part; 0: all"},
    {.name = "from_bytes",
     .type = PARAM_INT,
     .min = BYTES_MIN,
     .max = BYTES_MAX,
     .fallback = "64",
     .unit = "bytes",
     .help = "the smallest size, of a rank's larger buffer; each next one is four times it"},
    {.name = "to_bytes",
     .type = PARAM_INT,
     .min = BYTES_MIN,
     .max = BYTES_MAX,
     .fallback = "1048576",
     .unit = "bytes",
     .help = "sizes end here"},
    {.name = "rounds",
     .type = PARAM_INT,
     .min = 1,
     .max = ROUNDS_MAX,
     .fallback = "15",
     .help = "measurements of each size, of which the median counts"},
    {.name = "calls",
     .type = PARAM_INT,
     .min = 1,
     .max = CALLS_MAX,
     .fallback = "4",
     .help = "calls of a round, one behind the other"},
    {.name = NULL},
};

enum { M_LATENCY, M_BANDWIDTH, M_RESIDUAL, M_SMALLEST, M_LARGEST, N_METRICS };

static const struct metric metrics[] = {
    [M_LATENCY] = {"latency_us", "us", "the line's latency"},
    [M_BANDWIDTH] = {"gb_s", "GB/s", "the line's bytes a second; 0: size does not matter"},
    [M_RESIDUAL] = {"residual", NULL, "relative error of the line, root of the mean square"},
    [M_SMALLEST] = {"smallest_us", "us", "a call at the smallest size"},
    [M_LARGEST] = {"largest_us", "us", "a call at the largest size"},
    [N_METRICS] = {.name = NULL},
};

struct state {
    struct value params;
    struct arena *arena;
};

// One item's measurements.
struct bench {
    struct group *group;
    uint32_t rank, size;
    uint32_t rounds, calls;
    float *in, *out; // of the largest size, and a float more for each rank
};

// ---- the collectives ---------------------------------------------------------------

// `bytes` is the size of a rank's larger buffer, call the number of the call.
typedef void (*operation_fn)(struct bench *b, size_t bytes, uint32_t call);

static void do_allreduce(struct bench *b, size_t bytes, uint32_t call)
{
    (void)call;
    group_tree_sum(b->group, b->in, b->size, bytes / sizeof(float), b->out);
}

static void do_reduce_scatter(struct bench *b, size_t bytes, uint32_t call)
{
    (void)call;
    group_reduce_scatter(b->group, b->in, b->size, bytes / sizeof(float), b->out);
}

static void do_allgather(struct bench *b, size_t bytes, uint32_t call)
{
    (void)call;
    group_allgather(b->group, b->in, bytes / b->size, b->out);
}

// Another root each time: one alone would run ahead of the others.
static void do_broadcast(struct bench *b, size_t bytes, uint32_t call)
{
    group_bcast(b->group, b->out, bytes, call % b->size);
}

static void do_alltoall(struct bench *b, size_t bytes, uint32_t call)
{
    (void)call;
    group_alltoall(b->group, b->in, bytes / b->size, b->out);
}

static operation_fn operation_named(const char *name)
{
    static const operation_fn table[] = {do_allreduce, do_reduce_scatter, do_allgather,
                                         do_broadcast, do_alltoall};
    for (size_t i = 0; operations[i]; i++)
        if (strcmp(operations[i], name) == 0)
            return table[i];
    return NULL;
}

// ---- measuring -----------------------------------------------------------------------

static int by_size(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

// Seconds of a call: of each round the slowest rank's, of the rounds the median.
static double measure(struct bench *b, operation_fn operation, size_t bytes)
{
    int64_t *ns = mem_alloc(b->rounds * sizeof *ns);
    int64_t *all = mem_alloc((size_t)b->size * b->rounds * sizeof *all);
    for (uint32_t i = 0; i < b->rounds; i++) {
        group_barrier(b->group);
        int64_t start = clock_now();
        for (uint32_t k = 0; k < b->calls; k++)
            operation(b, bytes, k);
        ns[i] = clock_now() - start;
    }
    group_allgather(b->group, ns, b->rounds * sizeof *ns, all);
    for (uint32_t r = 0; r < b->size; r++)
        for (uint32_t i = 0; i < b->rounds; i++) {
            int64_t x = all[(size_t)r * b->rounds + i];
            ns[i] = x > ns[i] ? x : ns[i];
        }
    qsort(ns, b->rounds, sizeof *ns, by_size);
    int64_t median = ns[b->rounds / 2];
    mem_free(all);
    mem_free(ns);
    return (double)(median > 0 ? median : 1) * 1e-9 / b->calls;
}

struct sizes {
    int64_t from, to;
};

static void
measure_all(struct run *r, struct bench *b, operation_fn operation, struct sizes s, double *row)
{
    double bytes[SIZES_MAX], seconds[SIZES_MAX];
    size_t n = 0;
    for (int64_t size = s.from; size <= s.to && n < SIZES_MAX; size *= STEP, n++) {
        operation(b, (size_t)size, 0); // warm: pages, connections
        bytes[n] = (double)size;
        seconds[n] = measure(b, operation, (size_t)size);
        run_progress(r);
    }
    struct fit f = fit_line(bytes, seconds, n);
    row[M_LATENCY] = f.latency * 1e6;
    row[M_BANDWIDTH] = f.per_byte > 0 ? 1e-9 / f.per_byte : 0;
    row[M_RESIDUAL] = f.residual;
    row[M_SMALLEST] = seconds[0] * 1e6;
    row[M_LARGEST] = seconds[n - 1] * 1e6;
}

// ---- the workload ----------------------------------------------------------------------

static enum error check_collbench(const struct value *p, struct errtext *t)
{
    int64_t from = evaluate_int(p, NULL, "from_bytes", 64);
    int64_t to = evaluate_int(p, NULL, "to_bytes", 1 << 20);
    if (from > to)
        return errtext_set(t, ERR_INVALID,
                           "from_bytes is %lld, expected at most to_bytes, %lld",
                           (long long)from, (long long)to);
    return OK;
}

static enum error open_collbench(const struct workload_job *job, void **out, struct errtext *t)
{
    (void)t;
    struct state *s = mem_alloc(sizeof *s);
    s->arena = arena_create();
    s->params = job->params ? value_copy(s->arena, job->params) : value_map();
    *out = s;
    return OK;
}

static void close_collbench(void *state)
{
    struct state *s = state;
    arena_destroy(s->arena);
    mem_free(s);
}

// Memory in use: what is only reserved would be one page of zeros, read again and
// again.
static bool fill(struct bench *b, size_t bytes)
{
    size_t n = bytes / sizeof(float) + b->size;
    size_t limit = ((size_t)BYTES_MAX + RANKS_MAX * sizeof(float));
    b->in = mem_try(n * sizeof(float), limit);
    b->out = mem_try(n * sizeof(float), limit);
    for (size_t i = 0; b->in && b->out && i < n; i++)
        b->in[i] = b->out[i] = (float)(i % 1000);
    return b->in && b->out;
}

// One rank that cannot must not leave the others waiting.
static bool all_are(struct group *g, bool ready)
{
    char *each = mem_alloc(group_size(g)), mine = ready;
    group_allgather(g, &mine, 1, each);
    for (uint32_t r = 0; r < group_size(g); r++)
        ready = ready && each[r];
    mem_free(each);
    return ready;
}

static enum error run_item(const void *state, struct run *r, uint32_t i, struct errtext *t)
{
    const struct state *s = state;
    const struct value *over = r->overrides ? r->overrides[i] : NULL;
    const struct value *name = evaluate_find(over, &s->params, "operation");
    operation_fn operation = operation_named(name ? name->s : operations[0]);
    struct sizes sizes = {evaluate_int(over, &s->params, "from_bytes", 64),
                          evaluate_int(over, &s->params, "to_bytes", 1 << 20)};
    uint32_t size = group_size(r->group);
    int64_t ranks = evaluate_int(over, &s->params, "ranks", 0);
    if (ranks > size)
        return errtext_set(t, FAULT_JOB, "ranks is %lld, the gang has %u: say gang: %lld",
                           (long long)ranks, size, (long long)ranks);
    struct bench b = {.group = group_first(r->group, ranks ? (uint32_t)ranks : size),
                      .rounds = (uint32_t)evaluate_int(over, &s->params, "rounds", 15),
                      .calls = (uint32_t)evaluate_int(over, &s->params, "calls", 4)};
    bool ready = true;
    if (b.group) {
        b.rank = group_rank(b.group);
        b.size = group_size(b.group);
        ready = fill(&b, (size_t)sizes.to);
    }
    ready = all_are(r->group, ready);
    if (b.group && ready)
        measure_all(r, &b, operation, sizes, r->metrics + (size_t)i * N_METRICS);
    group_barrier(r->group);
    group_destroy(b.group);
    mem_free(b.in);
    mem_free(b.out);
    return ready ? OK
                 : errtext_set(t, FAULT_WORKER, "no memory for two buffers of %lld bytes",
                               (long long)sizes.to);
}

static enum error run_collbench(void *state, struct run *r, struct errtext *t)
{
    return evaluate_each(run_item, state, r, t);
}

const struct workload workload_collbench = {
    .name = "collbench",
    .help = "Times the collectives of a gang over sizes and fits latency and bandwidth.",
    .params = params,
    .metrics = metrics,
    .collective = true,
    .volatile_metrics = true,
    .stall_ms = 600000, // ranks that take no part wait for those that do
    .check = check_collbench,
    .open = open_collbench,
    .close = close_collbench,
    .run = run_collbench,
};
