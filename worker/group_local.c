// SPDX-License-Identifier: MIT
#include <assert.h>
#include <string.h>

#include "common/mem.h"
#include "worker/group.h"
#include "worker/group_ops.h"
#include "worker/tensor/kernels.h"

uint32_t group_rank(const struct group *g)
{
    return g->ops->rank(g);
}

uint32_t group_size(const struct group *g)
{
    return g->ops->size(g);
}

void group_barrier(struct group *g)
{
    g->ops->barrier(g);
}

void group_bcast(struct group *g, void *p, size_t n, uint32_t root)
{
    g->ops->bcast(g, p, n, root);
}

void group_allgather(struct group *g, const void *in, size_t n, void *out)
{
    g->ops->allgather(g, in, n, out);
}

void group_gather_rows(
    struct group *g, const void *in, size_t n, const size_t *bytes, void *out)
{
    g->ops->gather_rows(g, in, n, bytes, out);
}

void group_tree_sum(struct group *g, const float *in, uint32_t parts, size_t n, float *out)
{
    assert(parts > 0);
    g->ops->tree_sum(g, in, parts, n, out);
}

void group_alltoall(struct group *g, const void *in, size_t n, void *out)
{
    g->ops->alltoall(g, in, n, out);
}

void group_alltoallv(
    struct group *g, const void *in, const size_t *give, void *out, const size_t *take)
{
    g->ops->alltoallv(g, in, give, out, take);
}

struct group *group_first(struct group *g, uint32_t n)
{
    assert(n > 0 && n <= group_size(g));
    return g->ops->first(g, n);
}

struct group *group_node(struct group *g)
{
    return g->ops->node(g);
}

void group_destroy(struct group *g)
{
    if (!g)
        return;
    mem_free(g->scratch);
    g->ops->destroy(g);
}

// 64 MB: as much as a rank of a busy machine can spare.
enum { SCRATCH_KEPT = 1 << 24 };

float *group_scratch(struct group *g, size_t n)
{
    if (n > g->n_scratch) {
        mem_free(g->scratch);
        g->scratch = mem_alloc(n * sizeof *g->scratch);
        g->n_scratch = n;
    }
    return g->scratch;
}

int64_t group_waited(const struct group *g)
{
    return g->waited_ns;
}

void group_scratch_done(struct group *g)
{
    if (g->n_scratch <= SCRATCH_KEPT)
        return;
    mem_free(g->scratch);
    g->scratch = NULL;
    g->n_scratch = 0;
}

// Round by round: 0+1, 2+3, …, then the sums of those; one left over moves up
// as it is.
void group_fold_tree(float *vectors, uint32_t parts, size_t n)
{
    for (uint32_t step = 1; step < parts; step *= 2)
        for (uint32_t p = 0; p + step < parts; p += 2 * step)
            kernels_add(vectors + p * n, vectors + (p + step) * n, n);
}

static uint32_t local_rank(const struct group *g)
{
    (void)g;
    return 0;
}

static uint32_t local_size(const struct group *g)
{
    (void)g;
    return 1;
}

static void local_barrier(struct group *g)
{
    (void)g;
}

static void local_bcast(struct group *g, void *p, size_t n, uint32_t root)
{
    (void)g;
    (void)p;
    (void)n;
    assert(root == 0);
}

static void local_allgather(struct group *g, const void *in, size_t n, void *out)
{
    (void)g;
    memcpy(out, in, n);
}

static void
local_gather_rows(struct group *g, const void *in, size_t n, const size_t *bytes, void *out)
{
    local_allgather(g, in, n * bytes[0], out);
}

static void
local_tree_sum(struct group *g, const float *in, uint32_t parts, size_t n, float *out)
{
    float *copy = group_scratch(g, parts * n);
    memcpy(copy, in, parts * n * sizeof *copy);
    group_fold_tree(copy, parts, n);
    memcpy(out, copy, n * sizeof *out);
    group_scratch_done(g);
}

static void local_alltoallv(
    struct group *g, const void *in, const size_t *give, void *out, const size_t *take)
{
    assert(give[0] == take[0]);
    local_allgather(g, in, give[0], out);
}

static struct group *local_first(struct group *g, uint32_t n)
{
    (void)g;
    (void)n;
    return group_local_create();
}

static struct group *local_node(struct group *g)
{
    return local_first(g, 1);
}

static void local_destroy(struct group *g)
{
    mem_free(g);
}

struct group *group_local_create(void)
{
    static const struct group_ops ops = {
        .rank = local_rank,
        .size = local_size,
        .barrier = local_barrier,
        .bcast = local_bcast,
        .allgather = local_allgather,
        .gather_rows = local_gather_rows,
        .tree_sum = local_tree_sum,
        .alltoall = local_allgather, // of one rank they are the same
        .alltoallv = local_alltoallv,
        .first = local_first,
        .node = local_node,
        .destroy = local_destroy,
    };
    struct group *g = mem_alloc(sizeof *g);
    g->ops = &ops;
    return g;
}
