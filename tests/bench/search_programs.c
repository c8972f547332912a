// SPDX-License-Identifier: MIT
// search_programs - which algorithm finds the better heuristic: evolve, ga or chance.
//
//   search_programs [--seeds N] [--trials N] [--only PROBLEM]
//
// Each searches for a program (25 nodes) of the workload `heuristic` from nothing, with the
// same trials, and is judged by its best program on instances that the search has not seen.
// evolve and ga are tuned alike: eight settings each, three seeds a setting that are not
// used again, by the cost on the instances searched.  p is the one-sided Mann-Whitney
// probability that evolve would be that much better if both were alike.
#include <getopt.h>

#include "tests/bench/lab.h"
#include "worker/evaluate/heuristic.h"

enum { TUNING_SEEDS = 3, TUNING_FIRST = 1000, SETTINGS = 8, ALGORITHMS = 3, UNSEEN = 1000 };

static const struct problem {
    const char *name;
    const struct heuristic_problem *made;
    struct heuristic_job seen;
    const char *inputs;
} problems[] = {
    {"weibull",
     &heuristic_binpack,
     {.n_items = 500, .n_instances = 5, .sizes = "weibull"},
     "item, room, left, capacity"},
    {"uniform",
     &heuristic_binpack,
     {.n_items = 500, .n_instances = 5, .sizes = "uniform"},
     "item, room, left, capacity"},
    {"packing",
     &heuristic_packing,
     {.n_items = 256, .n_instances = 5, .n_devices = 32, .exponent = 1, .sizes = "weibull"},
     "load, carried, after, free, rest"},
};

static const struct algorithm {
    const char *name;
    const char *settings[SETTINGS + 1]; // NULL-ended; the first are the defaults
} algorithms[ALGORITHMS] = {
    {"evolve",
     {"", ", islands: 1", ", islands: 4, bins: 10, tournament: 5, crossover: 0.4",
      ", tournament: 5", ", crossover: 0.5", ", startup: 100", ", explore: 0.5",
      ", islands: 1, tournament: 5, startup: 100", NULL}},
    {"ga",
     {"", ", population: 50", ", population: 100, tournament: 5", ", tournament: 7",
      ", crossover: 0.2", ", startup: 100, population: 50", ", mutations: 2",
      ", population: 10, tournament: 2", NULL}},
    {"random", {"", NULL}},
};

struct judge {
    const struct heuristic_problem *problem;
    void *seen, *unseen;
    struct arena *arena, *scratch;
    uint32_t n_trials;
    double best; // of the search that runs
    char program[4096];
};

static double cost_of(const struct judge *j, const void *made, const char *program)
{
    const struct expr *e = NULL;
    struct errtext t;

    arena_reset(j->scratch);
    if (expr_compile(program, strlen(program), j->scratch, &e, &t))
        lab_die(program, t.text);
    return j->problem->cost(made, e, j->scratch).cost;
}

static bool evaluate(void *ctx, const struct value *params, double *y)
{
    struct judge *j = ctx;
    const char *program = value_find(params, "program")->s;

    y[0] = cost_of(j, j->seen, program);
    if (y[0] < j->best) {
        j->best = y[0];
        (void)snprintf(j->program, sizeof j->program, "%s", program);
    }
    return true;
}

struct settings {
    uint32_t n_seeds, n_trials;
    const char *only;
};

// The best program's cost on the instances searched, and on the others.
static void search(struct judge *j,
                   const struct problem *p,
                   const char *algorithm,
                   const char *options,
                   uint64_t seed,
                   double *unseen)
{
    static const char *const metrics[] = {"cost", NULL};
    struct lab lab = {.metrics = metrics, .n_metrics = 1, .function = evaluate, .ctx = j};
    double rows[LAB_TRIALS_MAX];
    char job[1024];

    (void)snprintf(job, sizeof job,
                   "space: {program: {type: program, inputs: [%s], size: 25}}\n"
                   "objectives: [{metric: cost}]\nalgorithm: {name: %s%s}\ntrials: %u\n",
                   p->inputs, algorithm, options, j->n_trials);
    j->best = INFINITY;
    (void)lab_run(&lab, job, seed, rows);
    *unseen = cost_of(j, j->unseen, j->program);
}

static const char *tuned(struct judge *j, const struct problem *p, const struct algorithm *a)
{
    const char *best = a->settings[0];
    double least = INFINITY;

    for (uint32_t i = 0; a->settings[1] && a->settings[i]; i++) {
        double sum = 0, unseen;
        for (uint32_t k = 0; k < TUNING_SEEDS; k++) {
            search(j, p, a->name, a->settings[i], TUNING_FIRST + k, &unseen);
            sum += j->best;
        }
        if (sum < least) {
            least = sum;
            best = a->settings[i];
        }
    }
    return best;
}

static void compare(const struct problem *p, const struct settings *s)
{
    struct judge j = {.problem = p->made,
                      .arena = arena_create(),
                      .scratch = arena_create(),
                      .n_trials = s->n_trials};
    double unseen[ALGORITHMS][LAB_SEEDS_MAX], seen[ALGORITHMS][LAB_SEEDS_MAX];
    struct heuristic_job other = p->seen;

    other.first = UNSEEN;
    other.n_instances = 20;
    j.seen = p->made->make(&p->seen, j.arena);
    j.unseen = p->made->make(&other, j.arena);
    printf("%-8s usual rule     seen %6.3f                  unseen %6.3f\n", p->name,
           cost_of(&j, j.seen, p->made->usual), cost_of(&j, j.unseen, p->made->usual));
    for (uint32_t a = 0; a < ALGORITHMS; a++) {
        const char *options = tuned(&j, p, &algorithms[a]);
        for (uint32_t i = 0; i < s->n_seeds; i++) {
            search(&j, p, algorithms[a].name, options, i + 1, &unseen[a][i]);
            seen[a][i] = j.best;
        }
        double q[3], *u = unseen[a];
        for (int k = 0; k < 3; k++)
            q[k] = lab_quantile(u, s->n_seeds, 0.25 * (k + 1));
        printf("%-8s %-8s n=%u  seen %6.3f  unseen %6.3f [%.3f %.3f]", p->name,
               algorithms[a].name, s->n_seeds, lab_quantile(seen[a], s->n_seeds, 0.5), q[1],
               q[0], q[2]);
        if (a > 0)
            printf("  p=%.2g", lab_larger_p(u, s->n_seeds, unseen[0], s->n_seeds));
        printf("  {%s%s}\n", algorithms[a].name, options);
        fflush(stdout);
    }
    arena_destroy(j.arena);
    arena_destroy(j.scratch);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"seeds", 1, NULL, 's'},
                                            {"trials", 1, NULL, 't'},
                                            {"only", 1, NULL, 'o'},
                                            {NULL, 0, NULL, 0}};
    struct settings s = {.n_seeds = 20, .n_trials = 1000};
    int c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 's')
            s.n_seeds = (uint32_t)strtoul(optarg, NULL, 10);
        else if (c == 't')
            s.n_trials = (uint32_t)strtoul(optarg, NULL, 10);
        else if (c == 'o')
            s.only = optarg;
        else
            return 2;
    }
    if (s.n_seeds < 1 || s.n_seeds > LAB_SEEDS_MAX || s.n_trials < 1
        || s.n_trials > LAB_TRIALS_MAX)
        return 2;
    for (uint32_t i = 0; i < sizeof problems / sizeof *problems; i++)
        if (!s.only || strcmp(s.only, problems[i].name) == 0)
            compare(&problems[i], &s);
    return 0;
}
