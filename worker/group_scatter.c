// SPDX-License-Identifier: MIT
// group_scatter.c - the fixed tree's sum in shares: every rank folds those of its
// parts that the tree adds to one another anyway, hands each rank its share of what
// is left, and finishes the tree over the shares it got.
//
// The additions are those of group_fold_tree, pair by pair, so the bits are too.
// With as many parts as ranks each rank sends and gets about n floats, whatever
// their number.
#include <string.h>

#include "common/mem.h"
#include "worker/group_ops.h"
#include "worker/tensor/kernels.h"

// The largest subtree that begins with part p and has only parts before `end`: how
// many part numbers it spans.
static uint32_t subtree(uint32_t p, uint32_t end, uint32_t parts)
{
    uint32_t span = 1;
    while (p % (2 * span) == 0 && p + span < end && (p + 2 * span <= end || end == parts))
        span *= 2;
    return span;
}

struct scatter {
    uint32_t rank, size, parts;
    size_t n;
};

static size_t share_start(const struct scatter *s, uint32_t rank)
{
    return s->n * rank / s->size;
}

static size_t share(const struct scatter *s, uint32_t rank)
{
    return share_start(s, rank + 1) - share_start(s, rank);
}

static uint32_t n_subtrees(const struct scatter *s, uint32_t rank)
{
    uint32_t end = group_first_part(rank + 1, s->size, s->parts), count = 0;
    for (uint32_t p = group_first_part(rank, s->size, s->parts); p < end;
         p += subtree(p, end, s->parts))
        count++;
    return count;
}

// This rank's subtrees, each folded into its first vector; `out` gets every
// rank's share of them, subtree by subtree.
static void fold_own(const struct scatter *s, float *x, float *out)
{
    uint32_t first = group_first_part(s->rank, s->size, s->parts);
    uint32_t end = group_first_part(s->rank + 1, s->size, s->parts), span;
    for (uint32_t p = first; p < end; p += span) {
        span = subtree(p, end, s->parts);
        group_fold_tree(x + (p - first) * s->n, span < end - p ? span : end - p, s->n);
    }
    for (uint32_t r = 0; r < s->size; r++)
        for (uint32_t p = first; p < end; p += subtree(p, end, s->parts)) {
            memcpy(out, x + (p - first) * s->n + share_start(s, r), share(s, r) * sizeof *out);
            out += share(s, r);
        }
}

// `x` has the subtrees of all ranks, n floats each, in the order of their parts.
// What lies inside of a subtree is not there any more: it was added already.
static void finish(const struct scatter *s, float *x, size_t n)
{
    float **at = mem_alloc(s->parts * sizeof *at);
    for (uint32_t r = 0; r < s->size; r++) {
        uint32_t end = group_first_part(r + 1, s->size, s->parts);
        for (uint32_t p = group_first_part(r, s->size, s->parts); p < end;
             p += subtree(p, end, s->parts), x += n)
            at[p] = x;
    }
    for (uint32_t step = 1; step < s->parts; step *= 2)
        for (uint32_t p = 0; p + step < s->parts; p += 2 * step)
            if (at[p + step])
                kernels_add(at[p], at[p + step], n);
    mem_free(at);
}

void group_reduce_scatter(
    struct group *g, const float *in, uint32_t parts, size_t n, float *out)
{
    struct scatter s = {group_rank(g), group_size(g), parts, n};
    uint32_t mine =
        group_first_part(s.rank + 1, s.size, parts) - group_first_part(s.rank, s.size, parts);
    size_t *give = mem_alloc(2 * s.size * sizeof *give), *take = give + s.size;
    size_t width = share(&s, s.rank), n_take = 0;
    for (uint32_t r = 0; r < s.size; r++) {
        give[r] = n_subtrees(&s, s.rank) * share(&s, r) * sizeof(float);
        take[r] = n_subtrees(&s, r) * width * sizeof(float);
        n_take += take[r] / sizeof(float);
    }
    float *x = group_scratch(g, 2 * mine * n + n_take);
    float *send = x + mine * n, *got = send + mine * n;
    memcpy(x, in, mine * n * sizeof *x);
    fold_own(&s, x, send);
    group_alltoallv(g, send, give, got, take);
    finish(&s, got, width);
    memcpy(out, got, width * sizeof *out);
    group_scratch_done(g);
    mem_free(give);
}
