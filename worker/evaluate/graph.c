// SPDX-License-Identifier: MIT
// A search for counterexamples: graphs, and an exact verdict about each.
#include "worker/evaluate/graph.h"

#include "common/math.h"
#include "worker/evaluate/evaluate.h"
#include "worker/evaluate/integers.h"

enum { EDGES_MAX = GRAPH_VERTICES_MAX * (GRAPH_VERTICES_MAX - 1) / 2 };

static const struct param params[] = {
    {.name = "vertices",
     .type = PARAM_INT,
     .searchable = true,
     .min = GRAPH_VERTICES_MIN,
     .max = GRAPH_VERTICES_MAX,
     .fallback = "19",
     .help = "of the graph"},
    {.name = "parents",
     .type = PARAM_ANY,
     .searchable = true,
     .help = "a spanning tree: vertices - 1 integers from 0 on; vertex k hangs at the k-th of "
             "them modulo k"},
    {.name = "edges",
     .type = PARAM_ANY,
     .searchable = true,
     .help = "further edges by their numbers from 0 on: (0,1), (0,2), (1,2), (0,3), ..."},
    {.name = NULL},
};

enum { M_VALUE, M_LAMBDA1, M_MATCHING, M_GAP, M_EDGES, M_VIOLATES, N_METRICS };

static const struct metric metrics[] = {
    [M_VALUE] = {.name = "value", .help = "lambda1 + matching, to be minimised"},
    [M_LAMBDA1] = {.name = "lambda1", .help = "largest eigenvalue of the adjacency matrix"},
    [M_MATCHING] = {.name = "matching",
                    .help = "edges of a maximum matching (blossoms: exact)",
                    .integer = true},
    [M_GAP] = {.name = "gap",
               .help = "value - (sqrt(vertices - 1) + 1), which was conjectured "
                       "to be 0 or more"},
    [M_EDGES] = {.name = "edges_n", .help = "of the graph", .integer = true},
    [M_VIOLATES] = {.name = "violates",
                    .help = "1: a counterexample, proved in integers (the sign of the "
                            "characteristic polynomial's derivatives); never by floats",
                    .integer = true},
    [N_METRICS] = {.name = NULL},
};

struct state {
    struct arena *arena;
    struct value params;
};

static enum error open_graph(const struct workload_job *job, void **out, struct errtext *t)
{
    (void)t;
    struct state *s = mem_alloc(sizeof *s);
    s->arena = arena_create();
    s->params = value_copy(s->arena, job->params);
    *out = s;
    return OK;
}

static void close_graph(void *state)
{
    struct state *s = state;
    arena_destroy(s->arena);
    mem_free(s);
}

static enum error read_graph(const struct value *over,
                             const struct value *base,
                             struct graph *g,
                             struct errtext *t)
{
    uint32_t n = (uint32_t)evaluate_int(over, base, "vertices", 19), count;
    uint32_t list[EDGES_MAX];
    const struct integers parents = {"parents", UINT32_MAX, n - 1, n - 1};
    const struct integers edges = {"edges", n * (n - 1) / 2, 0, EDGES_MAX};
    enum error e =
        integers_read(&parents, evaluate_find(over, base, "parents"), list, &count, t);

    if (e)
        return e;
    graph_tree(g, n, list);
    e = integers_read(&edges, evaluate_find(over, base, "edges"), list, &count, t);
    for (uint32_t i = 0; !e && i < count; i++)
        graph_add_edge(g, list[i]);
    return e;
}

static enum error run_item(const void *state, struct run *r, uint32_t i, struct errtext *t)
{
    const struct state *s = state;
    double *y = r->metrics + (size_t)i * N_METRICS;
    struct graph g;
    bool violates = false;
    enum error e = read_graph(r->overrides ? r->overrides[i] : NULL, &s->params, &g, t);

    if (e)
        return e;
    uint32_t matching = graph_matching(&g);
    if (graph_violates(&g, matching, &violates))
        return errtext_set(t, FAULT_JOB, "the exact verdict does not fit 128 bits");
    y[M_LAMBDA1] = graph_radius(&g);
    y[M_MATCHING] = matching;
    y[M_VALUE] = y[M_LAMBDA1] + matching;
    y[M_GAP] = y[M_VALUE] - (math_sqrt(g.n - 1.0) + 1);
    y[M_EDGES] = graph_edges(&g);
    y[M_VIOLATES] = violates;
    return OK;
}

static enum error run_graph(void *state, struct run *r, struct errtext *t)
{
    return evaluate_or_fault(run_item, state, r, t);
}

const struct workload workload_graph = {
    .name = "graph",
    .help = "Graphs against the conjecture lambda1 + matching >= sqrt(n - 1) + 1: a value for "
            "the optimiser, an exact verdict for the mathematician.",
    .params = params,
    .metrics = metrics,
    .stall_ms = 60000,
    .open = open_graph,
    .close = close_graph,
    .run = run_graph,
};
