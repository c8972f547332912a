// SPDX-License-Identifier: MIT
// test_compose.c - choosing within a budget: the online knapsack's promise, the exact
// one against all subsets, and choices among components of which some lie.
#include <math.h>
#include <string.h>

#include "common/math.h"
#include "common/rng.h"
#include "common/yaml.h"
#include "tests/unit/run_stub.h"
#include "worker/evaluate/compose.h"
#include "worker/evaluate/evaluate.h"
#include "worker/evaluate/knapsack.h"

static struct arena *arena;
static struct errtext t;

static void setup(void)
{
    arena = arena_create();
    memset(&stub, 0, sizeof stub);
}

static void teardown(void)
{
    arena_destroy(arena);
}

// ---- online ----------------------------------------------------------------------------

enum { LEVELS = 16, STREAMS = 3000, BATCHES = 10, RANDOM_ITEMS = 5000 };
static const double low = 0.5, high = 10; // densities: 20 to 1

struct stream {
    struct knapsack_online k;
    double taken;           // value
    double offered[LEVELS]; // cost, by density
    bool overspent;
};

static double density(int level)
{
    return low * math_pow(high / low, level / (LEVELS - 1.0));
}

static void offer(struct stream *s, int level, double cost)
{
    s->offered[level] += cost;
    if (knapsack_offer(&s->k, cost * density(level), cost))
        s->taken += cost * density(level);
    s->overspent = s->overspent || s->k.spent > s->k.budget; // an assertion each is slow
}

// What a knapsack that may cut items would hold: no less than the best of whole ones.
static double optimum(const struct stream *s)
{
    double left = s->k.budget, value = 0;
    for (int level = LEVELS - 1; level >= 0; level--) {
        double cost = fmin(left, s->offered[level]);
        value += cost * density(level);
        left -= cost;
    }
    return value;
}

// The worst there is: level after level, each enough to fill the budget, until it stops.
static void adversary(struct stream *s, int last, double size, struct rng *r)
{
    for (int level = 0; level <= last; level++)
        for (double sum = 0; sum < s->k.budget;) {
            double cost = size * (0.5 + 0.5 * rng_f64(r));
            sum += cost;
            offer(s, level, cost);
        }
}

static void at_random(struct stream *s, double size, struct rng *r)
{
    int least = (int)rng_below(r, LEVELS),
        most = least + (int)rng_below(r, (uint64_t)(LEVELS - least));
    bool rising = rng_below(r, 2);
    for (int i = 0; i < RANDOM_ITEMS; i++) {
        int level = rising ? least + (most - least) * i / RANDOM_ITEMS
                           : least + (int)rng_below(r, (uint64_t)(most - least) + 1);
        offer(s, level, size * (1 - rng_f64(r)));
    }
}

// (a) of the published acceptance: items of at most 0.0005 of the budget.
START_TEST(online_is_within_its_promise)
{
    double worst = 0, promise = math_log(high / low) + 1;
    for (int i = 0; i < STREAMS / BATCHES; i++) {
        struct rng r = rng_at(29, (uint32_t)_i, 0, (uint32_t)i);
        struct stream s = {.k = {.low = low, .high = high, .budget = 1000}};
        if (i % 6 == 0)
            adversary(&s, i / 6 % LEVELS, 0.5, &r);
        else
            at_random(&s, 0.5, &r);
        ck_assert(s.taken > 0 && !s.overspent);
        worst = fmax(worst, optimum(&s) / s.taken);
    }
    ck_assert_double_le(worst, promise);
    ck_assert_double_gt(worst, 2); // the streams are no easy ones
}
END_TEST

START_TEST(the_threshold_is_the_published_one)
{
    struct knapsack_online k = {.low = low, .high = high, .budget = 10};
    ck_assert_double_eq_tol(knapsack_threshold(&k), low / M_E, 1e-12);
    for (int i = 0; i <= 10; i++) {
        k.spent = i;
        ck_assert_double_eq_tol(knapsack_threshold(&k),
                                pow(high * M_E / low, i / 10.0) * low / M_E, 1e-11);
    }
    ck_assert_double_eq_tol(knapsack_threshold(&k), high, 1e-11);
    ck_assert(!knapsack_offer(&k, 1e9, 0.1)); // nothing is left
    k.spent = 0;
    ck_assert(!knapsack_offer(&k, 1e9, 10.5));
    ck_assert(!knapsack_offer(&k, 1, 0));
    ck_assert(knapsack_offer(&k, 1e9, 10) && k.spent == 10);
}
END_TEST

// ---- offline ---------------------------------------------------------------------------

// Eighths, so that sums are exact in any order.
static double by_subsets(const struct knapsack_item *items, uint32_t n, uint32_t budget)
{
    double best = 0;
    for (uint32_t set = 0; set < UINT32_C(1) << n; set++) {
        uint32_t cost = 0, last = UINT32_MAX;
        double value = 0;
        bool good = true;
        for (uint32_t i = 0; i < n && good; i++) {
            if (!(set >> i & 1))
                continue;
            good = items[i].group != last && (cost += items[i].cost) <= budget;
            last = items[i].group;
            value += items[i].value;
        }
        best = good && value > best ? value : best;
    }
    return best;
}

START_TEST(the_exact_one_equals_all_subsets)
{
    struct rng r = rng_at(30, 0, 0, (uint32_t)_i);
    uint32_t n = _i == 0 ? 20 : 1 + (uint32_t)rng_below(&r, 13), cost = 0, last = UINT32_MAX;
    uint32_t budget = (uint32_t)rng_below(&r, 60), group = 0;
    struct knapsack_item items[20];
    bool taken[20];
    double value = 0;
    for (uint32_t i = 0; i < n; i++) {
        group += _i % 2 ? (uint32_t)rng_below(&r, 2) : 1;
        items[i] = (struct knapsack_item){.value = (double)rng_below(&r, 80) / 8,
                                          .cost = (uint32_t)rng_below(&r, 20),
                                          .group = group};
    }
    double best = knapsack_best(items, n, budget, arena, taken);
    ck_assert(best == by_subsets(items, n, budget));
    for (uint32_t i = 0; i < n; i++)
        if (taken[i]) {
            ck_assert(items[i].group != last);
            last = items[i].group;
            cost += items[i].cost;
            value += items[i].value;
        }
    ck_assert(value == best && cost <= budget);
}
END_TEST

// ---- composition -------------------------------------------------------------------------

enum { SEEDS = 20, TRUSTED = 120 };
static const struct inventory_knobs liars = {
    .n = TRUSTED, .n_skills = 6, .n_probes = 3, .impostors = 0.4, .stale = 0.2};

static struct composed
choose(const struct inventory *k, enum compose_policy policy, uint32_t budget, bool *taken)
{
    struct compose_knobs knobs = {.policy = policy, .budget = budget, .top_k = 8};
    return compose_choose(k, &knobs, taken, arena);
}

// (b) of the published acceptance.
START_TEST(probing_beats_descriptions_at_less_cost)
{
    bool taken[TRUSTED];
    double gained = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct inventory k = inventory_make(&liars, seed, 0, arena);
        struct composed online = choose(&k, COMPOSE_ONLINE, 300, taken);
        for (uint32_t i = 0; i < k.n; i++) {
            double pass = 0;
            for (uint32_t j = 0; j < k.n_skills; j++)
                pass += inventory_pass(&k, i, j);
            ck_assert(!taken[i] || (pass > 0 && !k.components[i].broken));
        }
        struct composed trusted = choose(&k, COMPOSE_RETRIEVAL, 300, taken);
        ck_assert_uint_eq(online.n_failed, 0);
        ck_assert_uint_le(online.cost, trusted.cost);
        ck_assert_uint_le(trusted.cost, 300);
        ck_assert(online.success >= 0 && online.success <= 1);
        gained += (online.success - trusted.success) / SEEDS;
    }
    ck_assert_double_ge(gained, 0.25);
}
END_TEST

START_TEST(the_baselines_are_what_they_say)
{
    bool taken[TRUSTED];
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct inventory k = inventory_make(&liars, seed, 7, arena);
        struct composed all = choose(&k, COMPOSE_IDENTITY, 1, taken);
        struct composed probed = choose(&k, COMPOSE_PROBED, 200, taken);
        struct composed offline = choose(&k, COMPOSE_OFFLINE, 200, taken);
        ck_assert_uint_eq(all.n_taken, TRUSTED);
        ck_assert(all.success >= probed.success && all.success >= offline.success);
        ck_assert(probed.n_failed == 0 && probed.cost <= 200 && offline.cost <= 200);
        ck_assert(offline.n_probes == 0 && probed.n_probes > 0);
    }
}
END_TEST

// ---- the workload ------------------------------------------------------------------------

static void run_it(const char *text, uint64_t first, uint32_t count, double *rows)
{
    struct value params;
    struct workload_job job = {.seed = 1, .params = &params};
    struct run r = {.first = first, .count = count, .arena = arena, .metrics = rows};
    void *state;
    ck_assert_msg(yaml_parse(text, strlen(text), "test", arena, &params, &t) == OK, "%s",
                  t.text);
    ck_assert_msg(workload_compose.open(&job, &state, &t) == OK, "%s", t.text);
    ck_assert_int_eq(workload_compose.run(state, &r, &t), OK);
    workload_compose.close(state);
}

#define MADE "components: 60, skills: 4, probes: 3, impostors: 0.4, stale: 0.2, top_k: 8"

START_TEST(items_stand_alone)
{
    double whole[4][5], one[5];
    run_it("{policy: online, budget: 300, " MADE "}", 10, 4, whole[0]);
    for (uint32_t i = 0; i < 4; i++) {
        run_it("{policy: online, budget: 300, " MADE "}", 10 + i, 1, one);
        ck_assert_mem_eq(one, whole[i], sizeof one);
    }
    ck_assert(!equal_bytes(whole[0], whole[1], sizeof one));
}
END_TEST

// Two skills.  The most similar for the first is broken, for the second it never helps.
static const char given[] =
    "{policy: %s, budget: 10, top_k: 3, data: {skills: [1, 1], probes: 2, components: ["
    "{cost: 2, similarity: [0.9, 0.1], helpful: [2, 0], broken: true},"
    "{cost: 3, similarity: [0.8, 0.2], helpful: [2, 0]},"
    "{cost: 2, similarity: [0.1, 0.9], helpful: [0, 0]},"
    "{cost: 4, similarity: [0.1, 0.8], helpful: [0, 2]}]}}";

START_TEST(an_inventory_of_one_s_own_is_chosen_from)
{
    static const struct {
        const char *policy;
        double row[5]; // success, cost, taken, probes, failed
    } rows[] = {
        {"online", {1, 7, 2, 16, 0}},   {"retrieval", {0, 4, 2, 0, 2}},
        {"identity", {1, 11, 4, 0, 2}}, {"offline", {0, 4, 2, 0, 2}},
        {"probed", {1, 7, 2, 16, 0}},
    };
    double row[5];
    run_it(arena_printf(arena, given, rows[_i].policy), 0, 1, row);
    for (int k = 0; k < 5; k++)
        ck_assert_msg(row[k] == rows[_i].row[k], "metric %d is %g", k, row[k]);
}
END_TEST

START_TEST(an_inventory_without_sense_is_refused)
{
    static const char *const bad[][2] = {
        {"{}", "skills is expected to be a list of 1 to 6 weights"},
        {"{skills: [1, 2, 3, 4, 5, 6, 7]}", "skills is expected to be a list of 1 to 6"},
        {"{skills: [1], probes: 0}", "probes is expected to be 1 to 16"},
        {"{skills: [1], probes: 1, components: []}", "components is expected to be a list"},
        {"{skills: [1], probes: 1, components: [{cost: 0, similarity: [1], helpful: [1]}]}",
         "component 0 is expected"},
        {"{skills: [1], probes: 1, components: [{cost: 1, similarity: [1], helpful: [2]}]}",
         "component 0 is expected"},
        {"{skills: [1], probes: 1, components: [{cost: 1, similarity: [.nan], helpful: [1]}]}",
         "component 0 is expected"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct value v;
        struct inventory k;
        ck_assert_int_eq(yaml_parse(bad[i][0], strlen(bad[i][0]), "t", arena, &v, &t), OK);
        ck_assert_int_eq(inventory_read(&v, arena, &k, &t), ERR_INVALID);
        ck_assert_msg(strncmp(t.text, bad[i][1], strlen(bad[i][1])) == 0, "%s", t.text);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("compose");
    TCase *c = tcase_create("compose");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_set_timeout(c, 30);
    tcase_add_loop_test(c, online_is_within_its_promise, 0, BATCHES);
    tcase_add_test(c, the_threshold_is_the_published_one);
    tcase_add_loop_test(c, the_exact_one_equals_all_subsets, 0, 60);
    tcase_add_test(c, probing_beats_descriptions_at_less_cost);
    tcase_add_test(c, the_baselines_are_what_they_say);
    tcase_add_test(c, items_stand_alone);
    tcase_add_loop_test(c, an_inventory_of_one_s_own_is_chosen_from, 0, 5);
    tcase_add_test(c, an_inventory_without_sense_is_refused);
    suite_add_tcase(s, c);
    return harness_run(s);
}
