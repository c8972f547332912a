// SPDX-License-Identifier: MIT
#include "tests/bench/ours/quality_functions.h"

#include <stdlib.h>
#include <string.h>

#include "tests/bench/lab.h"
#include "worker/evaluate/function.h"

static const struct function *find_function(const char *name)
{
    const struct function *const tables[] = {function_continuous, function_fronts,
                                             function_models};
    for (int i = 0; i < 3; i++)
        for (const struct function *f = tables[i]; f->name; f++)
            if (strcmp(f->name, name) == 0)
                return f;
    lab_die("no function", name);
    return NULL;
}

bool quality_evaluate(void *ctx, const struct value *params, double *y)
{
    static struct point p;
    const struct function *f = ctx;
    const struct value *x = value_find(params, "x");
    struct errtext t;

    p.over = params;
    p.base = NULL;
    p.n = x ? x->n : 0;
    for (uint32_t i = 0; x && i < x->n; i++)
        p.x[i] = value_number(&x->items[i]);
    if (!x && params->n && strcmp(params->pairs[0].key, "x0") == 0)
        for (; p.n < params->n; p.n++) // names for places
            p.x[p.n] = value_number(&params->pairs[p.n].value);
    if (f->evaluate(&p, y, &t))
        lab_die(f->name, t.text);
    return true;
}

#define CONDTREE                                                                               \
    "space: {model: {type: choice, values: {svm: {svm.C: {type: float, low: 1e-3, high: 1e3, " \
    "log: true}, svm.kernel: {type: choice, values: {linear: {}, rbf: {svm.rbf.gamma: {type: " \
    "float, low: 1e-5, high: 10, log: true}}}}}, forest: {forest.trees: {type: int, low: 10, " \
    "high: 500, log: true}, forest.depth: {type: int, low: 1, high: 20}, forest.criterion: "   \
    "{type: choice, values: [gini, entropy, log_loss]}}, mlp: {mlp.layers: {type: choice, "    \
    "values: {1: {mlp.units0: &u {type: int, low: 16, high: 512, log: true}}, 2: "             \
    "{mlp.units0: *u, mlp.units1: *u}, 3: {mlp.units0: *u, mlp.units1: *u, mlp.units2: *u}, "  \
    "4: {mlp.units0: *u, mlp.units1: *u, mlp.units2: *u, mlp.units3: *u}}}, mlp.opt: {type: "  \
    "choice, values: {adam: {}, sgd: {mlp.sgd.momentum: {type: float, low: 0, high: "          \
    "0.99}}}}, "                                                                               \
    "mlp.lr: {type: float, low: 1e-5, high: 0.1, log: true}}}}}\n"

#define DIGITS(n) "{type: choice, values: [" n "]}"
#define EIGHT     DIGITS("0, 1, 2, 3, 4, 5, 6, 7")
#define NK_DRAM                                                                                \
    "space: {x0: " DIGITS("0, 1, 2, 3") ", x1: " DIGITS("0, 1, 2") ", x2: " DIGITS(            \
        "0, 1, 2") ", x3: " EIGHT                                                              \
                   ", x4: " DIGITS("0, 1") ", x5: " DIGITS(                                    \
                       "0, 1") ", x6: " EIGHT ", x7: " EIGHT                                   \
                               ", x8: " DIGITS("0, 1, 2") ", x9: " EIGHT "}\n"

static const struct {
    const char *function, *baseline, *space;
} discrete[] = {
    {"condtree", "condtree_v1", CONDTREE},
    {"nk_n20_q4_k3", "nk_n20_q4_k3",
     "space: {x: {type: sequence, length: 20, of: {type: choice, values: [0, 1, 2, 3]}}}\n"},
    {"nk_dram_k3", "nk_dram_k3", NK_DRAM},
    {"accel_edp", "accel_edp_v1",
     "space: {pe_x: {type: choice, values: [1, 2, 4, 8, 16, 32]}, pe_y: {type: choice, values: "
     "[1, 2, 4, 8, 16, 32]}, l1_kb: {type: choice, values: [1, 2, 4, 8, 16, 32, 64]}, l2_kb: "
     "{type: choice, values: [32, 64, 128, 256, 512, 1024]}, bw: {type: choice, values: [4, 8, "
     "16, 32, 64]}, dataflow: {type: choice, values: [ws, os, is]}, batch: {type: choice, "
     "values: "
     "[1, 2, 4, 8]}, freq_mhz: {type: choice, values: [200, 400, 600, 800, 1000]}}\n"},
};

static const struct {
    const char *name;
    double low, high;
} boxes[] = {
    {"sphere", -5.12, 5.12},     {"rosenbrock", -5, 10},     {"rastrigin", -5.12, 5.12},
    {"ackley", -32.768, 32.768}, {"griewank", -600, 600},    {"levy", -10, 10},
    {"schwefel", -500, 500},     {"styblinski_tang", -5, 5},
};

static const char *const fronts[] = {"zdt1", "zdt2", "zdt3", "dtlz2"};

enum {
    N_DISCRETE = sizeof discrete / sizeof discrete[0],
    N_BOXES = sizeof boxes / sizeof boxes[0],
    N_FRONTS = sizeof fronts / sizeof fronts[0],
};

static void
measure(struct quality_function *q, const char *function, const char *space, struct arena *a)
{
    const struct function *f = find_function(function);

    q->metrics = f->metrics;
    q->body = arena_printf(a, "%s\nobjectives: [{metric: %s}]", space, f->metrics[0]);
    q->ctx = (void *)f;
    for (q->n_metrics = 0; f->metrics[q->n_metrics];)
        q->n_metrics++;
}

bool quality_function_at(uint32_t i, struct quality_function *q, struct arena *a)
{
    static const int dims[] = {5, 10, 20};

    *q = (struct quality_function){.name = ""};
    if (i < N_DISCRETE) {
        q->name = discrete[i].baseline;
        measure(q, discrete[i].function, discrete[i].space, a);
        return true;
    }
    i -= N_DISCRETE;
    if (i >= 3 * N_BOXES)
        return false;
    q->name = arena_printf(a, "%s_d%d", boxes[i / 3].name, dims[i % 3]);
    measure(q, boxes[i / 3].name,
            arena_printf(a,
                         "space: {x: {type: sequence, length: %d, of: {type: float, low: %g, "
                         "high: %g}}}",
                         dims[i % 3], boxes[i / 3].low, boxes[i / 3].high),
            a);
    return true;
}

bool quality_front_at(uint32_t i, struct quality_function *q, struct arena *a)
{
    static const double two[] = {11, 11}, three[] = {2.5, 2.5, 2.5};

    *q = (struct quality_function){.name = ""};
    if (i >= N_FRONTS)
        return false;
    bool is_three = i == 3;
    q->name = fronts[i];
    measure(q, fronts[i], "", a);
    q->reference = is_three ? three : two;
    q->n_metrics = is_three ? 3 : 2;
    q->body = arena_printf(
        a,
        "space: {x: {type: sequence, length: %d, of: {type: float, low: 0, high: 1}}}\n"
        "objectives: [{metric: f1}, {metric: f2}%s]",
        is_three ? 12 : 30, is_three ? ", {metric: f3}" : "");
    return true;
}
