// SPDX-License-Identifier: MIT
// test_prior.c - tree search guided by earlier jobs: how far it trusts them, what they say,
// what good and bad advice does (ABC-RL, ICLR 2024).
//
// Landscapes are recipes of ten passes, seven options each: a random value for every option
// at every place and for every pair of neighbours.  Advice is the trials of a random search
// on the same landscape (good) or on its negative (misleading).
#include <math.h>
#include <stdlib.h>

#include "common/buf.h"
#include "coordinator/search/prior.h"
#include "tests/unit/search_lab.h"

enum { LENGTH = 10, PASSES = 7, N_ADVICE = 300, N_EVALUATIONS = 100 };

#define SPACE                                                                                  \
    "space: {r: {type: sequence, length: 10, of: {type: choice, values: [a, b, c, d, e, f, "   \
    "g]}}}\n"

// (e) The closed form: alpha = 1 - sigma(T (delta - theta)).
START_TEST(trust_is_the_closed_form)
{
    ck_assert_double_eq_tol(prior_trust(0, 100, 0.007), 0.668187772, 1e-9);
    ck_assert_double_eq_tol(prior_trust(0.007, 100, 0.007), 0.5, 1e-12);
    ck_assert_double_eq_tol(prior_trust(0.05, 100, 0.007), 0.013386918, 1e-9);
    ck_assert_double_eq(prior_trust(2, 1e6, 0), 0);
}
END_TEST

// --- reading -------------------------------------------------------------------------
static const struct prior *parse(struct lab *l, const char *prior, enum error want)
{
    struct value job;
    const struct prior *p = NULL;
    const char *text = arena_printf(l->arena, "prior: %s", prior);
    ck_assert(yaml_parse(text, strlen(text), "job", l->arena, &job, &l->t) == OK);
    struct spec spec = spec_of(&job, "job", &l->t);
    struct prior_reader r = {l->space, &l->objectives, walk_create(l->space), l->arena};
    ck_assert_msg(prior_parse(&spec, &r, &p) == want, "%s", l->t.text);
    walk_destroy(r.walk);
    return p;
}

static const char small[] =
    "space: {r: {type: sequence, length: 2, of: {type: choice, values: [a, b, c]}}}";

#define TRIAL(r, y) "{params: {r: " r "}, metrics: {y: " y "}}"

START_TEST(the_nearest_job_is_retrieved)
{
    static struct lab l;
    lab_open(&l, small, NULL, "mcts");
    const struct prior *p = parse(
        &l,
        "{features: [1, 0, 1], earlier: ["
        "{features: [0, 1, 0], trials: [" TRIAL(
            "[a, a]", "1") "]}, "
                           "{features: [2, 0, 2], trials: [" TRIAL("[b, c]", "2") ", " TRIAL(
                               "[b, a]", "1") "]}, "
                                              "{features: [1, 0, 1], trials: [" TRIAL(
                                                  "[c, c]", "1") "]}]}",
        OK);
    ck_assert_double_lt(prior_distance(p), 1e-12);
    ck_assert_uint_eq(prior_earlier(p), 1); // of two as near, the first
    ck_assert_uint_eq(prior_n_best(p), 2);
    ck_assert_uint_eq(prior_best(p, 0)->genes[1].k, 0); // the best first
    lab_close(&l);
}
END_TEST

static const struct {
    const char *prior, *says;
} bad[] = {
    {"{earlier: []}", "key 'features' is missing in prior, expected a list of numbers"},
    {"{features: [1]}", "key 'earlier' is missing"},
    {"{features: [], earlier: []}", "prior.features"},
    {"{features: [0, 0], earlier: []}", "features are all 0"},
    {"{features: [1, x], earlier: []}", "features[1] is no number"},
    {"{features: [.inf], earlier: []}", "features[0] is no number"},
    {"{features: [1], earlier: []}", "prior.earlier"},
    {"{features: [1], earlier: [{features: [1, 2], trials: []}]}", "2 features, expected 1"},
    {"{features: [1], earlier: [{features: [1], trials: []}]}", "trials"},
    {"{features: [1], earlier: [{features: [1], trial: []}]}", "did you mean 'trials'"},
    {"{features: [1], earlier: [{features: [1], trials: [" TRIAL("[a]", "1") "]}]}", "r"},
    {"{features: [1], earlier: [{features: [1], trials: [" TRIAL("[a, b]", ".nan") "]}]}",
     "no trial is feasible"},
};

START_TEST(bad_priors_are_refused)
{
    static struct lab l;
    lab_open(&l, small, NULL, "mcts");
    ck_assert_ptr_null(parse(&l, bad[_i].prior, ERR_PARSE));
    ck_assert_msg(strstr(l.t.text, bad[_i].says), "%s", l.t.text);
    ck_assert_msg(strncmp(l.t.text, "job:1:", 6) == 0, "%s", l.t.text);
    lab_close(&l);
}
END_TEST

// --- pi and alpha --------------------------------------------------------------------
START_TEST(a_policy_shrinks_towards_what_is_common)
{
    static struct lab l;
    double share[3];
    uint8_t allowed[3] = {1, 0, 1};
    lab_open(&l, small, NULL, "mcts");
    const struct prior *p =
        parse(&l,
              "{features: [1], earlier: [{features: [1], trials: [" TRIAL(
                  "[a, b]", "1") ", " TRIAL("[a, b]", "2") ", " TRIAL("[b, c]", "3") "]}]}",
              OK);
    struct decision d = {.slot = &l.space->slots[0], .index = 0};
    struct gene genes[2] = {{0}};
    struct point path = {.genes = genes};
    prior_policy(p, &path, &d, share);
    // (2 + 1/3)/4 thrice towards 2/3: 7/12, (2 + 7/12)/4, (2 + 31/48)/4.
    ck_assert_double_eq_tol(share[0], (2 + (2 + (2 + 1.0 / 3) / 4) / 4) / 4, 1e-12);
    ck_assert_double_eq_tol(share[0] + share[1] + share[2], 1, 1e-12);
    d = (struct decision){.slot = &l.space->slots[1], .index = 1};
    path.n = 1; // a: both that began so go on with b
    prior_policy(p, &path, &d, share);
    ck_assert_double_gt(share[1], 0.85);
    path.genes[0].k = 2; // c: nobody did; what is common at this place
    prior_policy(p, &path, &d, share);
    ck_assert_double_eq_tol(share[1], (2 + 1.0 / 3) / 4, 1e-12);
    // alpha 0 is equal, also for what is left alone; alpha 1 is pi itself.
    prior_temper(&d, 1, share);
    ck_assert_double_eq_tol(share[1], (2 + 1.0 / 3) / 4, 1e-12);
    prior_temper(&d, 0, share);
    ck_assert_double_eq_tol(share[0], 1.0 / 3, 1e-12);
    d.allowed = allowed;
    prior_temper(&d, 0.5, share);
    ck_assert_double_eq(share[1], 0);
    ck_assert_double_eq_tol(share[0], 0.5, 1e-12);
    lab_close(&l);
}
END_TEST

// --- advice --------------------------------------------------------------------------
struct landscape {
    double at[LENGTH][PASSES];
    double pair[PASSES][PASSES];
};

static void draw(struct landscape *l, uint32_t number)
{
    struct rng r = rng_at(57, 1, 0, number);
    for (int i = 0; i < LENGTH; i++)
        for (int k = 0; k < PASSES; k++)
            l->at[i][k] = rng_normal(&r);
    for (int k = 0; k < PASSES; k++)
        for (int j = 0; j < PASSES; j++)
            l->pair[k][j] = rng_normal(&r);
}

static double height(const struct landscape *l, const struct point *p)
{
    double sum = 40;
    for (uint32_t i = 0; i < p->n; i++)
        sum += l->at[i][p->genes[i].k];
    for (uint32_t i = 1; i < p->n; i++)
        sum += l->pair[p->genes[i - 1].k][p->genes[i].k];
    return sum;
}

// Trials of a random search, as a job holds them; sign -1: it looked for the worst.
static const char *
advice(const struct landscape *l, double sign, uint32_t seed, struct arena *a)
{
    struct rng r = rng_at(57, 2, 0, seed);
    struct buf b;
    buf_init(&b, 1 << 20);
    for (int i = 0; i < N_ADVICE; i++) {
        struct gene genes[LENGTH];
        struct point p = {genes, LENGTH};
        buf_puts(&b, i ? ", {params: {r: [" : "[{params: {r: [");
        for (uint32_t k = 0; k < LENGTH; k++) {
            genes[k] = (struct gene){.slot = k, .k = rng_below(&r, PASSES)};
            buf_printf(&b, "%s%c", k ? ", " : "", 'a' + (int)genes[k].k);
        }
        buf_printf(&b, "]}, metrics: {y: %.17g}}", sign * height(l, &p));
    }
    buf_puts(&b, "]");
    const char *text = arena_str(a, buf_cstr(&b), b.n);
    buf_fini(&b);
    return text;
}

// The best of 100 evaluations; delta is given by a feature beside it.
static double search(const struct landscape *land,
                     const char *algorithm,
                     const char *trials,
                     double delta,
                     uint64_t seed)
{
    static struct lab l;
    double best = INFINITY, c = 1 - delta;
    lab_open(&l, SPACE, NULL, algorithm);
    const struct prior *p = NULL;
    if (trials)
        p = parse(&l,
                  arena_printf(l.arena,
                               "{features: [1, 0], earlier: [{features: [%.17g, %.17g], "
                               "trials: %s}]}",
                               c, sqrt(1 - c * c), trials),
                  OK);
    history_init(&l.history, l.space, &l.objectives, seed);
    l.history.window = 1;
    l.history.prior = p;
    l.state = l.algorithm->create(&l.history, l.knobs);
    l.next = lab_point(&l);
    for (int i = 0; i < N_EVALUATIONS; i++) {
        ck_assert(lab_ask(&l));
        double loss = height(land, &l.next);
        lab_tell(&l, lab_loss(loss));
        best = fmin(best, loss);
    }
    lab_stop(&l);
    lab_close(&l);
    return best;
}

enum { N_LANDSCAPES = 60 };

// (c) in small: advice from near by beats none; (d) misleading advice from far away costs
// at most 1 % against pure search where it is weighed, and much where it is not.
START_TEST(near_advice_helps_and_far_advice_does_no_harm)
{
    static struct landscape l;
    double pure = 0, chance = 0, near = 0, misled = 0, weighed = 0;
    int wins = 0;
    for (uint32_t i = 0; i < N_LANDSCAPES; i++) {
        struct arena *a = arena_create();
        draw(&l, i);
        const char *good = advice(&l, 1, i, a), *evil = advice(&l, -1, i, a);
        double random = search(&l, "random", NULL, 0, i + 1);
        double guided = search(&l, "mcts", good, 0.002, i + 1);
        pure += search(&l, "{name: mcts, puct: true}", NULL, 0, i + 1);
        weighed += search(&l, "mcts", evil, 0.05, i + 1);
        misled += search(&l, "{name: mcts, retrieval: false}", evil, 0.05, i + 1);
        chance += random;
        near += guided;
        wins += guided < random;
        arena_destroy(a);
    }
    printf("of %d: chance %.2f, pure %.2f, near advice %.2f (beats chance in %d), misleading "
           "%.2f with retrieval, %.2f without\n",
           N_LANDSCAPES, chance / N_LANDSCAPES, pure / N_LANDSCAPES, near / N_LANDSCAPES, wins,
           weighed / N_LANDSCAPES, misled / N_LANDSCAPES);
    ck_assert_int_ge(wins, N_LANDSCAPES * 9 / 10);
    ck_assert_double_lt(near, pure);
    ck_assert_double_le(weighed, 1.01 * pure);
    ck_assert_double_gt(misled, 1.03 * pure);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("prior");
    TCase *c = tcase_create("prior");
    tcase_set_timeout(c, 60);
    tcase_add_test(c, trust_is_the_closed_form);
    tcase_add_test(c, the_nearest_job_is_retrieved);
    tcase_add_loop_test(c, bad_priors_are_refused, 0, (int)(sizeof bad / sizeof *bad));
    tcase_add_test(c, a_policy_shrinks_towards_what_is_common);
    tcase_add_test(c, near_advice_helps_and_far_advice_does_no_harm);
    suite_add_tcase(s, c);
    return harness_run(s);
}
