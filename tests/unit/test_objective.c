// SPDX-License-Identifier: MIT
// test_objective.c - what counts as better: verdicts, constraints, derived metrics,
// fronts and the hypervolume.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/math.h"
#include "common/yaml.h"
#include "coordinator/search/hypervolume.h"
#include "coordinator/search/objective.h"
#include "coordinator/search/ranking.h"
#include "tests/unit/harness.h"

static struct arena *a;
static struct errtext t;
static struct value text;

static void setup(void)
{
    a = arena_create();
    t.text[0] = 0;
}

static void teardown(void)
{
    arena_destroy(a);
}

static struct value parse_value(const char *yaml)
{
    struct value v;
    enum error e = yaml_parse(yaml, strlen(yaml), "job", a, &v, &t);
    ck_assert_msg(e == OK, "%s: %s", yaml, t.text);
    return v;
}

static enum error parse(const char *job, const char *const *metrics, struct objectives *o)
{
    text = parse_value(job);
    struct spec s = spec_of(&text, "job", &t);
    return objective_parse(&s, metrics, a, o);
}

// --- parsing --------------------------------------------------------------------------
static const char *const known[] = {"area", "delay", NULL};

static const struct {
    const char *job, *message;
} bad[] = {
    {"x: 1", "objectives"},
    {"objectives: []", "objectives"},
    {"objectives: {metric: area}", "objectives"},
    {"objectives: [{goal: minimize}]", "metric"},
    {"objectives: [{metric: area, goal: minimise}]", "did you mean 'minimize'"},
    {"objectives: [{metric: are}]", "did you mean 'area'"},
    {"objectives: [{metric: power}]", "area, delay"},
    {"objectives: [{metric: area}, {metric: area}]", "twice"},
    {"objectives: [{metric: area, weight: 2}]", "weight"},
    {"objectives: [{metric: area}]\nconstraints: [{metric: delay}]", "expected min or max"},
    {"objectives: [{metric: area}]\nconstraints: [{metric: dely, max: 3}]", "'delay'"},
    {"objectives: [{metric: area}]\nconstraints: [{metric: delay, min: 3, max: 2}]", "max"},
    {"objectives: [{metric: area}]\nconstraints: [{metric: delay, max: x}]", "max"},
    {"objectives: [{metric: adp}]\nderived: {adp: 'area *'}", "derived.adp"},
    {"objectives: [{metric: adp}]\nderived: {adp: 3}", "an expression"},
    {"objectives: [{metric: adp}]\nderived: [adp]", "derived"},
};

START_TEST(a_bad_aim_is_refused_with_its_place)
{
    struct objectives o;
    ck_assert_int_eq(parse(bad[_i].job, known, &o), ERR_PARSE);
    ck_assert_msg(strstr(t.text, bad[_i].message) && strncmp(t.text, "job:", 4) == 0, "%s",
                  t.text);
}
END_TEST

START_TEST(a_derived_metric_is_a_metric)
{
    struct objectives o;
    ck_assert_int_eq(
        parse("objectives: [{metric: adp}, {metric: area, goal: maximize}]\n"
              "derived: {adp: 'area * delay'}\n"
              "constraints: [{metric: adp, max: 9}, {metric: delay, min: 1, max: 2}]",
              known, &o),
        OK);
    ck_assert_uint_eq(o.n, 2);
    ck_assert(!o.goals[0].is_maximized && o.goals[1].is_maximized);
    ck_assert_uint_eq(o.n_constraints, 2);
    ck_assert(isinf(o.constraints[0].min) && o.constraints[0].max == 9);
    ck_assert_double_eq(o.constraints[1].min, 1);
}
END_TEST

// --- scores ---------------------------------------------------------------------------
#define AIM                                                                                    \
    "objectives: [{metric: adp}, {metric: gain, goal: maximize}]\n"                            \
    "derived: {adp: 'area * delay + extra'}\n"                                                 \
    "constraints: [{metric: area, max: 10}, {metric: delay, min: 1}]"

static const struct {
    const char *metrics; // NULL: the trial failed
    enum verdict verdict;
    double violation, first, second;
} scores[] = {
    {"{area: 2, delay: 3, gain: 5}", SCORE_FEASIBLE, 0, 16, -5},
    {"{area: 2, delay: 3, gain: -5}", SCORE_FEASIBLE, 0, 16, 5},
    {"{area: 10, delay: 1, gain: 0}", SCORE_FEASIBLE, 0, 20, 0},
    {"{area: 15, delay: 3, gain: 5}", SCORE_INFEASIBLE, 0.5, 55, -5},
    {"{area: 2, delay: 0.25, gain: 5}", SCORE_INFEASIBLE, 0.75, 10.5, -5},
    {"{area: 20, delay: -1, gain: 5}", SCORE_INFEASIBLE, 3, -10, -5},
    {"{area: 2, delay: 3, gain: 5, status: ok}", SCORE_FEASIBLE, 0, 16, -5},
    {"{area: 2, delay: 3, gain: 5, status: infeasible}", SCORE_INFEASIBLE, 1e300, 16, -5},
    {"{status: infeasible}", SCORE_INFEASIBLE, 1e300, INFINITY, INFINITY},
    {"{area: 2, delay: 3, gain: 5, status: error}", SCORE_FAILED, 0, INFINITY, INFINITY},
    {"{area: 2, delay: 3}", SCORE_FAILED, 0, INFINITY, INFINITY},
    {"{area: 2, gain: 5}", SCORE_FAILED, 0, INFINITY, INFINITY},
    {"{area: 2, delay: 3, gain: .nan}", SCORE_FAILED, 0, INFINITY, INFINITY},
    {"{area: 2, delay: 3, gain: .inf}", SCORE_FAILED, 0, INFINITY, INFINITY},
    {"{area: 2, delay: 3, gain: '5'}", SCORE_FAILED, 0, INFINITY, INFINITY},
    {"[1, 2]", SCORE_FAILED, 0, INFINITY, INFINITY},
    {NULL, SCORE_FAILED, 0, INFINITY, INFINITY},
};

START_TEST(a_trial_is_feasible_infeasible_or_failed)
{
    struct objectives o;
    struct value params = parse_value("{extra: 10}"), metrics = value_null();

    ck_assert_int_eq(parse(AIM, NULL, &o), OK);
    if (scores[_i].metrics)
        metrics = parse_value(scores[_i].metrics);
    struct score s = objective_score(&o, scores[_i].metrics ? &metrics : NULL, &params, a);
    ck_assert_int_eq(s.verdict, scores[_i].verdict);
    ck_assert_double_eq(s.violation, scores[_i].violation);
    ck_assert_double_eq(s.losses[0], scores[_i].first);
    ck_assert_double_eq(s.losses[1], scores[_i].second);
    const struct value *derived = value_find(&metrics, "adp");
    if (s.verdict == SCORE_FEASIBLE) // and stands among the metrics
        ck_assert_double_eq(value_number(derived), scores[_i].first);
}
END_TEST

// However small, a violation is one.
START_TEST(a_hair_beyond_is_beyond)
{
    struct objectives o;
    ck_assert_int_eq(
        parse("objectives: [{metric: y}]\nconstraints: [{metric: c, max: 1e300}]", NULL, &o),
        OK);
    struct value m = value_map();
    value_set(a, &m, "y", value_float(1));
    value_set(a, &m, "c", value_float(nextafter(1e300, INFINITY)));
    struct score s = objective_score(&o, &m, NULL, a);
    ck_assert_int_eq(s.verdict, SCORE_INFEASIBLE);
    ck_assert(s.violation > 0);
}
END_TEST

static struct score random_score(struct rng *r, uint32_t m)
{
    struct score s = {.verdict = (enum verdict)(rng_below(r, 5) > 2 ? rng_below(r, 3) : 0)};
    if (s.verdict == SCORE_INFEASIBLE)
        s.violation = 1 + (double)rng_below(r, 3);
    for (uint32_t i = 0; i < m; i++)
        s.losses[i] = s.verdict == SCORE_FAILED ? INFINITY : (double)rng_below(r, 4);
    return s;
}

static int sign(int x)
{
    return (x > 0) - (x < 0);
}

START_TEST(the_order_of_scores_is_one)
{
    for (uint32_t i = 0; i < 5000; i++) {
        struct rng r = rng_at(1, 0, 0, i);
        uint32_t m = 1 + (uint32_t)_i;
        struct score x = random_score(&r, m), y = random_score(&r, m), z = random_score(&r, m);
        ck_assert_int_eq(score_compare(&x, &x, m), 0);
        ck_assert_int_eq(sign(score_compare(&x, &y, m)), -sign(score_compare(&y, &x, m)));
        if (score_compare(&x, &y, m) <= 0 && score_compare(&y, &z, m) <= 0)
            ck_assert_int_le(score_compare(&x, &z, m), 0);
        if (x.verdict < y.verdict) {
            ck_assert_int_lt(score_compare(&x, &y, m), 0);
            ck_assert(score_dominates(&x, &y, m));
        }
        // Dominance is a part of that order.
        ck_assert(!score_dominates(&x, &x, m));
        if (score_dominates(&x, &y, m)) {
            ck_assert_int_lt(score_compare(&x, &y, m), 0);
            ck_assert(!score_dominates(&y, &x, m));
            if (score_dominates(&y, &z, m))
                ck_assert(score_dominates(&x, &z, m));
        }
    }
}
END_TEST

// --- hypervolume ----------------------------------------------------------------------
static uint32_t read_numbers(const char *s, double *out)
{
    char *end;
    uint32_t n = 0;
    for (;; s = end) {
        double x = strtod(s, &end);
        if (end == s)
            return n;
        out[n++] = x;
    }
}

START_TEST(hypervolumes_are_the_published_ones)
{
    FILE *f = fopen("tests/golden/hypervolume.txt", "r");
    char line[1024], *rest;
    uint32_t n_lines = 0;

    ck_assert_ptr_nonnull(f);
    while (fgets(line, sizeof line, f)) {
        double reference[8], points[64], want;
        uint32_t m = 0, n = 0;
        if (*line == '#')
            continue;
        ck_assert_uint_eq(read_numbers(strchr(line, '=') + 1, &want), 1);
        *strchr(line, '=') = 0;
        for (char *part = strtok_r(line, "|", &rest); part; part = strtok_r(NULL, "|", &rest)) {
            if (!m)
                m = read_numbers(part, reference);
            else
                ck_assert_uint_eq(read_numbers(part, points + (size_t)m * n++), m);
        }
        ck_assert_double_eq_tol(hypervolume_of(points, n, m, reference), want, 1e-12 * want);
        n_lines++;
    }
    (void)fclose(f);
    ck_assert_uint_ge(n_lines, 3);
}
END_TEST

// On a small grid the volume is the number of cells that some point dominates.
static double count_cells(const double *points, uint32_t n, uint32_t m, uint32_t side)
{
    uint32_t total = 1, covered = 0;
    for (uint32_t j = 0; j < m; j++)
        total *= side;
    for (uint32_t cell = 0; cell < total; cell++) {
        bool is_covered = false;
        for (uint32_t i = 0; i < n && !is_covered; i++) {
            uint32_t rest = cell;
            is_covered = true;
            for (uint32_t j = 0; j < m; j++, rest /= side)
                is_covered = is_covered && points[(size_t)i * m + j] <= rest % side;
        }
        covered += is_covered;
    }
    return covered;
}

START_TEST(hypervolume_counts_what_is_dominated)
{
    uint32_t m = 1 + (uint32_t)_i % 5, side = 6;
    double reference[5] = {6, 6, 6, 6, 6};

    for (uint32_t i = 0; i < 40; i++) {
        struct rng r = rng_at(4, 0, m, i);
        double points[12 * 5] = {0};
        uint32_t n = (uint32_t)rng_below(&r, 13);
        for (uint32_t j = 0; j < n * m; j++)
            points[j] = (double)rng_below(&r, side + 2);
        double want = count_cells(points, n, m, side);
        ck_assert_double_eq(hypervolume_of(points, n, m, reference), want);
    }
}
END_TEST

static struct score row_score(const double *points, uint32_t row, uint32_t m)
{
    struct score s = {.verdict = SCORE_FEASIBLE};
    memcpy(s.losses, points + (size_t)row * m, m * sizeof *points);
    return s;
}

static bool is_beaten(const double *points, uint32_t n, uint32_t m, uint32_t row)
{
    struct score own = row_score(points, row, m);
    for (uint32_t i = 0; i < n; i++) {
        struct score other = row_score(points, i, m);
        if (score_dominates(&other, &own, m)
            || (i < row && score_compare(&other, &own, m) == 0))
            return true;
    }
    return false;
}

START_TEST(the_front_is_what_nothing_dominates)
{
    struct rng r = rng_at(6, 0, 0, (uint32_t)_i);
    double points[20 * 3] = {0}, kept[20 * 3] = {0}, reference[3] = {9, 9, 9};
    uint32_t m = 1 + (uint32_t)_i % 3, n = (uint32_t)rng_below(&r, 21), n_kept = 0;
    bool is_front[20];

    for (uint32_t j = 0; j < n * m; j++)
        points[j] = (double)rng_below(&r, 5);
    hypervolume_front(points, n, m, is_front);
    for (uint32_t j = 0; j < n; j++) {
        ck_assert(is_front[j] == !is_beaten(points, n, m, j));
        if (is_front[j])
            memcpy(kept + (size_t)m * n_kept++, points + (size_t)j * m, m * sizeof *points);
    }
    // The front alone has all of the volume.
    ck_assert_double_eq(hypervolume_of(kept, n_kept, m, reference),
                        hypervolume_of(points, n, m, reference));
}
END_TEST

// Volume of the k rows in `rows` and row j of `points`.
static double
volume_with(const double *rows, uint32_t k, uint32_t m, const double *points, uint32_t j)
{
    static const double reference[3] = {1.1, 1.1, 1.1};
    double all[13 * 3];

    memcpy(all, rows, (size_t)k * m * sizeof *all);
    memcpy(all + (size_t)k * m, points + (size_t)j * m, m * sizeof *all);
    return hypervolume_of(all, k + 1, m, reference);
}

// Greedy: each next row is the one that adds most; all rows are a permutation.
START_TEST(the_subset_takes_what_adds_most)
{
    struct rng r = rng_at(8, 0, 0, (uint32_t)_i);
    uint32_t m = 2 + (uint32_t)_i % 2, n = 1 + (uint32_t)rng_below(&r, 12), chosen[12] = {0};
    double points[12 * 3] = {0}, rows[12 * 3] = {0}, reference[3] = {1.1, 1.1, 1.1}, before = 0;
    bool is_taken[12] = {false};

    for (uint32_t j = 0; j < n * m; j++)
        points[j] = rng_f64(&r) * 1.2;
    hypervolume_subset(points, n, m, reference, n, chosen);
    for (uint32_t k = 0; k < n; k++) {
        double most = 0, now = volume_with(rows, k, m, points, chosen[k]);
        for (uint32_t j = 0; j < n; j++)
            most = fmax(most, is_taken[j] ? 0 : volume_with(rows, k, m, points, j));
        ck_assert(chosen[k] < n && !is_taken[chosen[k]]);
        is_taken[chosen[k]] = true;
        memcpy(rows + (size_t)k * m, points + (size_t)chosen[k] * m, m * sizeof *rows);
        ck_assert_double_ge(now, most - 1e-12);
        ck_assert_double_ge(now, before - 1e-12);
        before = now;
    }
}
END_TEST

START_TEST(extreme_losses_leave_a_subset)
{
    double points[] = {1e308, -1e308, -1e308, 1e308, 0, 0}, reference[] = {1.5e308, 1.5e308};
    uint32_t chosen[3];
    bool seen[3] = {false};

    hypervolume_subset(points, 3, 2, reference, 3, chosen);
    for (uint32_t i = 0; i < 3; i++) {
        ck_assert_uint_lt(chosen[i], 3);
        ck_assert(!seen[chosen[i]]);
        seen[chosen[i]] = true;
    }
}
END_TEST

// --- ranking --------------------------------------------------------------------------
static const struct space *any_space(void)
{
    const struct space *s;
    text = parse_value("space: {x: {type: float, low: 0, high: 1}}");
    struct spec spec = spec_of(&text, "job", &t);
    ck_assert_int_eq(space_parse(&spec, a, &s), OK);
    return s;
}

// Rank by definition: how many fronts come before.
static void fronts_of(const struct record *r, uint32_t n, uint32_t m, uint32_t *front)
{
    uint32_t n_left = n;
    for (uint32_t i = 0; i < n; i++)
        front[i] = UINT32_MAX;
    for (uint32_t f = 0; n_left; f++)
        for (uint32_t i = 0; i < n; i++) {
            bool is_beaten = front[i] != UINT32_MAX;
            for (uint32_t j = 0; j < n && !is_beaten; j++)
                is_beaten = front[j] >= f && score_dominates(&r[j].score, &r[i].score, m);
            if (!is_beaten) {
                front[i] = f;
                n_left--;
            }
        }
}

enum { N_RANKED = 60 };

static void check_best(const struct history *h,
                       const struct ranking *ranking,
                       const uint32_t *front,
                       uint32_t k)
{
    uint32_t n_in[N_RANKED] = {0}, n_all[N_RANKED] = {0}, best[N_RANKED], last = 0;
    bool seen[N_RANKED] = {false};
    double weights[N_RANKED];

    ranking_best(ranking, k, best, weights);
    for (uint32_t i = 0; i < k; i++) {
        ck_assert(best[i] < N_RANKED && !seen[best[i]]);
        seen[best[i]] = true;
        n_in[front[best[i]]]++;
        last = front[best[i]] > last ? front[best[i]] : last;
        ck_assert(weights[i] > 0 && weights[i] <= 1);
    }
    for (uint32_t i = 0; i < N_RANKED; i++)
        n_all[front[i]]++;
    for (uint32_t f = 0; f < last; f++)
        ck_assert_uint_eq(n_in[f], n_all[f]);
    // One objective: the same order for any k, the older first among equals.
    for (uint32_t i = 1; i < k && h->objectives->n == 1; i++) {
        int c = score_compare(&h->records[best[i - 1]].score, &h->records[best[i]].score, 1);
        ck_assert(c < 0 || (c == 0 && best[i - 1] < best[i]));
    }
}

START_TEST(the_best_are_those_of_the_first_fronts)
{
    uint32_t m = 1 + (uint32_t)_i, front[N_RANKED];
    struct objectives o = {.n = m};
    struct history h;
    struct gene gene = {.slot = 0};
    struct point p = {.genes = &gene, .n = 1};

    history_init(&h, any_space(), &o, 1);
    struct ranking *ranking = ranking_create(&h, _i % 2 ? UINT32_MAX : N_RANKED);
    struct rng r = rng_at(12, 0, 0, m);
    for (uint32_t i = 0; i < N_RANKED; i++) {
        gene.x = rng_f64(&r);
        (void)history_ask(&h, &p);
        h.records[i].score = random_score(&r, m);
        ranking_add(ranking, history_tell(&h));
    }
    fronts_of(h.records, N_RANKED, m, front);
    for (uint32_t k = 1; k <= N_RANKED; k++)
        check_best(&h, ranking, front, k);
    ranking_destroy(ranking);
    history_fini(&h);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("objective");
    TCase *tc = tcase_create("all");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, a_bad_aim_is_refused_with_its_place, 0, sizeof bad / sizeof bad[0]);
    tcase_add_test(tc, a_derived_metric_is_a_metric);
    tcase_add_loop_test(tc, a_trial_is_feasible_infeasible_or_failed, 0,
                        sizeof scores / sizeof scores[0]);
    tcase_add_test(tc, a_hair_beyond_is_beyond);
    tcase_add_loop_test(tc, the_order_of_scores_is_one, 0, 3);
    tcase_add_test(tc, hypervolumes_are_the_published_ones);
    tcase_add_loop_test(tc, hypervolume_counts_what_is_dominated, 0, 5);
    tcase_add_loop_test(tc, the_front_is_what_nothing_dominates, 0, 200);
    tcase_add_loop_test(tc, the_subset_takes_what_adds_most, 0, 60);
    tcase_add_test(tc, extreme_losses_leave_a_subset);
    tcase_add_loop_test(tc, the_best_are_those_of_the_first_fronts, 0, 3);
    suite_add_tcase(s, tc);
    return harness_run(s);
}
