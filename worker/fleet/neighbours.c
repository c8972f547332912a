// SPDX-License-Identifier: MIT
#include "worker/fleet/neighbours.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "common/mem.h"

// Columns of the least of row u, its diagonal aside, in order: -A is least where A is most.
static void nearest(const float *row, size_t u, size_t n, size_t out[NEIGHBOURS])
{
    size_t have = 0;
    for (size_t v = 0; v < n; v++) {
        if (v == u || (have == NEIGHBOURS && !(row[v] < row[out[have - 1]])))
            continue;
        size_t at = have < NEIGHBOURS ? have++ : have - 1;
        for (; at > 0 && row[v] < row[out[at - 1]]; at--)
            out[at] = out[at - 1];
        out[at] = v;
    }
}

static void thin(float *row, const bool *keeps, size_t u, size_t n)
{
    float sum = 0;
    row[u] = 0;
    for (size_t v = 0; v < n; v++) {
        row[v] = keeps[v] ? row[v] : 0;
        sum += row[v];
    }
    row[u] = -sum;
}

void neighbours_keep(float *l, size_t n)
{
    bool *keeps = mem_alloc(n * n * sizeof *keeps);
    size_t near[NEIGHBOURS];

    assert(n > NEIGHBOURS);
    for (size_t u = 0; u < n; u++) {
        nearest(l + u * n, u, n, near);
        for (size_t i = 0; i < NEIGHBOURS; i++)
            keeps[u * n + near[i]] = keeps[near[i] * n + u] = true;
    }
    for (size_t u = 0; u < n; u++)
        thin(l + u * n, keeps + u * n, u, n);
    mem_free(keeps);
}
