// SPDX-License-Identifier: MIT
// test_algorithms.c - what every algorithm owes: points of the space, the same ones
// whenever asked again, none of them twice.
#include <math.h>

#include "common/map.h"
#include "common/math.h"
#include "tests/unit/search_lab.h"

// Every row of the table by its defaults, so that a new one is tested by being there,
// and what else deserves it.
static const char *const variants[] = {
    "{name: tpe, multivariate: true}",
    "{name: tpe, liar: false}",
    "{name: tpe, multivariate: true, liar: false}",
};

enum { N_VARIANTS = sizeof variants / sizeof variants[0], NAMES_MAX = 64 };

static const char *names[NAMES_MAX];
static int n_names;

// Those that follow a plan whatever they are told.
static bool learns(const char *name)
{
    return strcmp(name, "random") != 0 && strcmp(name, "sobol") != 0
           && strcmp(name, "grid") != 0 && strcmp(name, "asha") != 0
           && strcmp(name, "hyperband") != 0; // of a fidelity
}

// By its defaults it thinks longer than a test should take.
static const char gp_in_haste[] = "{name: gp, global: 24, local: 24, learn: 24}";

static void collect_names(void)
{
    for (int i = 0; algorithms[i]; i++)
        names[n_names++] =
            strcmp(algorithms[i]->name, "gp") == 0 ? gp_in_haste : algorithms[i]->name;
    for (int i = 0; i < N_VARIANTS; i++)
        names[n_names++] = variants[i];
}

#define MIXED                                                                                  \
    "space:\n"                                                                                 \
    "  x: {type: float, low: -1, high: 2}\n"                                                   \
    "  y: {type: float, low: 1e-4, high: 10, log: true}\n"                                     \
    "  h: {type: float, low: 0, high: 1, step: 0.125}\n"                                       \
    "  j: {type: int, low: 1, high: 500, log: true}\n"                                         \
    "  m: {type: choice, values: {none: {}, tree: {depth: {type: int, low: 1, high: 9}}, "     \
    "net: "                                                                                    \
    "{layers: {type: sequence, min: 1, max: 3, of: {type: choice, values: {conv: {w: {type: "  \
    "int, low: 1, high: 64, log: true}}, pool: {}}}}}}}\n"                                     \
    "  p: {type: permutation, values: [a, b, c, d]}\n"                                         \
    "  u: {type: subset, values: [1, 2, 3, 4, 5], min: 1, max: 3}\n"

static const char *const spaces[] = {
    MIXED,
    MIXED "where: ['x < 1.5 or m != \"tree\"', 'p[0] != \"d\"', 'sum(u) < 11', "
          "'m != \"tree\" or depth < 7']\n",
    "space: {x: {type: sequence, length: 3, of: {type: float, low: 0, high: 1}}}",
    "space: {recipe: {type: sequence, length: 10, join: '', of: {type: choice, values: ['0', "
    "'1', '2', '3', '4', '5', '6']}}}",
    "space: {p: {type: permutation, values: [1, 2, 3, 4, 5, 6, 7, 8]}}",
    // Cells so narrow that no difference of two distribution functions sees them.
    "space: {big: {type: int, low: 0, high: 9007199254740991}, log: {type: int, low: 1, high: "
    "9007199254740991, log: true}}",
    "space: {f: {type: program, inputs: [x, y], size: 12}, c: {type: choice, values: {a: {}, "
    "b: {g: {type: program, inputs: [z], booleans: [t], constants: [], operators: [+, neg, "
    "if, not, and], size: 20}}}}}",
    // Few places on each scale: most observations have equals.
    "space: {i: {type: int, low: 0, high: 4}, h: {type: float, low: 0, high: 1, step: 0.25}, "
    "j: "
    "{type: int, low: 1, high: 6, log: true}, k: {type: int, low: -7, high: 7}}",
};

enum { N_SPACES = sizeof spaces / sizeof spaces[0] };

// Finite, with and without `where`, the last with paths that end in dead ends.
static const char *const small[] = {
    "space: {i: {type: int, low: 1, high: 5}, c: {type: choice, values: [a, b, c]}}",
    "space: {m: {type: choice, values: {a: {}, b: {k: {type: int, low: 1, high: 3}}, c: {s: "
    "{type: subset, values: [1, 2, 3], min: 1, max: 2}}}}}",
    "space: {x: {type: sequence, min: 0, max: 3, of: {type: int, low: 0, high: 1}}}",
    "space: {p: {type: permutation, values: [1, 2, 3, 4]}}\nwhere: ['p[0] < p[3]']",
    "space: {x: {type: int, low: 0, high: 30}, y: {type: int, low: 0, high: 30}}\n"
    "where: ['x * x + y * y == 625']",
    "space: {c: {type: choice, values: [only]}}",
    "space: {f: {type: program, inputs: [x, y], booleans: [t], constants: [], operators: ['-', "
    "if, not], size: 4}}",
};

enum { N_SMALL = sizeof small / sizeof small[0] };

static struct lab lab;

// Every seventh trial fails, every fifth violates something.
static struct score score_of(const struct lab *l, uint32_t record)
{
    const struct point *p = &l->history.records[record].point;
    struct score s = lab_loss(lab_bowl(l->space, p));
    if (record % 7 == 6)
        s = (struct score){.verdict = SCORE_FAILED, .losses = {INFINITY}};
    else if (record % 5 == 4)
        s = (struct score){.verdict = SCORE_INFEASIBLE, .violation = s.losses[0] + 1};
    return s;
}

// Runs n trials at a window; false when the space ended before.
static bool run(struct lab *l, uint32_t n, uint32_t window)
{
    struct history *h = &l->history;
    while (h->n_asked < n) {
        if (h->n_asked >= h->n_told + window)
            lab_tell(l, score_of(l, h->n_told));
        else if (!lab_ask(l))
            return false;
    }
    return true;
}

START_TEST(every_point_is_in_the_space_and_asked_once)
{
    const char *space = spaces[_i / n_names];
    struct point back;

    lab_open(&lab, space, NULL, names[_i % n_names]);
    lab_start(&lab, 1);
    back = lab_point(&lab);
    ck_assert(run(&lab, 150, 16));
    for (uint32_t i = 0; i < lab.history.n_asked; i++) {
        const struct point *p = &lab.history.records[i].point;
        struct value params = space_decode(lab.space, p, lab.arena);
        struct spec at = spec_of(&params, "point", &lab.t);
        enum error e = space_encode(lab.space, &at, lab.history.walk, &back);
        ck_assert_msg(e == OK, "trial %u: %s", i, lab.t.text);
        ck_assert(point_equal(p, &back));
        for (uint32_t j = 0; j < i; j++)
            ck_assert(!point_equal(p, &lab.history.records[j].point));
    }
    lab_stop(&lab);
    lab_close(&lab);
}
END_TEST

// An algorithm's state may hold nothing that an ask left there: asked again, and
// asked of one that was only told, in the middle of a window, it answers alike.
START_TEST(an_ask_is_a_function_of_what_was_told_and_asked)
{
    struct lab other;
    struct point first;

    lab_open(&lab, spaces[_i / n_names], NULL, names[_i % n_names]);
    lab_start(&lab, 5);
    first = lab_point(&lab);
    for (uint32_t n = 1; n <= 90; n++) {
        ck_assert(lab_peek(&lab));
        point_copy(&first, &lab.next);
        ck_assert(lab_peek(&lab));
        ck_assert(point_equal(&first, &lab.next));
        if (n % 9 == 0) {
            other = lab;
            lab_start(&other, 5);
            for (uint32_t i = 0; i < lab.history.n_asked; i++)
                (void)history_ask(&other.history, &lab.history.records[i].point);
            for (uint32_t i = 0; i < lab.history.n_told; i++)
                lab_tell(&other, score_of(&lab, i));
            ck_assert(lab_peek(&other));
            ck_assert_msg(point_equal(&first, &other.next), "trial %u", n - 1);
            lab_stop(&other);
        }
        (void)history_ask(&lab.history, &first);
        // The window is 7 wide and stands in its middle half of the time.
        if (n % 3 && lab.history.n_told + 7 <= n)
            lab_tell(&lab, score_of(&lab, lab.history.n_told));
    }
    lab_stop(&lab);
    lab_close(&lab);
}
END_TEST

START_TEST(a_finite_space_is_used_up_and_then_ends)
{
    struct map seen;

    lab_open(&lab, small[_i / n_names], NULL, names[_i % n_names]);
    ck_assert(lab.space->is_exact);
    lab_start(&lab, 2);
    map_init(&seen);
    ck_assert(!run(&lab, 2000, 4));
    ck_assert_double_eq(lab.history.n_asked, lab.space->n_points);
    for (uint32_t i = 0; i < lab.history.n_asked; i++) {
        uint64_t key = point_key(&lab.history.records[i].point);
        ck_assert(!map_find(&seen, key, NULL));
        map_set(&seen, key, i);
    }
    ck_assert(!lab_ask(&lab)); // and stays ended
    map_fini(&seen);
    lab_stop(&lab);
    lab_close(&lab);
}
END_TEST

START_TEST(seeds_differ)
{
    struct point first[20];
    uint32_t n_same = 0;

    if (strcmp(names[_i], "grid") == 0)
        return; // has no chance in it
    lab_open(&lab, spaces[0], NULL, names[_i]);
    lab_start(&lab, 1);
    for (uint32_t i = 0; i < 20; i++) {
        ck_assert(lab_ask(&lab));
        first[i] = lab_point(&lab);
        point_copy(&first[i], &lab.next);
    }
    lab_stop(&lab);
    lab_start(&lab, 2);
    for (uint32_t i = 0; i < 20; i++) {
        ck_assert(lab_ask(&lab));
        n_same += point_equal(&first[i], &lab.next);
    }
    ck_assert_uint_le(n_same, 1);
    lab_stop(&lab);
    lab_close(&lab);
}
END_TEST

static double best_of(const char *space, const char *algorithm, uint64_t seed, uint32_t n)
{
    double best = INFINITY;

    lab_open(&lab, space, NULL, algorithm);
    lab_start(&lab, seed);
    while (lab.history.n_asked < n) {
        if (lab.history.n_asked < lab.history.n_told + 16) {
            ck_assert(lab_ask(&lab));
            continue;
        }
        uint32_t i = lab.history.n_told;
        lab_tell(&lab, lab_loss(lab_bowl(lab.space, &lab.history.records[i].point)));
        best = fmin(best, lab.history.records[i].score.losses[0]);
    }
    lab_stop(&lab);
    lab_close(&lab);
    return best;
}

// The mean loss of the later half of the trials.
static double later_mean(const char *space, const char *algorithm, uint64_t seed, uint32_t n)
{
    double sum = 0;

    lab_open(&lab, space, NULL, algorithm);
    lab_start(&lab, seed);
    while (lab.history.n_told < n) {
        if (lab.history.n_asked < lab.history.n_told + 16) {
            ck_assert(lab_ask(&lab));
            continue;
        }
        uint32_t i = lab.history.n_told;
        double loss = lab_bowl(lab.space, &lab.history.records[i].point);
        lab_tell(&lab, lab_loss(loss));
        sum += 2 * i >= n ? loss : 0;
    }
    lab_stop(&lab);
    lab_close(&lab);
    return sum * 2 / n;
}

// Who learns gets better: on a bowl its later trials are better than chance's, in nearly
// every seed.
START_TEST(who_learns_beats_chance)
{
    const char *space = spaces[(uint32_t)_i % 2 ? 2 : 0];
    const char *name = names[_i / 2];
    uint32_t n_better = 0;

    if (!learns(name))
        return;
    for (uint64_t seed = 1; seed <= 7; seed++)
        n_better +=
            later_mean(space, name, seed, 200) < 0.95 * later_mean(space, "random", seed, 200);
    ck_assert_uint_ge(n_better, 6); // by chance alone: 8 in 128
}
END_TEST

// One dimension of a Sobol sequence fills 2^k equal cells with its first 2^k points.
START_TEST(sobol_fills_every_cell_once)
{
    lab_open(&lab,
             "space: {x: {type: sequence, length: 40, of: {type: float, low: 0, high: 1}}}",
             NULL, "sobol");
    lab_start(&lab, (uint64_t)_i);
    for (uint32_t n = 0; n < 256; n++)
        ck_assert(lab_ask(&lab));
    for (uint32_t axis = 0; axis < 40; axis++)
        for (uint32_t cells = 2; cells <= 256; cells *= 2) {
            uint32_t seen[256] = {0};
            for (uint32_t i = 0; i < cells; i++)
                seen[(uint32_t)(lab.history.records[i].point.genes[axis].x * cells)]++;
            for (uint32_t i = 0; i < cells; i++)
                ck_assert_uint_eq(seen[i], 1);
        }
    lab_stop(&lab);
    lab_close(&lab);
}
END_TEST

// Pairs of dimensions too: 4 x 4 cells get one point each of the first 16 for the
// first pair, a (0, 2)-net.
START_TEST(sobol_fills_the_plane)
{
    uint32_t seen[16] = {0};

    lab_open(&lab,
             "space: {x: {type: sequence, length: 2, of: {type: float, low: 0, high: 1}}}",
             NULL, "sobol");
    lab_start(&lab, (uint64_t)_i);
    for (uint32_t n = 0; n < 16; n++) {
        ck_assert(lab_ask(&lab));
        const struct gene *g = lab.next.genes;
        seen[(uint32_t)(g[0].x * 4) * 4 + (uint32_t)(g[1].x * 4)]++;
    }
    for (uint32_t i = 0; i < 16; i++)
        ck_assert_uint_eq(seen[i], 1);
    lab_stop(&lab);
    lab_close(&lab);
}
END_TEST

// Each finds the one best point of a plain landscape of 1,024, long before it has
// seen them all.
START_TEST(who_learns_finds_the_best_of_a_plain_landscape)
{
    const char *space =
        "space: {x: {type: sequence, length: 5, of: {type: choice, values: [0, 1, "
        "2, 3]}}}";
    uint32_t n_found = 0;

    if (!learns(names[_i]))
        return;
    for (uint64_t seed = 1; seed <= 5; seed++)
        n_found += best_of(space, names[_i], seed, 330) < 0.0026; // all at 1/4: 0.0025
    ck_assert_uint_ge(n_found, 4);
}
END_TEST

// --- the table ------------------------------------------------------------------------
START_TEST(the_table_is_well_formed)
{
    for (int i = 0; algorithms[i]; i++) {
        const struct algorithm *a = algorithms[i];
        ck_assert_ptr_eq(algorithm_find(a->name), a);
        ck_assert(strncmp(a->version, a->name, strlen(a->name)) == 0);
        ck_assert(a->help && a->source && a->create && a->destroy && a->ask);
        uint32_t n = 0;
        for (const struct knob *k = a->knobs; k->name; k++, n++)
            ck_assert(k->help && k->min <= k->fallback && k->fallback <= k->max);
        ck_assert_uint_lt(n, KNOBS_MAX);
    }
    ck_assert_ptr_null(algorithm_find("annealing"));
}
END_TEST

static const struct {
    const char *algorithm, *message;
} bad[] = {
    {"tpo", "did you mean 'tpe'"},
    {"{name: tpo}", "did you mean 'tpe'"},
    {"3", "a name, or a map like"},
    {"{candidates: 3}", "name"},
    {"{name: tpe, candidate: 3}", "did you mean 'candidates'"},
    {"{name: tpe, candidates: 0}", "candidates"},
    {"{name: tpe, gamma: 0.9}", "gamma"},
    {"{name: tpe, multivariate: 3}", "multivariate"},
    {"{name: random, startup: 3}", "startup"},
};

START_TEST(a_bad_algorithm_is_refused)
{
    struct value v;
    struct errtext t;
    struct arena *a = arena_create();
    const char *text = arena_printf(
        a, "space: {x: {type: float, low: 0, high: 1}}\nalgorithm: %s", bad[_i].algorithm);
    const struct space *space;
    const struct algorithm *algorithm;
    double knobs[KNOBS_MAX];

    ck_assert_int_eq(yaml_parse(text, strlen(text), "job", a, &v, &t), OK);
    struct spec job = spec_of(&v, "job", &t);
    ck_assert_int_eq(space_parse(&job, a, &space), OK);
    ck_assert_int_eq(algorithm_parse(&job, space, &algorithm, knobs), ERR_PARSE);
    ck_assert_msg(strstr(t.text, bad[_i].message) && strncmp(t.text, "job:2:", 6) == 0, "%s",
                  t.text);
    arena_destroy(a);
}
END_TEST

START_TEST(options_and_their_defaults)
{
    lab_open(&lab, spaces[2], NULL, "{name: tpe, candidates: 5, multivariate: true}");
    ck_assert_double_eq(lab.knobs[0], 10);
    ck_assert_double_eq(lab.knobs[1], 5);
    ck_assert_double_eq(lab.knobs[2], 0.1);
    ck_assert_double_eq(lab.knobs[3], 1);
    lab_close(&lab);
    lab_open(&lab, spaces[2], NULL, NULL);
    ck_assert_ptr_eq(lab.algorithm, algorithm_default(lab.space));
    lab_close(&lab);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("algorithms");
    TCase *tc = tcase_create("all");

    collect_names();
    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, every_point_is_in_the_space_and_asked_once, 0, n_names * N_SPACES);
    tcase_add_loop_test(tc, an_ask_is_a_function_of_what_was_told_and_asked, 0,
                        n_names * N_SPACES);
    tcase_add_loop_test(tc, a_finite_space_is_used_up_and_then_ends, 0, n_names * N_SMALL);
    tcase_add_loop_test(tc, seeds_differ, 0, n_names);
    tcase_add_loop_test(tc, who_learns_beats_chance, 0, 2 * n_names);
    tcase_add_loop_test(tc, sobol_fills_every_cell_once, 0, 5);
    tcase_add_loop_test(tc, sobol_fills_the_plane, 0, 5);
    tcase_add_loop_test(tc, who_learns_finds_the_best_of_a_plain_landscape, 0, n_names);
    tcase_add_test(tc, the_table_is_well_formed);
    tcase_add_loop_test(tc, a_bad_algorithm_is_refused, 0, sizeof bad / sizeof bad[0]);
    tcase_add_test(tc, options_and_their_defaults);
    suite_add_tcase(s, tc);
    return harness_run(s);
}
