// SPDX-License-Identifier: MIT
// search_quality - our algorithms next to published ones, evaluation by evaluation.
//
//   search_quality tables|functions|recipes [--seeds N] [--trials N] [--window N]
//                  [--only NAME] [--algorithm NAME,…] [--options "key: value, …"]
//                  [--raw FILE]
//
// Baselines are the files of the optimiser and circuit fixtures (SHOAL_FIXTURES,
// else ../shared/fixtures): the best value after 100, 300 and 1,000 evaluations,
// one row a seed.  p is the one-sided Mann-Whitney probability that ours would
// be that much worse if both were alike: below 0.05 ours is worse.  With random
// and tpe both run, "tpe < random" is asked of ours and of theirs alike.
#include <unistd.h>

#include "tests/bench/abc_process.h"
#include "tests/bench/lab.h"
#include "worker/evaluate/function.h"

enum { BUDGETS = 3 };

static const uint32_t budgets[BUDGETS] = {100, 300, 1000};

struct settings {
    uint32_t n_seeds, n_trials, window;
    const char *only, *algorithm, *options;
    const char *fixtures;
    FILE *raw; // one line of JSON a seed, or NULL
};

// Ours, and what it is compared with: the first that a problem has.
struct contender {
    const char *label;
    const char *algorithm;
    const char *baselines[5];
};

enum { RANDOM = 0, TPE = 2, N_CONTENDERS = 9 };

static const struct contender contenders[N_CONTENDERS] = {
    {"random", "name: random", {"random", NULL}},
    {"sobol", "name: sobol", {"sobol", "random", NULL}},
    {"tpe", "name: tpe", {"tpe_fixed_uv", "tpe", "optuna_tpe", NULL}},
    {"tpe-joint", "name: tpe, multivariate: true", {"tpe_fixed_mv", "optuna_tpe_group", NULL}},
    {"ga", "name: ga", {"deap_ga", "regevo", NULL}},
    {"ga-regevo", "name: ga", {"regevo", NULL}},
    {"hillclimb", "name: hillclimb", {"hillclimb", NULL}},
    {"cmaes", "name: cmaes", {"cmaes", NULL}},
    {"gp", "name: gp", {"optuna_tpe", "tpe_fixed_uv", NULL}},
};

struct problem {
    const char *name;
    const char *body; // of the job: space and objectives
    struct lab lab;
    const struct value *runs; // baseline name -> list of [after 100, after 300, after 1000]
    struct abc *abc;          // of recipes, else NULL
    double resyn2;            // what its recipe reaches
};

static const char *fixture(const struct settings *s, const char *name, struct arena *a)
{
    return arena_printf(a, "%s/%s", s->fixtures, name);
}

// --- comparing ----------------------------------------------------------------------
static const struct value *
baseline_of(const struct problem *p, const struct contender *c, const char **name)
{
    for (uint32_t i = 0; p->runs && c->baselines[i]; i++) {
        const struct value *v = value_find(p->runs, c->baselines[i]);
        *name = c->baselines[i];
        if (v)
            return v->type == VALUE_MAP ? lab_get(v, "runs") : v;
    }
    return NULL;
}

static void print_row(const struct problem *p,
                      const struct contender *c,
                      double ours[BUDGETS][LAB_SEEDS_MAX],
                      const struct settings *s)
{
    const char *name = "-";
    const struct value *runs = baseline_of(p, c, &name);

    for (uint32_t b = 0; b < BUDGETS && budgets[b] <= s->n_trials; b++) {
        double theirs[LAB_SEEDS_MAX];
        uint32_t n = lab_column(runs, b, theirs);
        double low = lab_quantile(ours[b], s->n_seeds, 0.25);
        double median = lab_quantile(ours[b], s->n_seeds, 0.5);
        double high = lab_quantile(ours[b], s->n_seeds, 0.75);
        printf("%-20s %-10s %5u  %-11.5g [%.5g %.5g]", p->name, c->label, budgets[b], median,
               low, high);
        if (n) {
            double p_worse = lab_larger_p(ours[b], s->n_seeds, theirs, n);
            double p_better = lab_larger_p(theirs, n, ours[b], s->n_seeds);
            printf("  %s(%u) %.5g  p=%.3g%s", name, n, lab_quantile(theirs, n, 0.5), p_worse,
                   p_worse < 0.05    ? " WORSE"
                   : p_better < 0.05 ? " better"
                                     : "");
        }
        printf("\n");
    }
    fflush(stdout);
}

// Among names separated by commas.
static bool is_in_list(const char *list, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        if (strncmp(at, name, n) == 0 && (at[n] == ',' || at[n] == 0))
            return true;
    return false;
}

static void put_raw(const struct problem *p,
                    const struct contender *c,
                    uint32_t seed,
                    double ours[BUDGETS][LAB_SEEDS_MAX],
                    const struct settings *s)
{
    if (!s->raw)
        return;
    fprintf(s->raw, "{\"problem\": \"%s\", \"algorithm\": \"%s\", \"window\": %u, ", p->name,
            c->label, s->window);
    fprintf(s->raw, "\"seed\": %u, \"best\": [", seed + 1);
    for (uint32_t b = 0; b < BUDGETS && budgets[b] <= s->n_trials; b++)
        fprintf(s->raw, "%s%.17g", b ? ", " : "", ours[b][seed]);
    fprintf(s->raw, "]");
    if (p->abc)
        fprintf(s->raw, ", \"winner\": \"%s\"", p->abc->winner);
    fprintf(s->raw, "}\n");
    fflush(s->raw);
}

// Of recipes: what the winners save, and whether each is still the same circuit.
static void
print_gain(const struct problem *p, const struct contender *c, const double *best, uint32_t n)
{
    double low = lab_quantile(best, n, 0), median = lab_quantile(best, n, 0.5);
    double high = lab_quantile(best, n, 1);

    printf("%-20s %-10s gain over resyn2 (%.5g): median %.1f %%, least %.1f %%, most %.1f %%\n",
           p->name, c->label, p->resyn2, 100 * (1 - median / p->resyn2),
           100 * (1 - high / p->resyn2), 100 * (1 - low / p->resyn2));
    printf("%-20s %-10s all %u winners proved equivalent by cec\n", p->name, c->label, n);
}

static void contend(const struct problem *p,
                    const struct contender *c,
                    const struct settings *s,
                    double ours[BUDGETS][LAB_SEEDS_MAX])
{
    double *rows = mem_alloc(LAB_TRIALS_MAX * p->lab.n_metrics * sizeof *rows);
    double winners[LAB_SEEDS_MAX];
    char job[8192];

    for (uint32_t seed = 0; seed < s->n_seeds; seed++) {
        (void)snprintf(job, sizeof job, "%s\nalgorithm: {%s%s%s}\ntrials: %u\nwindow: %u\n",
                       p->body, c->algorithm, *s->options ? ", " : "", s->options, s->n_trials,
                       s->window);
        if (p->abc)
            abc_begin(p->abc);
        uint32_t n = lab_run(&p->lab, job, seed + 1, rows);
        winners[seed] = lab_best(rows, p->lab.n_metrics, n);
        if (p->abc && !abc_proves(p->abc, p->abc->winner, winners[seed]))
            lab_die(p->abc->winner, "is another circuit");
        for (uint32_t b = 0; b < BUDGETS; b++)
            ours[b][seed] = lab_best(rows, p->lab.n_metrics, budgets[b] < n ? budgets[b] : n);
        put_raw(p, c, seed, ours, s);
    }
    print_row(p, c, ours, s);
    if (p->abc)
        print_gain(p, c, winners, s->n_seeds);
    mem_free(rows);
}

// Where the baseline's tpe beats its random search, so must ours.
static void compare_with_chance(const struct problem *p,
                                const struct settings *s,
                                double ours[N_CONTENDERS][BUDGETS][LAB_SEEDS_MAX])
{
    const char *name;
    const struct value *tpe = baseline_of(p, &contenders[TPE], &name);
    const struct value *chance = baseline_of(p, &contenders[RANDOM], &name);

    for (uint32_t b = 0; b < BUDGETS && budgets[b] <= s->n_trials; b++) {
        double x[LAB_SEEDS_MAX], y[LAB_SEEDS_MAX];
        uint32_t n = lab_column(tpe, b, x), m = lab_column(chance, b, y);
        double own = lab_larger_p(ours[RANDOM][b], s->n_seeds, ours[TPE][b], s->n_seeds);
        printf("%-20s tpe < random %3u  ours p=%.3g", p->name, budgets[b], own);
        if (n && m) {
            double theirs = lab_larger_p(y, m, x, n);
            printf("  theirs p=%.3g%s", theirs, theirs < 0.05 && own >= 0.05 ? " MISSED" : "");
        }
        printf("\n");
    }
    fflush(stdout);
}

static void contend_all(const struct problem *p, const struct settings *s)
{
    static double ours[N_CONTENDERS][BUDGETS][LAB_SEEDS_MAX];
    bool has_run[N_CONTENDERS] = {false};

    if (s->only && !strstr(p->name, s->only))
        return;
    for (size_t i = 0; i < N_CONTENDERS; i++) {
        has_run[i] = !s->algorithm || is_in_list(s->algorithm, contenders[i].label);
        if (has_run[i])
            contend(p, &contenders[i], s, ours[i]);
    }
    if (has_run[RANDOM] && has_run[TPE])
        compare_with_chance(p, s, ours);
}

// --- complete tables of recipes of length 5 --------------------------------------------
struct table {
    uint32_t n;
    struct {
        double adp;
        int32_t next[7];
    } states[8192];
};

static void read_table(const char *path, struct table *t)
{
    FILE *f = fopen(path, "r");
    char line[512];

    if (!f)
        lab_die(path, "cannot be opened");
    for (t->n = 0; t->n < 8192 && fgets(line, sizeof line, f);) {
        double column[13]; // number, area, delay, three of no use here, then a pass each
        if (!lab_numbers(line, column, 13))
            continue;
        for (int i = 0; i < 7; i++)
            t->states[t->n].next[i] = (int32_t)column[6 + i];
        t->states[t->n++].adp = column[1] * column[2];
    }
    (void)fclose(f);
}

static bool look_up_recipe(void *ctx, const struct value *params, double *y)
{
    const struct table *t = ctx;
    const struct value *recipe = lab_get(params, "recipe");
    int32_t at = 0;

    for (uint32_t i = 0; i < recipe->n; i++)
        at = t->states[at].next[recipe->s[i] - '0'];
    *y = t->states[at].adp;
    return true;
}

static const char *const adp_metrics[] = {"adp", NULL};

#define RECIPES(length)                                                                        \
    "space: {recipe: {type: sequence, length: " length ", join: '', of: {type: choice, "       \
    "values: ['0', '1', '2', '3', '4', '5', '6']}}}\n"                                         \
    "objectives: [{metric: adp}]"

static void run_tables(const struct settings *s, struct arena *a)
{
    static const char *const circuits[] = {"ctrl", "int2float"};
    struct value all = lab_read_yaml(fixture(s, "abc/tab_baselines.json", a), a);
    struct table *t = mem_alloc(sizeof *t);

    for (int i = 0; i < 2; i++) {
        read_table(fixture(s, arena_printf(a, "abc/%s.l5.tab", circuits[i]), a), t);
        struct problem p = {.name = circuits[i],
                            .body = RECIPES("5"),
                            .lab = {adp_metrics, 1, look_up_recipe, t},
                            .runs = lab_get(lab_get(&all, circuits[i]), "runs")};
        contend_all(&p, s);
    }
    mem_free(t);
}

// --- functions ------------------------------------------------------------------------
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

static bool evaluate(void *ctx, const struct value *params, double *y)
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

#define ACCEL "space: {pe_x: {type: int, low: 0, high: 5}, pe_y: {type: int, low: 0, high: 5}}"

static const struct {
    const char *function, *baseline, *space;
} discrete[] = {
    {"condtree", "condtree_v1", CONDTREE},
    {"nk_n20_q4_k3", "nk_n20_q4_k3",
     "space: {x: {type: sequence, length: 20, of: {type: choice, values: [0, 1, 2, 3]}}}\n"},
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

static void run_one(const struct settings *s,
                    const struct value *results,
                    const char *function,
                    const char *name,
                    const char *space,
                    struct arena *a)
{
    const struct function *f = find_function(function);
    struct problem p = {
        .name = name,
        .body = arena_printf(a, "%s\nobjectives: [{metric: %s}]", space, f->metrics[0]),
        .lab = {f->metrics, 1, evaluate, (void *)f},
        .runs = value_find(results, name)};
    while (f->metrics[p.lab.n_metrics])
        p.lab.n_metrics++;
    contend_all(&p, s);
}

static void run_functions(const struct settings *s, struct arena *a)
{
    static const int dims[] = {5, 10, 20};
    struct value all = lab_read_yaml(fixture(s, "optimisers/baselines.json", a), a);
    const struct value *results = lab_get(&all, "results");

    for (size_t i = 0; i < sizeof discrete / sizeof discrete[0]; i++)
        run_one(s, results, discrete[i].function, discrete[i].baseline, discrete[i].space, a);
    for (size_t i = 0; i < 3 * sizeof boxes / sizeof boxes[0]; i++) {
        int d = dims[i % 3];
        const char *name = arena_printf(a, "%s_d%d", boxes[i / 3].name, d);
        const char *space = arena_printf(
            a, "space: {x: {type: sequence, length: %d, of: {type: float, low: %g, high: %g}}}",
            d, boxes[i / 3].low, boxes[i / 3].high);
        run_one(s, results, boxes[i / 3].name, name, space, a);
    }
}

// --- recipes judged by berkeley-abc ------------------------------------------------------
// The fixture keeps one map a run; here, by algorithm: rows of three.  The runs of
// 100 alone join as rows of one.
static struct value recipe_runs(const struct value *circuit, struct arena *a)
{
    static const char *const at[BUDGETS] = {"best_adp_100", "best_adp_300", "best_adp_1000"};
    static const char *const kinds[] = {"random", "tpe", "regevo", "hillclimb"};
    const struct value *runs = lab_get(circuit, "runs");
    struct value out = value_map();

    for (int k = 0; k < 4; k++) {
        struct value list = value_list();
        for (uint32_t i = 0; i < runs->n; i++) {
            const struct value_pair *p = &runs->pairs[i];
            bool is_longer = strstr(p->key, "_n1000") || !strstr(p->key, "_n300");
            struct value row = value_list();
            if (strncmp(p->key, kinds[k], strlen(kinds[k])) != 0)
                continue;
            for (int b = 0; b < BUDGETS; b++)
                value_push(a, &row, *lab_get(&p->value, at[b]));
            // A seed that ran for 300 and again for 1000 counts once, by the longer run.
            const char *twin = arena_printf(a, "%.*s1000", (int)(strlen(p->key) - 3), p->key);
            if (is_longer || !value_find(runs, twin))
                value_push(a, &list, row);
        }
        value_set(a, &out, kinds[k], list);
    }
    return out;
}

static void add_rows_of_one(struct value *runs,
                            const char *kind,
                            const struct value *bests,
                            struct arena *a)
{
    struct value list = value_list();
    for (uint32_t i = 0; bests && i < bests->n; i++) {
        struct value row = value_list();
        value_push(a, &row, bests->items[i]);
        value_push(a, &list, row);
    }
    value_set(a, runs, kind, list);
}

static void run_recipes(const struct settings *s, struct arena *a)
{
    static const char *const circuits[] = {"ctrl", "int2float", "cavlc", "priority"};
    struct value all = lab_read_yaml(fixture(s, "abc/baselines.json", a), a);

    for (int i = 0; i < 4; i++) {
        const struct value *circuit = lab_get(lab_get(&all, "circuits"), circuits[i]);
        struct value runs = recipe_runs(circuit, a);
        if (s->only && strcmp(circuits[i], s->only) != 0)
            continue;
        if (s->n_trials == 100) {
            add_rows_of_one(&runs, "tpe", lab_get(circuit, "tpe_100_seeds"), a);
            add_rows_of_one(&runs, "random", lab_get(circuit, "random_100_chunks"), a);
        }
        struct abc *abc = abc_start(fixture(s, "abc", a), circuits[i]);
        struct problem p = {.name = circuits[i],
                            .body = RECIPES("10"),
                            .lab = {adp_metrics, 1, abc_evaluate, abc},
                            .runs = &runs,
                            .abc = abc,
                            .resyn2 = value_number(lab_get(lab_get(circuit, "resyn2"), "adp"))};
        contend_all(&p, s);
        abc_stop(abc);
    }
}

static uint32_t number(const char *text)
{
    return (uint32_t)strtoul(text, NULL, 10);
}

int main(int argc, char **argv)
{
    struct settings s = {.n_seeds = 20, .n_trials = 1000, .window = 16, .options = ""};
    struct arena *a = arena_create();

    const char *fixtures = getenv("SHOAL_FIXTURES");
    s.fixtures = fixtures ? fixtures : "../shared/fixtures";
    for (int i = 2; i + 1 < argc; i += 2) {
        const char *value = argv[i + 1];
        if (strcmp(argv[i], "--seeds") == 0)
            s.n_seeds = number(value);
        else if (strcmp(argv[i], "--trials") == 0)
            s.n_trials = number(value);
        else if (strcmp(argv[i], "--window") == 0)
            s.window = number(value);
        else if (strcmp(argv[i], "--only") == 0)
            s.only = value;
        else if (strcmp(argv[i], "--algorithm") == 0)
            s.algorithm = value;
        else if (strcmp(argv[i], "--options") == 0)
            s.options = value;
        else if (strcmp(argv[i], "--raw") == 0)
            s.raw = fopen(value, "a");
        else
            lab_die("unknown option", argv[i]);
    }
    if (s.n_seeds < 1 || s.n_seeds > LAB_SEEDS_MAX || s.n_trials > LAB_TRIALS_MAX)
        lab_die("out of range", "--seeds up to 64, --trials up to 4000");
    if (argc < 2 || access(s.fixtures, R_OK) != 0)
        lab_die("usage", "search_quality tables|functions|recipes; needs the fixtures");
    if (strcmp(argv[1], "tables") == 0)
        run_tables(&s, a);
    else if (strcmp(argv[1], "functions") == 0)
        run_functions(&s, a);
    else if (strcmp(argv[1], "recipes") == 0)
        run_recipes(&s, a);
    else
        lab_die("no such suite", argv[1]);
    arena_destroy(a);
    return 0;
}
