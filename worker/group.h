// SPDX-License-Identifier: MIT
// group.h - the ranks of a gang and their collectives.
//
// One vtable behind: group_local (one rank, or threads in unit tests) and
// group_mpi (worker/group_mpi.c, the only home of mpi.h beside worker/pod.c).
// A failed collective ends the pod: MPI cannot be repaired, the coordinator
// starts over.
//
// Threads    Main thread only.

#ifndef WORKER_GROUP_H
#define WORKER_GROUP_H

#include <stddef.h>
#include <stdint.h>

struct group;

uint32_t group_rank(const struct group *g);
uint32_t group_size(const struct group *g);
void group_barrier(struct group *g);
void group_bcast(struct group *g, void *p, size_t n, uint32_t root);
// every rank gives n bytes, every rank gets size * n bytes in rank order
void group_allgather(struct group *g, const void *in, size_t n, void *out);
// Every rank gives n rows of bytes[rank] bytes, every rank gets the n rows with the
// ranks' parts side by side; `bytes` is the same on all.
void group_gather_rows(
    struct group *g, const void *in, size_t n, const size_t *bytes, void *out);
// Nanoseconds that this rank's gathers waited for ranks that had not come to them yet, as
// far as that is known (between ranks of a node): what is left of a gather's time is the
// exchange itself.
int64_t group_waited(const struct group *g);
// Tree sum over `parts` logical parts (the job's number, a power of two or
// not), each a vector of n floats; rank r holds the parts p with
// p * size / parts == r in `in` one behind the other, and every rank gets the
// sum, added pairwise over part numbers in one fixed tree: (0+1)+(2+3)+… .
// The bits do not depend on the number of ranks.
void group_tree_sum(struct group *g, const float *in, uint32_t parts, size_t n, float *out);
// The same sum, each rank getting its share of it: the floats from n * rank / size
// to n * (rank + 1) / size.
void group_reduce_scatter(
    struct group *g, const float *in, uint32_t parts, size_t n, float *out);
// Every rank gives n bytes to each rank: blocks in rank order in `in` and `out`.
void group_alltoall(struct group *g, const void *in, size_t n, void *out);
// The same with blocks of any size, give[r] bytes to rank r and take[r] from it,
// one behind the other; what a rank takes is what the other gives.
void group_alltoallv(
    struct group *g, const void *in, const size_t *give, void *out, const size_t *take);

struct group *group_local_create(void); // one rank
// The first n ranks as a group of their own, n from 1 to the size; every rank of
// `g` calls, those past the n-th get NULL.  Its holder destroys it.
struct group *group_first(struct group *g, uint32_t n);
// The ranks of `g` that share this one's memory, in its order; every rank of `g`
// calls.  Its holder destroys it.
struct group *group_node(struct group *g);
void group_destroy(struct group *g);

#endif
