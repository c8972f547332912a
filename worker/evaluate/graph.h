// SPDX-License-Identifier: MIT
// graph.h - small graphs, and what a conjecture about them needs exactly.
//
// The conjecture (Aouchiche and Hansen, found by AutoGraphiX): a connected graph of
// n >= 3 vertices has lambda1 + mu >= sqrt(n - 1) + 1, where lambda1 is the largest
// eigenvalue of its adjacency matrix and mu the size of a maximum matching.  It is false.
//
// Whether a graph violates it is decided in integers only.  The characteristic polynomial
// p comes from Faddeev and LeVerrier's recursion.  All its roots are real, so the number
// of them above t is exactly the number of changes of sign among p(t), p'(t), ... (Budan
// and Fourier): lambda1 < t if and only if all of them are positive.  With t =
// sqrt(n - 1) + 1 - mu they are numbers a + b sqrt(n - 1) of integers a, b.  Arithmetic is
// in 128 bits and checked: what does not fit is an error, never a verdict.
//
// Source     Wagner, "Constructions in combinatorics via neural networks",
//            arXiv:2104.14516, section 2.1 (the counterexample of 19 vertices);
//            Edmonds 1965 (matching); Obreschkoff 1963 (Budan and Fourier's theorem where
//            all roots are real).
// Threads    Any; pure.

#ifndef WORKER_EVALUATE_GRAPH_H
#define WORKER_EVALUATE_GRAPH_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"

enum { GRAPH_VERTICES_MIN = 3, GRAPH_VERTICES_MAX = 24 };

struct graph {
    uint32_t n;
    uint32_t near[GRAPH_VERTICES_MAX]; // bit j of near[i]: i and j are neighbours
};

// The tree in which vertex k, from 1 on, hangs at vertex parents[k - 1] modulo k: every
// list is a tree, every tree has a list, and one number changed moves one branch.
void graph_tree(struct graph *g, uint32_t n, const uint32_t *parents);

// Add edge number e of the n (n - 1) / 2 that there can be: (0,1), (0,2), (1,2), (0,3), ...
void graph_add_edge(struct graph *g, uint32_t e);
uint32_t graph_edges(const struct graph *g);
bool graph_is_connected(const struct graph *g);

// Edges of a maximum matching (graph_matching.c).
uint32_t graph_matching(const struct graph *g);

// The largest eigenvalue of a connected graph as a double, the same bits everywhere: for
// an optimiser, not for a verdict.
double graph_radius(const struct graph *g);

// graph_exact.c: coefficients of the characteristic polynomial, c[k] of x^k, c[n] = 1.
// ERR_LIMIT: one does not fit.
MUST_CHECK enum error graph_polynomial(const struct graph *g, int64_t *c);
// Is lambda1 + matching < sqrt(n - 1) + 1?  ERR_LIMIT as above.
MUST_CHECK enum error graph_violates(const struct graph *g, uint32_t matching, bool *out);

#endif
