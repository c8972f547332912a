// SPDX-License-Identifier: MIT
// search_quality - our algorithms next to published ones, evaluation by evaluation.
//
//   search_quality tables|functions|fronts|recipes [--seeds N] [--trials N] [--window N]
//                  [--only NAME] [--algorithm NAME,…] [--options "key: value, …"]
//                  [--raw FILE]
//
// Baselines are the files of the optimiser and circuit fixtures (SHOAL_FIXTURES,
// else ../shared/fixtures): the best value after 100, 300 and 1,000 evaluations,
// one row a seed.  p is the one-sided Mann-Whitney probability that ours would
// be that much worse if both were alike: below 0.05 ours is worse.  `best` stands
// for the baseline whose median is least in that row.  With random and tpe both run,
// "tpe < random" is asked of ours and of theirs alike.  The last lines count the rows.
#include <unistd.h>

#include "coordinator/search/algorithm.h"
#include "coordinator/search/hypervolume.h"

#include "tests/bench/abc_process.h"
#include "tests/bench/lab.h"
#include "tests/bench/ours/quality_functions.h"
#include "tests/bench/recipe_table.h"

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

#define TPE_OF_ANY "tpe_fixed_uv", "tpe", "optuna_tpe", "optuna_motpe"

static const struct contender contenders[] = {
    {"random", "name: random", {"random", NULL}},
    {"sobol", "name: sobol", {"sobol", "random", NULL}},
    {"tpe", "name: tpe", {TPE_OF_ANY, NULL}},
    {"tpe-joint", "name: tpe, multivariate: true", {"tpe_fixed_mv", "optuna_tpe_group", NULL}},
    {"ga", "name: ga", {"deap_ga", "regevo", "deap_nsga2_pop40", NULL}},
    {"ga-regevo", "name: ga", {"regevo", NULL}},
    {"hillclimb", "name: hillclimb", {"hillclimb", "random", NULL}},
    {"anneal", "name: anneal", {"hillclimb", "random", NULL}},
    {"evolution", "name: evolution", {"regevo", "random", NULL}},
    {"nsga2", "name: nsga2", {"deap_nsga2_pop40", "deap_ga", "random", NULL}},
    {"aco", "name: aco", {"random", NULL}},
    {"mcts", "name: mcts", {"uct_c0.3", "random", NULL}},
    {"mcts-bisect", "name: mcts, bisect: true", {"uct_c0.3", "random", NULL}},
    {"smbo", "name: smbo", {"optuna_tpe", "random", NULL}},
    {"reinforce", "name: reinforce", {"random", NULL}},
    {"linesearch", "name: linesearch", {"hillclimb", "random", NULL}},
    {"gp", "name: gp", {"optuna_tpe", "tpe_fixed_uv", NULL}},
    {"cmaes", "name: cmaes", {"cmaes", "random", NULL}},
    {"portfolio", "name: portfolio", {"best", NULL}},
};

enum { RANDOM = 0, TPE = 2, N_CONTENDERS = sizeof contenders / sizeof contenders[0] };

// Rows that had a baseline, by contender.
static struct {
    uint32_t n, n_worse, n_better;
} counts[N_CONTENDERS];

struct problem {
    const char *name;
    const char *body; // of the job: space and objectives
    struct lab lab;
    const struct value *runs; // baseline name -> list of [after 100, after 300, after 1000]
    struct abc *abc;          // of recipes, else NULL
    double resyn2;            // what its recipe reaches
    const double *reference;  // of several objectives: what counts is minus the hypervolume
};

static const char *fixture(const struct settings *s, const char *name, struct arena *a)
{
    return arena_printf(a, "%s/%s", s->fixtures, name);
}

// --- comparing ----------------------------------------------------------------------
static uint32_t
column(const struct problem *p, const struct value *runs, uint32_t budget, double *out)
{
    uint32_t n = lab_column(runs, budget, out);
    for (uint32_t i = 0; p->reference && i < n; i++)
        out[i] = -out[i];
    return n;
}

// With the least median at the budget.
static const struct value *best_of(const struct problem *p, uint32_t budget, const char **name)
{
    const struct value *best = NULL;
    double least = INFINITY;

    for (uint32_t i = 0; p->runs && i < p->runs->n; i++) {
        const struct value *v = &p->runs->pairs[i].value;
        double x[LAB_SEEDS_MAX];
        const struct value *runs = v->type == VALUE_MAP ? lab_get(v, "runs") : v;
        uint32_t n = column(p, runs, budget, x);
        double median = n ? lab_quantile(x, n, 0.5) : INFINITY;
        if (median >= least)
            continue;
        least = median;
        best = runs;
        *name = p->runs->pairs[i].key;
    }
    return best;
}

static const struct value *baseline_of(const struct problem *p,
                                       const struct contender *c,
                                       uint32_t budget,
                                       const char **name)
{
    for (uint32_t i = 0; p->runs && c->baselines[i]; i++) {
        double x[LAB_SEEDS_MAX];
        if (strcmp(c->baselines[i], "best") == 0)
            return best_of(p, budget, name);
        const struct value *v = value_find(p->runs, c->baselines[i]);
        *name = c->baselines[i];
        if (v && v->type == VALUE_MAP)
            v = lab_get(v, "runs");
        if (v && column(p, v, budget, x))
            return v;
    }
    return NULL;
}

static void count(const struct contender *c, double p_worse, double p_better)
{
    size_t i = (size_t)(c - contenders);
    counts[i].n++;
    counts[i].n_worse += p_worse < 0.05;
    counts[i].n_better += p_better < 0.05;
}

static void print_counts(void)
{
    printf("\n%-12s rows  not worse        better\n", "");
    for (size_t i = 0; i < N_CONTENDERS; i++)
        if (counts[i].n)
            printf("%-12s %4u  %4u (%3.0f %%)    %4u (%3.0f %%)\n", contenders[i].label,
                   counts[i].n, counts[i].n - counts[i].n_worse,
                   100.0 * (counts[i].n - counts[i].n_worse) / counts[i].n, counts[i].n_better,
                   100.0 * counts[i].n_better / counts[i].n);
}

static void print_row(const struct problem *p,
                      const struct contender *c,
                      double ours[BUDGETS][LAB_SEEDS_MAX],
                      const struct settings *s)
{
    for (uint32_t b = 0; b < BUDGETS && budgets[b] <= s->n_trials; b++) {
        double theirs[LAB_SEEDS_MAX];
        const char *name = "-";
        const struct value *runs = baseline_of(p, c, b, &name);
        uint32_t n = column(p, runs, b, theirs);
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
            count(c, p_worse, p_better);
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

// What the first n trials came to; the less the better.
static double value_of(const struct problem *p, const double *rows, uint32_t n)
{
    if (!p->reference)
        return lab_best(rows, p->lab.n_metrics, n);
    return -hypervolume_of(rows, n, p->lab.n_metrics, p->reference);
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
        winners[seed] = value_of(p, rows, n);
        if (p->abc && !abc_proves(p->abc, p->abc->winner, winners[seed]))
            lab_die(p->abc->winner, "is another circuit");
        for (uint32_t b = 0; b < BUDGETS; b++)
            ours[b][seed] = value_of(p, rows, budgets[b] < n ? budgets[b] : n);
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

    for (uint32_t b = 0; b < BUDGETS && budgets[b] <= s->n_trials; b++) {
        double x[LAB_SEEDS_MAX], y[LAB_SEEDS_MAX];
        uint32_t n = column(p, baseline_of(p, &contenders[TPE], b, &name), b, x);
        uint32_t m = column(p, baseline_of(p, &contenders[RANDOM], b, &name), b, y);
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

// Of the table as it is compiled.
static bool exists(const struct contender *c)
{
    char name[64];
    (void)snprintf(name, sizeof name, "%s", c->algorithm + strlen("name: "));
    if (strchr(name, ','))
        *strchr(name, ',') = 0;
    return algorithm_find(name) != NULL;
}

static void contend_all(const struct problem *p, const struct settings *s)
{
    static double ours[N_CONTENDERS][BUDGETS][LAB_SEEDS_MAX];
    bool has_run[N_CONTENDERS] = {false};

    if (s->only && !strstr(p->name, s->only))
        return;
    for (size_t i = 0; i < N_CONTENDERS; i++) {
        has_run[i] = !s->algorithm ? exists(&contenders[i])
                                   : is_in_list(s->algorithm, contenders[i].label);
        if (has_run[i])
            contend(p, &contenders[i], s, ours[i]);
    }
    if (has_run[RANDOM] && has_run[TPE])
        compare_with_chance(p, s, ours);
}

// --- complete tables of recipes of length 5 --------------------------------------------
static void run_tables(const struct settings *s, struct arena *a)
{
    static const char *const circuits[] = {"ctrl", "int2float"};
    struct value all = lab_read_yaml(fixture(s, "abc/tab_baselines.json", a), a);
    struct recipe_table *t = mem_alloc(sizeof *t);

    for (int i = 0; i < 2; i++) {
        recipe_table_read(fixture(s, arena_printf(a, "abc/%s.l5.tab", circuits[i]), a), t);
        struct problem p = {.name = circuits[i],
                            .body = RECIPES("5"),
                            .lab = {adp_metrics, 1, recipe_table_look_up, t},
                            .runs = lab_get(lab_get(&all, circuits[i]), "runs")};
        contend_all(&p, s);
    }
    mem_free(t);
}

// --- functions ------------------------------------------------------------------------
typedef bool (*nth_function_fn)(uint32_t i, struct quality_function *q, struct arena *a);

static void run_functions(const struct settings *s, nth_function_fn nth, struct arena *a)
{
    struct value all = lab_read_yaml(fixture(s, "optimisers/baselines.json", a), a);
    struct quality_function q;

    for (uint32_t i = 0; nth(i, &q, a); i++) {
        struct problem p = {.name = q.name,
                            .body = q.body,
                            .lab = {q.metrics, q.n_metrics, quality_evaluate, q.ctx},
                            .runs = value_find(lab_get(&all, "results"), q.name),
                            .reference = q.reference};
        contend_all(&p, s);
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
        lab_die("usage", "search_quality tables|functions|fronts|recipes; needs the fixtures");
    if (strcmp(argv[1], "tables") == 0)
        run_tables(&s, a);
    else if (strcmp(argv[1], "functions") == 0)
        run_functions(&s, quality_function_at, a);
    else if (strcmp(argv[1], "fronts") == 0)
        run_functions(&s, quality_front_at, a);
    else if (strcmp(argv[1], "recipes") == 0)
        run_recipes(&s, a);
    else
        lab_die("no such suite", argv[1]);
    print_counts();
    arena_destroy(a);
    return 0;
}
