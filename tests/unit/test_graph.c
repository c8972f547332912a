// SPDX-License-Identifier: MIT
// test_graph.c - what is said about graphs is exact: matchings, polynomials, verdicts.
#include <math.h>
#include <string.h>

#include "common/rng.h"
#include "tests/unit/harness.h"
#include "worker/evaluate/graph.h"

// Two hubs with eight leaves each and a root between them.
static void make_hubs(struct graph *g)
{
    static const uint32_t parents[] = {0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2};
    graph_tree(g, 19, parents);
}

static void make_random(struct graph *g, uint32_t n, uint32_t n_edges, struct rng *r)
{
    uint32_t parents[GRAPH_VERTICES_MAX];
    for (uint32_t i = 0; i < n; i++)
        parents[i] = (uint32_t)rng_below(r, n);
    graph_tree(g, n, parents);
    for (uint32_t i = 0; i < n_edges; i++)
        graph_add_edge(g, (uint32_t)rng_below(r, n * (n - 1) / 2));
}

START_TEST(every_list_is_a_tree)
{
    for (uint32_t k = 0; k < 2000; k++) {
        struct rng r = rng_at(1, 0, 0, k);
        uint32_t n = 3 + (uint32_t)rng_below(&r, GRAPH_VERTICES_MAX - 2);
        struct graph g;
        make_random(&g, n, 0, &r);
        ck_assert_uint_eq(graph_edges(&g), n - 1);
        ck_assert(graph_is_connected(&g));
    }
}
END_TEST

START_TEST(edges_are_numbered_once)
{
    struct graph g = {.n = 5};
    ck_assert(!graph_is_connected(&g));
    for (uint32_t e = 0; e < 10; e++) {
        graph_add_edge(&g, e);
        ck_assert_uint_eq(graph_edges(&g), e + 1);
    }
}
END_TEST

// By every choice for the first vertex that is left.
static uint32_t brute_matching(const struct graph *g, uint32_t left)
{
    if (!left)
        return 0;
    uint32_t v = (uint32_t)__builtin_ctz(left), rest = left & (left - 1);
    uint32_t best = brute_matching(g, rest);
    for (uint32_t to = g->near[v] & rest; to; to &= to - 1) {
        uint32_t n = 1 + brute_matching(g, rest & ~(to & -to));
        best = n > best ? n : best;
    }
    return best;
}

START_TEST(matchings_are_maximum)
{
    for (uint32_t k = 0; k < 4000; k++) {
        struct rng r = rng_at(2, 0, 0, k);
        uint32_t n = 3 + (uint32_t)rng_below(&r, 10);
        struct graph g;
        make_random(&g, n, (uint32_t)rng_below(&r, n), &r);
        ck_assert_uint_eq(graph_matching(&g), brute_matching(&g, (1u << n) - 1));
    }
}
END_TEST

// Two triangles joined by a path: every augmenting path leads through a blossom.
START_TEST(blossoms_are_seen_through)
{
    static const uint32_t ends[][2] = {{0, 1}, {0, 2}, {1, 2}, {2, 3}, {3, 4},
                                       {4, 5}, {4, 6}, {5, 6}, {3, 7}};
    struct graph g = {.n = 8};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        g.near[ends[i][0]] |= 1u << ends[i][1];
        g.near[ends[i][1]] |= 1u << ends[i][0];
    }
    ck_assert_uint_eq(graph_matching(&g), brute_matching(&g, 255));
}
END_TEST

// x^(n-2) (x^2 - (n - 1)) of a star; the product of x - 2 cos(k pi / (n + 1)) of a path.
START_TEST(known_polynomials)
{
    int64_t c[GRAPH_VERTICES_MAX + 1], before[2][GRAPH_VERTICES_MAX + 1] = {{1}, {0, 1}};
    uint32_t parents[GRAPH_VERTICES_MAX] = {0};
    struct graph g;

    for (uint32_t n = 3; n <= GRAPH_VERTICES_MAX; n++) {
        graph_tree(&g, n, parents);
        ck_assert_int_eq(graph_polynomial(&g, c), OK);
        for (uint32_t k = 0; k <= n; k++)
            ck_assert_int_eq(c[k], k == n ? 1 : k == n - 2 ? -(int64_t)(n - 1) : 0);
    }
    // p_n = x p_(n-1) - p_(n-2)
    for (uint32_t n = 2; n <= GRAPH_VERTICES_MAX; n++) {
        int64_t next[GRAPH_VERTICES_MAX + 1];
        g = (struct graph){.n = n};
        for (uint32_t i = 0; i + 1 < n; i++) {
            g.near[i] |= 1u << (i + 1);
            g.near[i + 1] |= 1u << i;
        }
        for (uint32_t k = 0; k <= n; k++)
            next[k] = (k ? before[1][k - 1] : 0) - before[0][k];
        ck_assert_int_eq(graph_polynomial(&g, c), OK);
        ck_assert(equal_bytes(c, next, (n + 1) * sizeof *c));
        memcpy(before[0], before[1], sizeof before[0]);
        memcpy(before[1], next, (n + 1) * sizeof *next);
    }
}
END_TEST

// All graphs fit the arithmetic, the complete one too.
START_TEST(large_and_dense_graphs_are_decided)
{
    for (uint32_t n = 3; n <= GRAPH_VERTICES_MAX; n++) {
        int64_t c[GRAPH_VERTICES_MAX + 1];
        struct graph g = {.n = n};
        bool violates;
        for (uint32_t i = 0; i < n; i++)
            g.near[i] = ((1u << n) - 1) & ~(1u << i);
        ck_assert_int_eq(graph_polynomial(&g, c), OK);
        int64_t at_one = 0, at_top = 0; // both n - 1 and -1 are roots
        for (uint32_t k = n + 1; k-- > 0;) {
            at_one = c[k] - at_one;
            at_top = (int64_t)((uint64_t)at_top * (n - 1) + (uint64_t)c[k]); // modulo 2^64
        }
        ck_assert_int_eq(at_one, 0);
        ck_assert_int_eq(at_top, 0);
        for (uint32_t mu = 1; mu <= n / 2; mu++) {
            ck_assert_int_eq(graph_violates(&g, mu, &violates), OK);
            ck_assert(!violates);
        }
    }
}
END_TEST

START_TEST(the_anchor_violates_the_conjecture)
{
    struct graph g;
    bool violates;
    make_hubs(&g);
    ck_assert_uint_eq(graph_matching(&g), 2);
    ck_assert_double_eq_tol(graph_radius(&g), sqrt(10), 1e-13);
    ck_assert_int_eq(graph_violates(&g, 2, &violates), OK);
    ck_assert(violates);
    // Its bound is missed as soon as the matching is said to be larger.
    ck_assert_int_eq(graph_violates(&g, 3, &violates), OK);
    ck_assert(!violates);
}
END_TEST

// lambda1 + mu = sqrt(n - 1) + 1 to the last bit and beyond: no violation.
START_TEST(a_star_meets_the_bound_and_does_not_violate_it)
{
    uint32_t parents[GRAPH_VERTICES_MAX] = {0};
    for (uint32_t n = 3; n <= GRAPH_VERTICES_MAX; n++) {
        struct graph g;
        bool violates;
        graph_tree(&g, n, parents);
        ck_assert_int_eq(graph_violates(&g, graph_matching(&g), &violates), OK);
        ck_assert_msg(!violates, "n = %u", n);
    }
}
END_TEST

// Where a double is far from the bound it decides as the exact test does; also against
// matchings that the graph has not, so that both verdicts come up.
START_TEST(verdicts_agree_with_doubles_that_are_clear)
{
    uint32_t n_seen[2] = {0};
    for (uint32_t k = 0; k < 4000; k++) {
        struct rng r = rng_at(3, 0, 0, k);
        uint32_t n = 3 + (uint32_t)rng_below(&r, GRAPH_VERTICES_MAX - 2);
        uint32_t mu = (uint32_t)rng_below(&r, 4);
        struct graph g;
        bool violates;
        make_random(&g, n, (uint32_t)rng_below(&r, 4), &r);
        double gap = graph_radius(&g) + mu - sqrt(n - 1.0) - 1;
        ck_assert_int_eq(graph_violates(&g, mu, &violates), OK);
        if (fabs(gap) < 1e-9)
            continue;
        ck_assert_msg(violates == (gap < 0), "n %u, mu %u, gap %g", n, mu, gap);
        n_seen[violates]++;
    }
    ck_assert(n_seen[0] > 400 && n_seen[1] > 400);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("graph");
    TCase *tc = tcase_create("all");

    tcase_add_test(tc, every_list_is_a_tree);
    tcase_add_test(tc, edges_are_numbered_once);
    tcase_add_test(tc, matchings_are_maximum);
    tcase_add_test(tc, blossoms_are_seen_through);
    tcase_add_test(tc, known_polynomials);
    tcase_add_test(tc, large_and_dense_graphs_are_decided);
    tcase_add_test(tc, the_anchor_violates_the_conjecture);
    tcase_add_test(tc, a_star_meets_the_bound_and_does_not_violate_it);
    tcase_add_test(tc, verdicts_agree_with_doubles_that_are_clear);
    suite_add_tcase(s, tc);
    return harness_run(s);
}
