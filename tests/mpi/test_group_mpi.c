// SPDX-License-Identifier: MIT
// test_group_mpi.c - collectives on MPI give the bits of a single rank.
//
// A plain program for mpirun -n 1, 2, 3, 4: returns 0 or 1, rank 0 says what
// went wrong.  Every gang that fits the world is tried: all ranks, and each
// aligned run of two.
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "common/rng.h"
#include "worker/group.h"
#include "worker/group_ops.h"
#include "worker/pod.h"

enum { N_MAX = 20000 };

static int n_failed;

static void expect(bool ok, const char *what, const struct group *g, uint64_t detail)
{
    if (ok)
        return;
    n_failed++;
    (void)fprintf(stderr, "rank %u of %u: %s (%llu)\n", group_rank(g), group_size(g), what,
                  (unsigned long long)detail);
}

// Floats of very different size: any other order of adding them shows.
static void make_part(float *x, size_t n, uint32_t part)
{
    struct rng r = rng_at(5, part, 0, 0);
    for (size_t i = 0; i < n; i++)
        x[i] = ldexpf((float)rng_f64(&r) - 0.5f, (int)rng_below(&r, 40));
}

static void try_tree_sum(struct group *g, uint32_t parts, size_t n)
{
    float *all = mem_alloc(parts * n * sizeof *all);
    float *sum = mem_alloc(n * sizeof *sum);
    uint32_t first = group_first_part(group_rank(g), group_size(g), parts);
    for (uint32_t p = 0; p < parts; p++)
        make_part(all + p * n, n, p);
    group_tree_sum(g, all + first * n, parts, n, sum);
    struct group *one = group_local_create();
    float *want = mem_alloc(n * sizeof *want);
    group_tree_sum(one, all, parts, n, want);
    expect(memcmp(sum, want, n * sizeof *sum) == 0, "tree sum", g, parts * 100000 + n);
    group_destroy(one);
    mem_free(want);
    mem_free(sum);
    mem_free(all);
}

// Each rank's share of the same sum.
static void try_reduce_scatter(struct group *g, uint32_t parts, size_t n)
{
    uint32_t rank = group_rank(g), size = group_size(g);
    float *all = mem_alloc(parts * n * sizeof *all);
    float *sum = mem_alloc((n + 1) * sizeof *sum), *want = mem_alloc(n * sizeof *want);
    size_t from = n * rank / size, to = n * (rank + 1) / size;
    for (uint32_t p = 0; p < parts; p++)
        make_part(all + p * n, n, p);
    sum[to - from] = 42;
    group_reduce_scatter(g, all + group_first_part(rank, size, parts) * n, parts, n, sum);
    struct group *one = group_local_create();
    group_tree_sum(one, all, parts, n, want);
    expect(memcmp(sum, want + from, (to - from) * sizeof *sum) == 0, "reduce scatter", g,
           parts * 100000 + n);
    expect(sum[to - from] == 42, "reduce scatter writes past its share", g, n);
    group_destroy(one);
    mem_free(want);
    mem_free(sum);
    mem_free(all);
}

// What rank r gives to rank q: so many bytes, all of them a value of their own.
static size_t block_bytes(uint32_t r, uint32_t q, size_t n)
{
    return (r * 7 + q * 3) % 5 * n;
}

static uint8_t block_value(uint32_t r, uint32_t q)
{
    return (uint8_t)(r * 16 + q + 1);
}

static void try_alltoallv(struct group *g, size_t n, bool equal)
{
    uint32_t rank = group_rank(g), size = group_size(g);
    size_t give[64], take[64], n_take = 0, at = 0;
    uint8_t *in = mem_alloc(5 * n * size), *out = mem_alloc(5 * n * size);
    bool right = true;
    for (uint32_t r = 0; r < size; r++) {
        give[r] = equal ? n : block_bytes(rank, r, n);
        take[r] = equal ? n : block_bytes(r, rank, n);
        memset(in + at, block_value(rank, r), give[r]);
        at += give[r];
    }
    if (equal)
        group_alltoall(g, in, n, out);
    else
        group_alltoallv(g, in, give, out, take);
    for (uint32_t r = 0; r < size; n_take += take[r++])
        for (size_t i = 0; i < take[r]; i++)
            right = right && out[n_take + i] == block_value(r, rank);
    expect(right && (n_take == 5 * n * size || out[n_take] == 0),
           equal ? "alltoall" : "alltoallv", g, n);
    mem_free(in);
    mem_free(out);
}

static void try_first(struct group *g)
{
    for (uint32_t n = 1; n <= group_size(g); n++) {
        struct group *f = group_first(g, n);
        expect((f != NULL) == (group_rank(g) < n), "first ranks", g, n);
        if (!f)
            continue;
        expect(group_size(f) == n && group_rank(f) == group_rank(g), "first's rank", g, n);
        try_tree_sum(f, 5, 17);
        try_reduce_scatter(f, 5, 17);
        group_destroy(f);
    }
}

static void try_bcast(struct group *g, size_t n)
{
    uint8_t *x = mem_alloc(n);
    for (uint32_t root = 0; root < group_size(g); root++) {
        memset(x, group_rank(g) == root ? (int)root + 1 : 0, n);
        group_bcast(g, x, n, root);
        bool same = true;
        for (size_t i = 0; i < n; i++)
            same = same && x[i] == root + 1;
        expect(same, "bcast", g, n);
    }
    mem_free(x);
}

static void try_allgather(struct group *g, size_t n)
{
    uint32_t size = group_size(g);
    uint8_t *in = mem_alloc(n), *out = mem_alloc(n * size);
    memset(in, (int)group_rank(g) + 1, n);
    group_allgather(g, in, n, out);
    bool right = true;
    for (size_t i = 0; i < n * size; i++)
        right = right && out[i] == i / n + 1;
    expect(right, "allgather", g, n);
    mem_free(in);
    mem_free(out);
}

// Rows of which every rank has a part, the first none; by MPI, then by the node's memory.
static void try_gather_rows(struct group *g, size_t n, size_t width)
{
    uint32_t rank = group_rank(g), size = group_size(g);
    size_t bytes[64], stride = 0, at = 0;
    for (uint32_t r = 0; r < size; r++)
        stride += bytes[r] = size > 1 ? r * width : width;
    uint8_t *in = mem_alloc(n * bytes[rank] + 1), *out = mem_alloc(n * stride + 1);
    for (uint32_t round = 0; round < 20; round++) {
        for (size_t i = 0; i < n * bytes[rank]; i++)
            in[i] = (uint8_t)(i * 7 + rank + round);
        group_gather_rows(g, in, n, bytes, out);
        bool right = out[n * stride] == 0;
        at = 0;
        for (size_t i = 0; i < n; i++)
            for (uint32_t r = 0; r < size; r++)
                for (size_t j = 0; j < bytes[r]; j++)
                    right = right && out[at++] == (uint8_t)((i * bytes[r] + j) * 7 + r + round);
        expect(right, "rows side by side", g, n * 1000000 + width);
    }
    mem_free(in);
    mem_free(out);
}

// Nobody leaves before the last one came: a counter that the ranks hand on.
static void try_barrier(struct group *g)
{
    uint32_t size = group_size(g), seen[64] = {0}, mine = 0;
    for (uint32_t round = 0; round < 10; round++) {
        mine++;
        group_barrier(g);
        group_allgather(g, &mine, sizeof mine, seen);
        for (uint32_t i = 0; i < size; i++)
            expect(seen[i] == round + 1, "barrier", g, round);
    }
}

static void try_all(struct group *g)
{
    static const uint32_t parts[] = {1, 2, 3, 5, 8, 31};
    static const size_t lengths[] = {1, 17, N_MAX};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++)
            try_tree_sum(g, parts[i], lengths[k]);
    for (uint32_t p = 1; p <= 20; p++)
        try_reduce_scatter(g, p, 3 * p);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++)
            try_reduce_scatter(g, parts[i], lengths[k]);
    for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
        try_bcast(g, lengths[k]);
        try_allgather(g, lengths[k]);
        try_alltoallv(g, lengths[k], true);
        try_alltoallv(g, lengths[k], false);
    }
    try_gather_rows(g, 0, 5);
    try_gather_rows(g, 3, 1000);
    try_gather_rows(g, 500, 2000); // pieces of some rows
    try_gather_rows(g, 2, 300001); // pieces of a row
    try_allgather(g, N_MAX);
    try_first(g);
    try_barrier(g);
}

int main(void)
{
    struct errtext t;
    struct pod *p;
    if (pod_start(&p, &t)) {
        (void)fprintf(stderr, "%s\n", t.text);
        return 1;
    }
    uint32_t rank = pod_rank(p), n = pod_n_ranks(p);
    struct group *all = pod_gang(p, 0, n);
    expect(group_size(all) == n && group_rank(all) == rank, "rank and size", all, n);
    expect(pod_gang(p, 0, n) == all, "a gang is made once", all, n);
    uint64_t instance = pod_instance(p), *every = mem_alloc(n * sizeof *every);
    group_allgather(all, &instance, sizeof instance, every);
    for (uint32_t i = 0; i < n; i++)
        expect(every[i] == instance, "instance", all, i);
    mem_free(every);
    try_all(all);
    if (n > 2 && rank / 2 * 2 + 2 <= n)
        try_all(pod_gang(p, rank / 2 * 2, 2));
    int bad = n_failed;
    int *bads = mem_alloc(n * sizeof *bads);
    group_allgather(all, &bad, sizeof bad, bads);
    bad = 0;
    for (uint32_t i = 0; i < n; i++)
        bad += bads[i];
    mem_free(bads);
    pod_stop(p);
    return bad != 0;
}
