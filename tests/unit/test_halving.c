// SPDX-License-Identifier: MIT
// test_halving.c - fidelities: what rises, when, and what is told of it.
#include <math.h>

#include "tests/unit/search_lab.h"

#define CURVE                                                                                  \
    "space: {lr: {type: float, low: 1e-4, high: 1, log: true}, wd: {type: float, low: 1e-6, "  \
    "high: 0.1, log: true}, epochs: {type: fidelity, low: 1, high: 81, eta: 3}}"

static struct lab lab;

static uint32_t level_of(uint32_t record)
{
    const struct point *p = &lab.history.records[record].point;
    return (uint32_t)point_find(p, lab.space->fidelity)->k;
}

static double loss_of(uint32_t record)
{
    const struct point *p = &lab.history.records[record].point;
    return lab_bowl(lab.space, p) + 1.0 / (1 + level_of(record));
}

static void run_trials(const char *algorithm, uint32_t n, uint32_t window)
{
    lab_open(&lab, CURVE, NULL, algorithm);
    lab_start(&lab, 3);
    while (lab.history.n_asked < n) {
        if (lab.history.n_asked < lab.history.n_told + window)
            ck_assert(lab_ask(&lab));
        else
            lab_tell(&lab, lab_loss(loss_of(lab.history.n_told)));
    }
}

static void stop(void)
{
    lab_stop(&lab);
    lab_close(&lab);
}

START_TEST(each_rung_has_a_fraction_of_the_one_below)
{
    uint32_t n[5] = {0};

    run_trials("asha", 400, (uint32_t[]){1, 16}[_i]);
    for (uint32_t i = 0; i < lab.history.n_told; i++)
        n[level_of(i)]++;
    for (int k = 1; k < 5; k++) {
        ck_assert_uint_le(n[k], n[k - 1] * 2 / 3 + 3); // ever better ones push past risen ones
        ck_assert_uint_ge(n[k], n[k - 1] / 6);
    }
    ck_assert_uint_ge(n[4], 1);
    stop();
}
END_TEST

START_TEST(what_rises_was_asked_one_rung_below_and_is_the_same_otherwise)
{
    run_trials(_i ? "hyperband" : "asha", 300, 8);
    uint32_t n_risen = 0, n_direct = 0;
    for (uint32_t i = 0; i < lab.history.n_asked; i++) {
        const struct point *p = &lab.history.records[i].point;
        bool is_below = false;
        for (uint32_t j = 0; j < i && level_of(i) > 0; j++) {
            const struct point *q = &lab.history.records[j].point;
            is_below = is_below
                       || (p->genes[0].x == q->genes[0].x && p->genes[1].x == q->genes[1].x
                           && level_of(j) + 1 == level_of(i));
        }
        n_risen += is_below;
        n_direct += level_of(i) > 0 && !is_below;
    }
    ck_assert_uint_gt(n_risen, 50);
    ck_assert(_i ? n_direct > 20 : n_direct == 0); // brackets start higher
    stop();
}
END_TEST

// Whoever knows nothing of fidelities asks for whole evaluations.
START_TEST(others_ask_for_the_full_level)
{
    static const char *const names[] = {"random",    "sobol", "ga", "tpe",
                                        "hillclimb", "cmaes", "gp"};
    run_trials(names[_i], 60, 4);
    for (uint32_t i = 0; i < lab.history.n_asked; i++)
        ck_assert_uint_eq(level_of(i), 4);
    stop();
}
END_TEST

static const struct {
    const char *fidelity, *message;
} bad[] = {
    {"{type: fidelity}", "high"},
    {"{type: fidelity, high: 80, eta: 3}", "power of eta"},
    {"{type: fidelity, high: 81, eta: 1}", "eta"},
    {"{type: fidelity, low: 0, high: 81}", "low"},
    {"{type: fidelity, high: 81, step: 3}", "step"},
    {"{type: choice, values: {a: {e: {type: fidelity, high: 9}}}}", "inside another"},
    {"{type: fidelity, high: 9}, f: {type: fidelity, high: 9}", "second fidelity"},
};

START_TEST(a_bad_fidelity_is_refused)
{
    struct value v;
    struct errtext t;
    struct arena *a = arena_create();
    const struct space *space;
    const char *text = arena_printf(a, "space: {e: %s}", bad[_i].fidelity);

    ck_assert_int_eq(yaml_parse(text, strlen(text), "job", a, &v, &t), OK);
    struct spec job = spec_of(&v, "job", &t);
    ck_assert_int_eq(space_parse(&job, a, &space), ERR_PARSE);
    ck_assert_msg(strstr(t.text, bad[_i].message) != NULL, "%s", t.text);
    arena_destroy(a);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("halving");
    TCase *tc = tcase_create("all");

    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, each_rung_has_a_fraction_of_the_one_below, 0, 2);
    tcase_add_loop_test(tc, what_rises_was_asked_one_rung_below_and_is_the_same_otherwise, 0,
                        2);
    tcase_add_loop_test(tc, others_ask_for_the_full_level, 0, 7);
    tcase_add_loop_test(tc, a_bad_fidelity_is_refused, 0, sizeof bad / sizeof bad[0]);
    suite_add_tcase(s, tc);
    return harness_run(s);
}
