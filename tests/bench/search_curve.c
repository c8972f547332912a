// SPDX-License-Identifier: MIT
// search_curve - asha and hyperband next to published ones on learning curves.
//
//   search_curve [WINDOW]      16 without
//
// Epochs count, and going on from a checkpoint costs the difference: the best whole
// evaluation after so many.
#include "tests/bench/lab.h"
#include "worker/evaluate/function.h"

enum { BUDGETS = 3, N_SEEDS = 20 };

#define CURVE                                                                                  \
    "space: {lr: {type: float, low: 1e-4, high: 1, log: true}, wd: {type: float, low: 1e-6, "  \
    "high: 0.1, log: true}, width: {type: int, low: 16, high: 512, log: true}, t: "            \
    "{type: fidelity, low: 1, high: 81, eta: 3}}\nobjectives: [{metric: value}]\n"

struct curve {
    const struct function *function;
    struct point point;
    uint32_t n;
    struct {
        double key, epochs, cost, loss;
    } seen[LAB_TRIALS_MAX];
};

static bool evaluate_curve(void *ctx, const struct value *params, double *y)
{
    struct curve *c = ctx;
    double key = value_number(lab_get(params, "lr")),
           epochs = value_number(lab_get(params, "t"));
    double before = 0;

    for (uint32_t i = 0; i < c->n; i++)
        if (c->seen[i].key == key && c->seen[i].epochs < epochs)
            before = fmax(before, c->seen[i].epochs);
    struct errtext t;
    c->point.over = params;
    if (c->function->evaluate(&c->point, y, &t))
        lab_die("curve", t.text);
    c->seen[c->n].key = key;
    c->seen[c->n].epochs = epochs;
    c->seen[c->n].cost = epochs - before;
    c->seen[c->n++].loss = *y;
    return true;
}

static double best_within(const struct curve *c, double epochs)
{
    double best = INFINITY;
    for (uint32_t i = 0; i < c->n && (epochs -= c->seen[i].cost) >= 0; i++)
        if (c->seen[i].epochs == 81)
            best = fmin(best, c->seen[i].loss);
    return best;
}

static void run_curve(const char *fixtures, uint32_t window, struct arena *a)
{
    static const char *const rows[][2] = {
        {"random", "random_full"}, {"asha", "asha_eta3"}, {"hyperband", "hyperband_eta3"}};
    static const double epochs[BUDGETS] = {810, 2430, 8100};
    static const char *const metrics[] = {"value", NULL};
    struct value all =
        lab_read_yaml(arena_printf(a, "%s/optimisers/baselines.json", fixtures), a);
    const struct value *results = lab_get(lab_get(&all, "results"), "curve_v1");
    double *values = mem_alloc(LAB_TRIALS_MAX * sizeof *values);
    struct curve *c = mem_alloc(sizeof *c);

    c->function = function_models;
    while (strcmp(c->function->name, "curve") != 0)
        c->function++;
    for (int k = 0; k < 3; k++) {
        struct lab lab = {metrics, 1, evaluate_curve, c};
        double ours[BUDGETS][LAB_SEEDS_MAX], theirs[LAB_SEEDS_MAX];
        const char *job = arena_printf(a, CURVE "algorithm: {name: %s}\ntrials: %u\nwindow: %u",
                                       rows[k][0], k ? 2000 : 120, window);
        for (uint32_t seed = 0; seed < N_SEEDS; seed++) {
            c->n = 0;
            (void)lab_run(&lab, job, seed + 1, values);
            for (int b = 0; b < BUDGETS; b++)
                ours[b][seed] = best_within(c, epochs[b]);
        }
        for (uint32_t b = 0; b < BUDGETS; b++) {
            uint32_t n = lab_column(lab_get(lab_get(results, rows[k][1]), "runs"), b, theirs);
            double worse = lab_larger_p(ours[b], N_SEEDS, theirs, n);
            printf("curve_v1 %-10s %5.0f epochs  %-9.5g [%.5g %.5g]  %s(%u) %.5g  p=%.3g%s\n",
                   rows[k][0], epochs[b], lab_quantile(ours[b], N_SEEDS, 0.5),
                   lab_quantile(ours[b], N_SEEDS, 0.25), lab_quantile(ours[b], N_SEEDS, 0.75),
                   rows[k][1], n, lab_quantile(theirs, n, 0.5), worse,
                   worse < 0.05                                       ? " WORSE"
                   : lab_larger_p(theirs, n, ours[b], N_SEEDS) < 0.05 ? " better"
                                                                      : "");
        }
    }
    mem_free(c);
    mem_free(values);
}

int main(int argc, char **argv)
{
    const char *fixtures = getenv("SHOAL_FIXTURES");
    struct arena *a = arena_create();

    run_curve(fixtures ? fixtures : "../shared/fixtures",
              argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 16, a);
    arena_destroy(a);
    return 0;
}
