// SPDX-License-Identifier: MIT
// graph_shape.c - trees from lists, edges, and the spectral radius as a double.

#include "worker/evaluate/graph.h"

static void join(struct graph *g, uint32_t i, uint32_t j)
{
    g->near[i] |= 1u << j;
    g->near[j] |= 1u << i;
}

void graph_tree(struct graph *g, uint32_t n, const uint32_t *parents)
{
    *g = (struct graph){.n = n};
    for (uint32_t k = 1; k < n; k++)
        join(g, parents[k - 1] % k, k);
}

void graph_add_edge(struct graph *g, uint32_t e)
{
    uint32_t j = 1;
    while (e >= j) {
        e -= j;
        j++;
    }
    join(g, e, j);
}

uint32_t graph_edges(const struct graph *g)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < g->n; i++)
        n += (uint32_t)__builtin_popcount(g->near[i]);
    return n / 2;
}

bool graph_is_connected(const struct graph *g)
{
    uint32_t seen = 1, grown = 1;
    do {
        seen = grown;
        for (uint32_t i = 0; i < g->n; i++)
            if (seen >> i & 1)
                grown |= g->near[i];
    } while (grown != seen);
    return seen == (1u << g->n) - 1;
}

typedef double matrix[GRAPH_VERTICES_MAX][GRAPH_VERTICES_MAX];

// x = x * x, over its largest element.  (It is symmetric.)
static void square(matrix x, uint32_t n)
{
    matrix y;
    double most = 0;
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t j = 0; j < n; j++) {
            double sum = 0;
            for (uint32_t k = 0; k < n; k++)
                sum += x[i][k] * x[j][k];
            y[i][j] = sum;
            most = sum > most ? sum : most;
        }
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t j = 0; j < n; j++)
            x[i][j] = y[i][j] / most;
}

// Squarings: (A + I)^1024.  On a path of 24 vertices, where the first two eigenvalues lie
// closest together, what is left of the second is 1e-7, and the quotient below has the
// square of it as its error.
enum { SQUARINGS = 10 };

// Rayleigh's quotient of a high power's row sums.  A + I, because -lambda1 is an
// eigenvalue of A too where the graph is bipartite.
double graph_radius(const struct graph *g)
{
    matrix x;
    double v[GRAPH_VERTICES_MAX], up = 0, down = 0;
    for (uint32_t i = 0; i < g->n; i++)
        for (uint32_t j = 0; j < g->n; j++)
            x[i][j] = (g->near[i] >> j & 1) || i == j;
    for (int k = 0; k < SQUARINGS; k++)
        square(x, g->n);
    for (uint32_t i = 0; i < g->n; i++) {
        v[i] = 0;
        for (uint32_t j = 0; j < g->n; j++)
            v[i] += x[i][j];
    }
    for (uint32_t i = 0; i < g->n; i++) {
        double sum = 0;
        for (uint32_t j = 0; j < g->n; j++)
            sum += g->near[i] >> j & 1 ? v[j] : 0;
        up += v[i] * sum;
        down += v[i] * v[i];
    }
    return up / down;
}
