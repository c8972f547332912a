// SPDX-License-Identifier: MIT
// test_evolve.c - programs change within their grammar, islands keep what is best in each
// cell, and evolution finds formulas that chance does not.
#include <math.h>
#include <string.h>

#include "common/expr.h"
#include "common/expr_rows.h"
#include "coordinator/search/elites.h"
#include "coordinator/search/program_vary.h"
#include "coordinator/search/space_parts.h"
#include "tests/unit/search_lab.h"

static struct lab lab;

static const char programs[] =
    "space: {f: {type: program, inputs: [x, y], booleans: [t], size: 25, operators: "
    "[+, '-', '*', /, min, max, neg, abs, if, <, and, not]}}";

START_TEST(a_changed_program_is_a_program)
{
    uint32_t n_changed = 0;

    lab_open(&lab, programs, NULL, "evolve");
    const struct grammar *g = lab.space->root.dimensions[0].grammar;
    for (uint32_t i = 0; i < 2000; i++) {
        struct rng r = rng_at(11, 0, 0, i);
        struct program_place place = {g->result, 1, g->size};
        struct program p, mate, old;
        p.n = program_random(g, &place, &r, p.nodes);
        mate.n = program_random(g, &place, &r, mate.nodes);
        old = p;
        uint32_t at = (uint32_t)rng_below(&r, p.n);
        bool changed = program_vary(g, &p, i % 2 ? &mate : NULL, at, &r);
        ck_assert(program_is_whole(g, p.nodes, p.n));
        if (!changed)
            ck_assert(p.n == old.n && equal_bytes(p.nodes, old.nodes, p.n * sizeof *p.nodes));
        // What stands before the place is as it was.
        for (uint32_t k = 0; k < at; k++)
            ck_assert_uint_eq(p.nodes[k].symbol, old.nodes[k].symbol);
        n_changed += changed;
    }
    ck_assert_uint_gt(n_changed, 1200);
    lab_close(&lab);
}
END_TEST

// One island without exchange: each record is in a cell or beaten there, and they stand
// in order.
START_TEST(elites_stand_in_order_each_once)
{
    const uint32_t *elites;

    lab_open(&lab, programs, NULL, "random");
    lab_start(&lab, 3);
    struct elites_settings set = {.n_islands = 2, .bins = 6, .period = 10, .rate = 0.5};
    struct elites *e = elites_create(&lab.history, &set);
    double best = INFINITY;
    for (uint32_t i = 0; i < 400; i++) {
        ck_assert(lab_ask(&lab));
        double loss = (i * 7919) % 211;
        lab_tell(&lab, i % 9 == 8 ? (struct score){.verdict = SCORE_FAILED} : lab_loss(loss));
        elites_add(e, i);
        if (i % 9 != 8)
            best = fmin(best, loss);
    }
    for (uint32_t k = 0; k < 2; k++) {
        uint32_t n = elites_of(e, k, &elites);
        ck_assert_uint_gt(n, 5);
        ck_assert_uint_le(n, 36);
        for (uint32_t i = 0; i < n; i++) {
            const struct record *r = &lab.history.records[elites[i]];
            ck_assert_int_ne(r->score.verdict, SCORE_FAILED);
            if (i > 0)
                ck_assert_double_ge(r->score.losses[0],
                                    lab.history.records[elites[i - 1]].score.losses[0]);
            for (uint32_t j = 0; j < i; j++)
                ck_assert_uint_ne(elites[i], elites[j]);
        }
        // Half of an island moves every ten of its trials: the best is everywhere.
        ck_assert_double_eq(lab.history.records[elites[0]].score.losses[0], best);
    }
    elites_destroy(e);
    lab_stop(&lab);
    lab_close(&lab);
}
END_TEST

// Mean absolute error of a program against a formula that it has not seen, on a grid.
static double error_of(const struct lab *l, uint32_t record, struct arena *a)
{
    enum { SIDE = 9, N = SIDE * SIDE };
    double x[N], y[N], out[N], sum = 0;
    struct value v = space_decode(l->space, &l->history.records[record].point, a);
    const struct value *text = value_find(&v, "f");
    const struct expr *e = NULL;
    struct errtext t;

    ck_assert_int_eq(expr_compile(text->s, text->n, a, &e, &t), OK);
    for (int i = 0; i < N; i++) {
        int row = i / SIDE;
        x[i] = row - 4;
        y[i] = i % SIDE - 4;
    }
    const struct expr_column columns[] = {{"x", x}, {"y", y}, {NULL, NULL}};
    expr_rows(e, columns, N, a, out);
    for (int i = 0; i < N; i++) {
        double miss = fabs(out[i] - (x[i] < y[i] ? x[i] * x[i] + y[i] : y[i] - x[i]));
        sum += isfinite(miss) ? fmin(miss, 100) : 100;
    }
    return sum / N;
}

static double best_error(const char *algorithm, uint64_t seed)
{
    static const char space[] =
        "space: {f: {type: program, inputs: [x, y], constants: [], size: 25}}";
    double best = INFINITY;

    lab_open(&lab, space, NULL, algorithm);
    lab_start(&lab, seed);
    for (uint32_t n = 0; n < 1500; n++) {
        if (lab.history.n_asked >= lab.history.n_told + 16) {
            uint32_t i = lab.history.n_told;
            double loss = error_of(&lab, i, lab.arena);
            best = fmin(best, loss);
            lab_tell(&lab, lab_loss(loss));
        }
        ck_assert(lab_ask(&lab));
    }
    lab_stop(&lab);
    lab_close(&lab);
    return best;
}

START_TEST(evolution_finds_what_chance_does_not)
{
    uint32_t n_better = 0;

    for (uint64_t seed = 1; seed <= 6; seed++)
        n_better += best_error("evolve", seed) < 0.8 * best_error("random", seed);
    ck_assert_uint_ge(n_better, 5);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("evolve");
    TCase *c = tcase_create("all");
    tcase_set_timeout(c, 120);
    tcase_add_test(c, a_changed_program_is_a_program);
    tcase_add_test(c, elites_stand_in_order_each_once);
    tcase_add_test(c, evolution_finds_what_chance_does_not);
    suite_add_tcase(s, c);
    return harness_run(s);
}
