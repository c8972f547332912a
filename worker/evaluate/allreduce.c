// SPDX-License-Identifier: MIT
// The gang workload: logical parts make random vectors, the ranks add them in
// one fixed tree.  Their number is the job's, so the ranks' number never shows.
#include "common/math.h"
#include "worker/evaluate/evaluate.h"
#include "worker/group_ops.h"
#include "worker/tensor/kernels.h"

enum { N_MAX = 1 << 22, PARTS_MAX = 64 };

static const struct param params[] = {
    {.name = "n",
     .type = PARAM_INT,
     .searchable = true,
     .min = 1,
     .max = N_MAX,
     .fallback = "1024",
     .help = "length of the vectors"},
    {.name = "parts",
     .type = PARAM_INT,
     .searchable = true,
     .min = 1,
     .max = PARTS_MAX,
     .fallback = "8",
     .help =
         "logical parts, spread over the ranks; the result depends on them, not on the ranks"},
    {.name = NULL},
};

static const struct metric metrics[] = {
    {.name = "sum", .help = "sum of the summed vector, in 16 lanes"},
    {.name = "first", .help = "first element of the summed vector"},
    {.name = "norm", .help = "Euclidean norm of the summed vector"},
    {.name = NULL},
};

struct state {
    uint64_t seed;
    int64_t n;
    int64_t parts;
};

static enum error open_allreduce(const struct workload_job *job, void **out, struct errtext *t)
{
    (void)t;
    struct state *s = mem_alloc(sizeof *s);
    s->seed = job->seed;
    s->n = evaluate_int(job->params, NULL, "n", 1024);
    s->parts = evaluate_int(job->params, NULL, "parts", 8);
    *out = s;
    return OK;
}

static void close_allreduce(void *state)
{
    mem_free(state);
}

// Uniform in [-1, 1), 24 bits: exact in a float.
static void make_part(float *x, size_t n, uint64_t seed, uint32_t part, uint64_t item)
{
    struct rng r = evaluate_rng(seed, part, 1, item);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)((int32_t)(rng_u32(&r) >> 8) - (1 << 23)) * 0x1p-23f;
}

static enum error run_item(const void *state, struct run *r, uint32_t i, struct errtext *t)
{
    const struct state *s = state;
    const struct value *over = r->overrides ? r->overrides[i] : NULL;
    size_t n = (size_t)evaluate_int(over, NULL, "n", s->n);
    uint32_t parts = (uint32_t)evaluate_int(over, NULL, "parts", s->parts);
    uint32_t rank = group_rank(r->group), size = group_size(r->group);
    uint32_t first = group_first_part(rank, size, parts);
    uint32_t mine = group_first_part(rank + 1, size, parts) - first;

    // One allocation: this rank's parts, then the result.
    float *x = mem_try((mine + 1) * n * sizeof *x, (PARTS_MAX + 1) * (size_t)N_MAX * sizeof *x);
    if (!x)
        return errtext_set(t, FAULT_WORKER, "no memory for %u vectors of %zu floats", mine, n);
    for (uint32_t p = 0; p < mine; p++)
        make_part(x + p * n, n, s->seed, first + p, r->first + i);
    float *sum = x + mine * n;
    group_tree_sum(r->group, x, parts, n, sum);
    double *row = r->metrics + 3 * (size_t)i;
    row[0] = (double)kernels_sum(sum, n);
    row[1] = (double)sum[0];
    row[2] = math_sqrt((double)kernels_dot(sum, sum, n));
    mem_free(x);
    return OK;
}

static enum error run_allreduce(void *state, struct run *r, struct errtext *t)
{
    return evaluate_each(run_item, state, r, t);
}

const struct workload workload_allreduce = {
    .name = "allreduce",
    .help = "Adds random float vectors of `parts` logical parts over the ranks of a gang.",
    .params = params,
    .metrics = metrics,
    .collective = true,
    .stall_ms = 60000,
    .open = open_allreduce,
    .close = close_allreduce,
    .run = run_allreduce,
};
