// SPDX-License-Identifier: MIT
#include "worker/group_mpi.h"

#include <assert.h>
#include <string.h>

#include <mpi.h>

#include "common/mem.h"
#include "worker/group_board.h"
#include "worker/group_ops.h"
#include "worker/pod.h"
#include "worker/tensor/kernels.h"

// MPI counts with an int: larger buffers go in parts.
enum { PART_BYTES = 1 << 30, PART_FLOATS = PART_BYTES / 4 };
enum { TAG_CREATE = 1, TAG_TREE = 2, TAG_BLOCK = 3 };

// A group that has gathered so often is given a board, where its ranks share memory.
enum { BOARD_AFTER = 8 };

struct group_mpi {
    struct group base;
    MPI_Comm comm;
    uint32_t rank, size;
    uint32_t n_gathers; // up to BOARD_AFTER
    struct group_board *board;
    size_t *bytes; // [size] scratch
};

static const struct group_mpi *of(const struct group *g)
{
    return (const struct group_mpi *)g;
}

static uint32_t mpi_rank(const struct group *g)
{
    return of(g)->rank;
}

static uint32_t mpi_size(const struct group *g)
{
    return of(g)->size;
}

static void mpi_barrier(struct group *g)
{
    MPI_Barrier(of(g)->comm);
}

static void mpi_bcast(struct group *g, void *p, size_t n, uint32_t root)
{
    char *at = p;
    for (size_t part; n; n -= part, at += part) {
        part = n < PART_BYTES ? n : PART_BYTES;
        MPI_Bcast(at, (int)part, MPI_BYTE, (int)root, of(g)->comm);
    }
}

// ---- gathers -------------------------------------------------------------------------

// Messages that MPI still holds leave only while somebody calls it.
static void poke(void *arg)
{
    int flag;
    MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, ((const struct group_mpi *)arg)->comm, &flag,
               MPI_STATUS_IGNORE);
}

// Whether this gather, which every rank makes, goes by the board.
static bool by_board(struct group *g)
{
    struct group_mpi *m = (struct group_mpi *)g;
    if (m->n_gathers == BOARD_AFTER)
        return m->board;
    if (++m->n_gathers < BOARD_AFTER)
        return false;
    struct group *node = group_node(g);
    ((struct group_mpi *)node)->n_gathers = BOARD_AFTER; // it makes a board, and has none
    if (group_size(node) == m->size)
        m->board = group_board_create(node, m->size > pod_cpus(), poke, m);
    group_destroy(node);
    return m->board;
}

// As many rows at a time as MPI can count, in the ranks' order; then side by side.
static void
gather_by_mpi(struct group *g, const char *in, size_t n, const size_t *bytes, char *out)
{
    const struct group_mpi *m = of(g);
    int *counts = mem_alloc(2 * m->size * sizeof *counts), *at = counts + m->size;
    size_t stride = 0;
    for (uint32_t r = 0; r < m->size; r++)
        stride += bytes[r];
    assert(stride <= PART_BYTES);
    size_t most = stride ? PART_BYTES / stride : n, rows;
    for (; n && stride; n -= rows, in += rows * bytes[m->rank]) {
        rows = n < most ? n : most;
        char *side = (char *)group_scratch(g, (rows * stride + 3) / sizeof(float));
        for (uint32_t r = 0, first = 0; r < m->size; first += (uint32_t)counts[r++]) {
            counts[r] = (int)(rows * bytes[r]);
            at[r] = (int)first;
        }
        MPI_Allgatherv(in, counts[m->rank], MPI_BYTE, side, counts, at, MPI_BYTE, m->comm);
        for (size_t i = 0; i < rows; i++)
            for (uint32_t r = 0; r < m->size; out += bytes[r++])
                memcpy(out, side + at[r] + i * bytes[r], bytes[r]);
    }
    group_scratch_done(g);
    mem_free(counts);
}

static void
mpi_gather_rows(struct group *g, const void *in, size_t n, const size_t *bytes, void *out)
{
    if (by_board(g))
        g->waited_ns += group_board_gather(of(g)->board, in, n, bytes, out);
    else
        gather_by_mpi(g, in, n, bytes, out);
}

// In parts of each rank's bytes: MPI puts a part of every rank side by side, so
// all but a single part take a detour.
static void mpi_allgather(struct group *g, const void *in, size_t n, void *out)
{
    const struct group_mpi *m = of(g);
    size_t most = PART_BYTES / m->size;
    if (by_board(g)) {
        for (uint32_t r = 0; r < m->size; r++)
            m->bytes[r] = n;
        g->waited_ns += group_board_gather(m->board, in, 1, m->bytes, out);
        return;
    }
    if (n <= most) {
        MPI_Allgather(in, (int)n, MPI_BYTE, out, (int)n, MPI_BYTE, m->comm);
        return;
    }
    char *side = mem_alloc(most * m->size);
    for (size_t at = 0, part; at < n; at += part) {
        part = n - at < most ? n - at : most;
        MPI_Allgather((const char *)in + at, (int)part, MPI_BYTE, side, (int)part, MPI_BYTE,
                      m->comm);
        for (uint32_t r = 0; r < m->size; r++)
            memcpy((char *)out + r * n + at, side + r * part, part);
    }
    mem_free(side);
}

static void send_floats(const struct group_mpi *m, const float *x, size_t n, uint32_t to)
{
    for (size_t part; n; n -= part, x += part) {
        part = n < PART_FLOATS ? n : PART_FLOATS;
        MPI_Send(x, (int)part, MPI_FLOAT, (int)to, TAG_TREE, m->comm);
    }
}

static void recv_floats(const struct group_mpi *m, float *x, size_t n, uint32_t from)
{
    for (size_t part; n; n -= part, x += part) {
        part = n < PART_FLOATS ? n : PART_FLOATS;
        MPI_Recv(x, (int)part, MPI_FLOAT, (int)from, TAG_TREE, m->comm, MPI_STATUS_IGNORE);
    }
}

static uint32_t owner(uint32_t part, uint32_t size, uint32_t parts)
{
    return (uint32_t)((uint64_t)part * size / parts);
}

// group_fold_tree's additions, in its order; where the two parts live on two
// ranks, the right one is sent to the left one's.  Each rank walks the whole
// tree and does its share of it, so that sends and receives meet in one order.
static void mpi_tree_sum(struct group *g, const float *in, uint32_t parts, size_t n, float *out)
{
    const struct group_mpi *m = of(g);
    uint32_t first = group_first_part(m->rank, m->size, parts);
    uint32_t mine = group_first_part(m->rank + 1, m->size, parts) - first;
    float *x = group_scratch(g, (mine + 1) * n), *other = x + mine * n;

    memcpy(x, in, mine * n * sizeof *x);
    for (uint32_t step = 1; step < parts; step *= 2)
        for (uint32_t p = 0; p + step < parts; p += 2 * step) {
            uint32_t left = owner(p, m->size, parts);
            uint32_t right = owner(p + step, m->size, parts);
            const float *add = x + (p + step - first) * n;
            if (right == m->rank && left != right)
                send_floats(m, add, n, left);
            if (left != m->rank)
                continue;
            if (right != left) {
                recv_floats(m, other, n, right);
                add = other;
            }
            kernels_add(x + (p - first) * n, add, n);
        }
    if (m->rank == 0)
        memcpy(out, x, n * sizeof *out);
    mpi_bcast(g, out, n * sizeof *out, 0);
    group_scratch_done(g);
}

static size_t n_messages(const size_t *bytes, uint32_t size)
{
    size_t n = 0;
    for (uint32_t r = 0; r < size; r++)
        n += (bytes[r] + PART_BYTES - 1) / PART_BYTES;
    return n;
}

// All at once: each pair's bytes in parts, which MPI keeps in their order.
static void mpi_alltoallv(
    struct group *g, const void *in, const size_t *give, void *out, const size_t *take)
{
    const struct group_mpi *m = of(g);
    size_t most = n_messages(give, m->size) + n_messages(take, m->size), n = 0;
    MPI_Request *all = mem_alloc((most + 1) * sizeof(MPI_Request));
    const char *from = in;
    char *to = out;
    for (uint32_t r = 0; r < m->size; r++)
        for (size_t left = take[r], part; left; left -= part, to += part) {
            part = left < PART_BYTES ? left : PART_BYTES;
            MPI_Irecv(to, (int)part, MPI_BYTE, (int)r, TAG_BLOCK, m->comm, &all[n++]);
        }
    for (uint32_t r = 0; r < m->size; r++)
        for (size_t left = give[r], part; left; left -= part, from += part) {
            part = left < PART_BYTES ? left : PART_BYTES;
            MPI_Isend(from, (int)part, MPI_BYTE, (int)r, TAG_BLOCK, m->comm, &all[n++]);
        }
    MPI_Waitall((int)n, all, MPI_STATUSES_IGNORE);
    mem_free(all);
}

static void mpi_alltoall(struct group *g, const void *in, size_t n, void *out)
{
    const struct group_mpi *m = of(g);
    if (n <= PART_BYTES / m->size) {
        MPI_Alltoall(in, (int)n, MPI_BYTE, out, (int)n, MPI_BYTE, m->comm);
        return;
    }
    size_t *bytes = mem_alloc(m->size * sizeof *bytes);
    for (uint32_t r = 0; r < m->size; r++)
        bytes[r] = n;
    mpi_alltoallv(g, in, bytes, out, bytes);
    mem_free(bytes);
}

static void mpi_destroy(struct group *g)
{
    struct group_mpi *m = (struct group_mpi *)g;
    group_board_destroy(m->board);
    mem_free(m->bytes);
    MPI_Comm_free(&m->comm);
    mem_free(m);
}

static const struct group_ops ops;

static struct group *of_comm(MPI_Comm comm, uint32_t size)
{
    struct group_mpi *m = mem_alloc(sizeof *m);
    int rank;
    MPI_Comm_rank(comm, &rank);
    *m = (struct group_mpi){
        .base = {.ops = &ops}, .comm = comm, .rank = (uint32_t)rank, .size = size};
    m->bytes = mem_alloc(size * sizeof *m->bytes);
    return &m->base;
}

static struct group *mpi_first(struct group *g, uint32_t n)
{
    const struct group_mpi *m = of(g);
    MPI_Comm comm;
    MPI_Comm_split(m->comm, m->rank < n ? 0 : MPI_UNDEFINED, (int)m->rank, &comm);
    return comm == MPI_COMM_NULL ? NULL : of_comm(comm, n);
}

static struct group *mpi_node(struct group *g)
{
    const struct group_mpi *m = of(g);
    MPI_Comm comm;
    int n;
    MPI_Comm_split_type(m->comm, MPI_COMM_TYPE_SHARED, (int)m->rank, MPI_INFO_NULL, &comm);
    MPI_Comm_size(comm, &n);
    return of_comm(comm, (uint32_t)n);
}

static const struct group_ops ops = {
    .rank = mpi_rank,
    .size = mpi_size,
    .barrier = mpi_barrier,
    .bcast = mpi_bcast,
    .allgather = mpi_allgather,
    .gather_rows = mpi_gather_rows,
    .tree_sum = mpi_tree_sum,
    .alltoall = mpi_alltoall,
    .alltoallv = mpi_alltoallv,
    .first = mpi_first,
    .node = mpi_node,
    .destroy = mpi_destroy,
};

struct group *group_mpi_create(uint32_t first, uint32_t n)
{
    MPI_Group world, members;
    MPI_Comm comm;
    int range[1][3] = {{(int)first, (int)(first + n - 1), 1}};

    MPI_Comm_group(MPI_COMM_WORLD, &world);
    MPI_Group_range_incl(world, 1, range, &members);
    MPI_Comm_create_group(MPI_COMM_WORLD, members, TAG_CREATE, &comm);
    assert(comm != MPI_COMM_NULL); // we are a member
    MPI_Group_free(&members);
    MPI_Group_free(&world);
    return of_comm(comm, n);
}
