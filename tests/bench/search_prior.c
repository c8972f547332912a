// SPDX-License-Identifier: MIT
// search_prior - retrieval-guided tree search next to pure tree search and chance, on
// recipes of logic synthesis: ABC-RL's claims (ICLR 2024) on our circuits.
//
//   search_prior tables [SEEDS]             the fixtures' complete tables of five passes
//   search_prior recipes FOLDER SEEDS C...  FOLDER/C.aig, judged by berkeley-abc with
//                                           FOLDER/dse.genlib; ten passes
//
// Earlier jobs are searches of 100 evaluations by the default algorithm; a circuit's own is
// not among those that guide it, but where it says so.  100 evaluations a run.  The sign
// test counts the seeds at which the geometric mean over the circuits is less than chance's.
#include <unistd.h>

#include "common/aiger.h"
#include "tests/bench/abc_process.h"
#include "tests/bench/recipe_table.h"

enum { CIRCUITS_MAX = 16, N_TRIALS = 100, N_EARLIER = 100, EARLIER_SEED = 1000 };

struct circuit {
    const char *name;
    struct lab lab;
    const char *space; // of the job, with its objective
    double features[AIGER_FEATURES];
    double resyn2;           // 0: not known
    const char *good, *evil; // trials of the earlier job as it was, and negated
};

// --- jobs ---------------------------------------------------------------------------
static void read_features(const char *path, double *out)
{
    uint8_t *b = mem_alloc(ABC_FILE_MAX);
    struct aiger_summary s;
    struct errtext t;
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(b, 1, ABC_FILE_MAX, f) : 0;

    if (!f || aiger_read(b, n, &s, &t))
        lab_die(path, f ? t.text : "cannot be opened");
    (void)fclose(f);
    memcpy(out, s.features, sizeof s.features);
    mem_free(b);
}

struct recorder {
    const struct lab *lab;
    double sign;
    struct buf text;
};

static bool record(void *ctx, const struct value *params, double *y)
{
    struct recorder *r = ctx;

    if (!r->lab->function(r->lab->ctx, params, y))
        return false;
    buf_printf(&r->text, "%s{params: {recipe: '%s'}, metrics: {adp: %.17g}}",
               r->text.n ? ", " : "", lab_get(params, "recipe")->s, r->sign * *y);
    return true;
}

static double run(const struct lab *lab,
                  const struct circuit *c,
                  const char *more,
                  uint32_t trials,
                  uint64_t seed)
{
    static double rows[LAB_TRIALS_MAX];
    struct buf job;

    buf_init(&job, YAML_BYTES_MAX);
    buf_printf(&job, "%s\n%s\ntrials: %u\nwindow: 8\n", c->space, more, trials);
    uint32_t n = lab_run(lab, buf_cstr(&job), seed, rows);
    buf_fini(&job);
    return lab_best(rows, 1, n);
}

static const char *earlier(const struct circuit *c, double sign, struct arena *a)
{
    struct recorder r = {.lab = &c->lab, .sign = sign};
    struct lab lab = {adp_metrics, 1, record, &r};

    buf_init(&r.text, YAML_BYTES_MAX);
    (void)run(&lab, c, "algorithm: portfolio", N_EARLIER, EARLIER_SEED);
    const char *text = arena_str(a, buf_cstr(&r.text), r.text.n);
    buf_fini(&r.text);
    return text;
}

static void put_features(struct buf *b, const double *f)
{
    for (int i = 0; i < AIGER_FEATURES; i++)
        buf_printf(b, "%s%.17g", i ? ", " : "features: [", f[i]);
    buf_puts(b, "]");
}

// The circuit's prior: the trials of all others.
static const char *guide(const char *options,
                         const struct circuit *c,
                         const struct circuit *all,
                         uint32_t n,
                         struct arena *a)
{
    struct buf b;

    buf_init(&b, YAML_BYTES_MAX);
    buf_printf(&b, "algorithm: {name: mcts%s}\nprior: {", options);
    put_features(&b, c->features);
    buf_puts(&b, ", earlier: [");
    for (uint32_t i = 0, k = 0; i < n; i++) {
        if (&all[i] == c)
            continue;
        buf_puts(&b, k++ ? ", {" : "{");
        put_features(&b, all[i].features);
        buf_printf(&b, ", trials: [%s]}", all[i].good);
    }
    buf_puts(&b, "]}");
    const char *text = arena_str(a, buf_cstr(&b), b.n);
    buf_fini(&b);
    return text;
}

static double distance(const double *x, const double *y)
{
    double xy = 0, xx = 0, yy = 0;
    for (int i = 0; i < AIGER_FEATURES; i++) {
        xy += x[i] * y[i];
        xx += x[i] * x[i];
        yy += y[i] * y[i];
    }
    return 1 - xy / sqrt(xx * yy);
}

// --- complete tables -------------------------------------------------------------------
// A stranger: the same numbers turned away far enough.
static struct circuit stranger(const struct circuit *c, const char *trials)
{
    struct circuit s = *c;
    s.good = trials;
    for (int i = 0; i < AIGER_FEATURES; i++)
        s.features[i] += i % 2 ? 0.25 : 0;
    return s;
}

static void compare_table(const struct circuit *c,
                          const struct circuit *other,
                          uint32_t n_seeds,
                          struct arena *a)
{
    struct circuit twin = *c, evil = stranger(c, c->evil);
    const struct {
        const char *label, *more;
    } arms[] = {
        {"chance", "algorithm: random"},
        {"mcts (UCT)", "algorithm: mcts"},
        {"pure", "algorithm: {name: mcts, puct: true}"},
        {"itself earlier", guide("", c, &twin, 1, a)},
        {"the other circuit", guide("", c, other, 1, a)},
        {"the other, alpha 1", guide(", retrieval: false", c, other, 1, a)},
        {"misleading", guide("", c, &evil, 1, a)},
        {"misleading, alpha 1", guide(", retrieval: false", c, &evil, 1, a)},
    };
    double pure = 0, chance[LAB_SEEDS_MAX];

    printf("%s: distance to the other circuit %.4f, to the stranger %.4f\n", c->name,
           distance(c->features, other->features), distance(c->features, evil.features));
    for (size_t i = 0; i < sizeof arms / sizeof arms[0]; i++) {
        double best[LAB_SEEDS_MAX], sum = 0;
        uint32_t wins = 0, losses = 0;
        for (uint32_t seed = 0; seed < n_seeds; seed++) {
            sum += best[seed] = run(&c->lab, c, arms[i].more, N_TRIALS, seed + 1);
            chance[seed] = i == 0 ? best[seed] : chance[seed];
            wins += best[seed] < chance[seed];
            losses += best[seed] > chance[seed];
        }
        pure = i == 2 ? sum : pure;
        printf("  %-20s median %-9.5g mean %-9.5g against chance %2u better %2u worse  ",
               arms[i].label, lab_quantile(best, n_seeds, 0.5), sum / n_seeds, wins, losses);
        printf(i > 2 ? "against pure %+.2f %%\n" : "\n", 100 * (sum / (pure ? pure : 1) - 1));
    }
}

static void run_tables(uint32_t n_seeds, struct arena *a)
{
    static const char *const names[] = {"ctrl", "int2float"};
    const char *fixtures = getenv("SHOAL_FIXTURES");
    struct circuit c[2] = {{0}};

    fixtures = fixtures ? fixtures : "../shared/fixtures";
    for (int i = 0; i < 2; i++) {
        struct recipe_table *t = mem_alloc(sizeof *t);
        recipe_table_read(arena_printf(a, "%s/abc/%s.l5.tab", fixtures, names[i]), t);
        c[i].name = names[i];
        c[i].lab = (struct lab){adp_metrics, 1, recipe_table_look_up, t};
        c[i].space = RECIPES("5");
        read_features(arena_printf(a, "%s/abc/%s.aig", fixtures, names[i]), c[i].features);
        c[i].good = earlier(&c[i], 1, a);
        c[i].evil = earlier(&c[i], -1, a);
    }
    for (int i = 0; i < 2; i++)
        compare_table(&c[i], &c[1 - i], n_seeds, a);
}

// --- real circuits -----------------------------------------------------------------------
static double evaluate(struct abc *abc, const char *recipe)
{
    struct value v = {.type = VALUE_STR, .s = recipe, .n = (uint32_t)strlen(recipe)};
    double y = NAN;
    return abc_measure(abc, &v, &y) ? y : NAN;
}

struct arm {
    const char *label;
    double log_ratio[LAB_SEEDS_MAX]; // to resyn2, summed over the circuits
    uint32_t n_reached;              // circuits whose median is not above resyn2's
};

static void
contend(struct arm *arm, const struct circuit *c, const char *more, uint32_t n_seeds)
{
    double best[LAB_SEEDS_MAX];
    struct abc *abc = c->lab.ctx;

    for (uint32_t seed = 0; seed < n_seeds; seed++) {
        abc_begin(abc);
        best[seed] = run(&c->lab, c, more, N_TRIALS, seed + 1);
        arm->log_ratio[seed] += math_log(best[seed] / c->resyn2);
        if (!abc_proves(abc, abc->winner, best[seed]))
            lab_die(abc->winner, "is another circuit");
    }
    double median = lab_quantile(best, n_seeds, 0.5);
    arm->n_reached += median <= c->resyn2;
    printf("  %s %.5g", arm->label, median);
    fflush(stdout);
}

static void summarise(const struct arm *arm,
                      const struct arm *chance,
                      uint32_t n_circuits,
                      uint32_t n_seeds)
{
    uint32_t wins = 0, losses = 0;
    double sum = 0, p = 0, term = 1;

    for (uint32_t i = 0; i < n_seeds; i++) {
        sum += arm->log_ratio[i];
        wins += arm->log_ratio[i] < chance->log_ratio[i];
        losses += arm->log_ratio[i] > chance->log_ratio[i];
    }
    // Binomial tail of one half.
    for (uint32_t k = 0, n = wins + losses; k <= n; k++) {
        p += k >= wins ? term : 0;
        term *= (double)(n - k) / (k + 1);
    }
    p /= math_exp2(wins + losses);
    printf("%-10s gain over resyn2 %.2f %% (geometric mean), reaches it on %u of %u circuits, "
           "beats chance at %u of %u seeds (sign test p = %.4f)\n",
           arm->label, 100 * (1 - math_exp(sum / n_seeds / n_circuits)), arm->n_reached,
           n_circuits, wins, n_seeds, p);
}

static void
run_recipes(const char *folder, uint32_t n_seeds, char **names, uint32_t n, struct arena *a)
{
    struct circuit c[CIRCUITS_MAX] = {{0}};
    struct arm arms[] = {{.label = "chance"}, {.label = "pure"}, {.label = "retrieval"}};

    for (uint32_t i = 0; i < n; i++) {
        struct abc *abc = abc_start(folder, names[i]);
        c[i].name = names[i];
        c[i].lab = (struct lab){adp_metrics, 1, abc_evaluate, abc};
        c[i].space = RECIPES("10");
        c[i].resyn2 = evaluate(abc, "6206236136");
        read_features(abc->circuit, c[i].features);
        c[i].good = earlier(&c[i], 1, a);
    }
    for (uint32_t i = 0; i < n; i++) {
        double delta = INFINITY;
        for (uint32_t j = 0; j < n; j++)
            delta = j == i ? delta : fmin(delta, distance(c[i].features, c[j].features));
        printf("%-13s delta %.4f  resyn2 %.5g", c[i].name, delta, c[i].resyn2);
        contend(&arms[0], &c[i], "algorithm: random", n_seeds);
        contend(&arms[1], &c[i], "algorithm: {name: mcts, puct: true}", n_seeds);
        contend(&arms[2], &c[i], guide("", &c[i], c, n, a), n_seeds);
        printf("\n");
    }
    for (int i = 0; i < 3; i++)
        summarise(&arms[i], &arms[0], n, n_seeds);
    for (uint32_t i = 0; i < n; i++)
        abc_stop(c[i].lab.ctx);
}

int main(int argc, char **argv)
{
    struct arena *a = arena_create();
    uint32_t n_seeds = argc > 3   ? (uint32_t)strtoul(argv[3], NULL, 10)
                       : argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10)
                                  : 20;

    if (argc > 1 && strcmp(argv[1], "tables") == 0 && n_seeds <= LAB_SEEDS_MAX)
        run_tables(n_seeds, a);
    else if (argc > 5 && argc - 4 <= CIRCUITS_MAX && strcmp(argv[1], "recipes") == 0 && n_seeds
             && n_seeds <= LAB_SEEDS_MAX)
        run_recipes(argv[2], n_seeds, argv + 4, (uint32_t)argc - 4, a);
    else
        lab_die("usage",
                "search_prior tables [SEEDS] | recipes FOLDER SEEDS CIRCUIT CIRCUIT...");
    arena_destroy(a);
    return 0;
}
