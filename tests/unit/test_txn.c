// SPDX-License-Identifier: MIT
// test_txn.c - transactions in order: known makespans, and orders that are none.
//
// tests/golden/adrs/txn.txt has, for each workload of cluster/jobs/adrs/txn.json, the
// makespan as it stands, greedily ordered, after 4,000 steps of annealing, and a lower
// bound, all made elsewhere.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/rng.h"
#include "common/yaml.h"
#include "tests/unit/run_stub.h"
#include "worker/evaluate/evaluate.h"
#include "worker/evaluate/txn_rule.h"

enum { N_WORKLOADS = 3, IDENTITY = 0, GREEDY, ANNEALED, BOUND, N_KNOWN };

static struct arena *arena;
static struct errtext t;
static struct value data;
static struct txn_set set;
static int32_t known[N_WORKLOADS][N_KNOWN];

static void read_known(void)
{
    FILE *f = fopen("tests/golden/adrs/txn.txt", "r");
    char line[128];
    ck_assert_ptr_nonnull(f);
    for (int i = 0; i < N_WORKLOADS; i++) {
        char *at = line;
        ck_assert_ptr_nonnull(fgets(line, sizeof line, f));
        for (int k = 0; k < N_KNOWN; k++)
            known[i][k] = (int32_t)strtol(at, &at, 10);
    }
    (void)fclose(f);
}

static void setup(void)
{
    size_t n;
    arena = arena_create();
    memset(&stub, 0, sizeof stub);
    const char *text = harness_read("cluster/jobs/adrs/txn.json", arena, &n);
    ck_assert_msg(json_parse(text, n, arena, &data, &t) == OK, "%s", t.text);
    ck_assert_msg(txn_read(&data, arena, &set, &t) == OK, "%s", t.text);
    read_known();
}

static void teardown(void)
{
    arena_destroy(arena);
}

// From the order as it stands; the order that comes out is one, and worth what is said.
static int32_t ordered(uint32_t k, const struct txn_knobs *knobs)
{
    const struct txn_workload *w = &set.workloads[k];
    uint32_t order[TXN_COUNT_MAX];
    bool seen[TXN_COUNT_MAX] = {false};
    for (uint32_t i = 0; i < w->n; i++)
        order[i] = i;
    int32_t made = txn_order(w, knobs, 1, k, order, arena);
    for (uint32_t i = 0; i < w->n; i++) {
        ck_assert(order[i] < w->n && !seen[order[i]]);
        seen[order[i]] = true;
    }
    struct txn_time room = txn_begin(w, arena);
    ck_assert_int_eq(txn_makespan(w, order, &room, INT32_MAX), made);
    ck_assert_int_ge(made, known[k][BOUND]);
    return made;
}

START_TEST(the_known_makespans_come_out)
{
    ck_assert_uint_eq(set.n, N_WORKLOADS);
    for (uint32_t k = 0; k < N_WORKLOADS; k++) {
        ck_assert_int_eq(ordered(k, &(struct txn_knobs){.rule = TXN_ORDER}),
                         known[k][IDENTITY]);
        // Of equal makespans the earliest start, of those the first.
        struct txn_knobs greedy = {.rule = TXN_GREEDY, .start_weight = 1e-4, .tries = 1};
        ck_assert_int_eq(ordered(k, &greedy), known[k][GREEDY]);
    }
}
END_TEST

START_TEST(tries_and_moves_beat_the_known_annealing)
{
    static const struct txn_knobs knobs = {.rule = TXN_GREEDY,
                                           .start_weight = 0.1,
                                           .noise = 1,
                                           .tries = 10,
                                           .moves = 8000,
                                           .slack = 1};
    int32_t sum = 0, annealed = 0;
    for (uint32_t k = 0; k < N_WORKLOADS; k++) {
        int32_t once = ordered(k, &knobs);
        ck_assert_int_eq(ordered(k, &knobs), once);
        sum += once;
        annealed += known[k][ANNEALED];
    }
    ck_assert_int_le(sum, annealed);
}
END_TEST

// The rule of the header, operation by operation and without dense keys.
static int32_t plain_makespan(const struct txn_workload *w, const uint32_t *order)
{
    int32_t wrote[512] = {0}, used[512] = {0}, makespan = 0;
    for (uint32_t i = 0; i < w->n; i++) {
        const struct txn *x = &w->txns[order[i]];
        int32_t s = 1;
        for (uint32_t k = 0; k < x->n; k++) {
            int32_t last = x->ops[k].writes ? used[x->ops[k].key] : wrote[x->ops[k].key];
            if (last - x->ops[k].pos + 2 > s)
                s = last - x->ops[k].pos + 2;
        }
        for (uint32_t k = 0; k < x->n; k++) {
            int32_t at = s + x->ops[k].pos - 1, *u = &used[x->ops[k].key];
            *u = *u > at ? *u : at;
            int32_t *p = &wrote[x->ops[k].key];
            if (x->ops[k].writes && at > *p)
                *p = at;
        }
        makespan = s + x->len - 1 > makespan ? s + x->len - 1 : makespan;
    }
    return makespan;
}

START_TEST(random_orders_are_worth_what_the_rule_says)
{
    struct rng r = rng_at(5, 0, 0, (uint32_t)_i);
    const struct txn_workload *w = &set.workloads[_i % N_WORKLOADS];
    uint32_t order[TXN_COUNT_MAX];
    struct txn_time room = txn_begin(w, arena);
    for (uint32_t i = 0; i < w->n; i++) {
        uint32_t k = (uint32_t)rng_below(&r, i + 1);
        order[i] = order[k];
        order[k] = i;
    }
    ck_assert_int_eq(txn_makespan(w, order, &room, INT32_MAX), plain_makespan(w, order));
    // Stopped early it says no less than where it stopped.
    ck_assert_int_gt(txn_makespan(w, order, &room, 30), 30);
}
END_TEST

static struct value parsed(const char *text)
{
    struct value v;
    ck_assert_msg(yaml_parse(text, strlen(text), "test", arena, &v, &t) == OK, "%s", t.text);
    return v;
}

// Two that write one key and one that reads it; the same as texts.
static const char *const small[] = {
    "{workloads: [[{len: 2, ops: [[w, 7, 1]]}, {len: 2, ops: [[w, 7, 1]]}, {len: 2, ops: [[r, "
    "7, 2]]}]]}",
    "{workloads: [{txn0: 'w-7 *', txn1: 'w-7 *', txn2: '* r-7'}]}",
};

START_TEST(both_forms_of_a_transaction_mean_the_same)
{
    static const struct {
        uint32_t order[3];
        int32_t makespan;
    } rows[] = {{{0, 1, 2}, 3}, {{2, 0, 1}, 5}, {{0, 2, 1}, 4}};
    for (int form = 0; form < 2; form++) {
        struct value v = parsed(small[form]);
        struct txn_set s;
        ck_assert_msg(txn_read(&v, arena, &s, &t) == OK, "%s", t.text);
        struct txn_time room = txn_begin(&s.workloads[0], arena);
        for (int i = 0; i < 3; i++)
            ck_assert_int_eq(txn_makespan(&s.workloads[0], rows[i].order, &room, INT32_MAX),
                             rows[i].makespan);
    }
}
END_TEST

static void run_order(const char *order, double *row)
{
    struct value params = value_map();
    struct workload_job job = {.seed = 1, .params = &params};
    struct run r = {.count = 1, .arena = arena, .metrics = row};
    void *state;
    value_set(arena, &params, "data", parsed(small[0]));
    value_set(arena, &params, "order", parsed(order));
    ck_assert_msg(workload_txn.open(&job, &state, &t) == OK, "%s", t.text);
    ck_assert_int_eq(workload_txn.run(state, &r, &t), OK);
    workload_txn.close(state);
}

static const struct {
    const char *order, *message;
} cheats[] = {
    {"[0, 1]", "workload 1: an order is expected to be a list of 3"},
    {"[0, 1, 2, 2]", "workload 1: an order is expected to be a list of 3"},
    {"[0, 1, 1]", "workload 1: transaction 1 stands there twice"},
    {"[0, 1, 3]", "workload 1: place 2 holds no transaction, expected 0 to 2"},
    {"[-1, 1, 2]", "workload 1: place 0 holds no transaction, expected 0 to 2"},
    {"quick", "workload 1: an order is expected to be a list of 3"},
};

START_TEST(what_is_no_order_is_refused)
{
    double row[2] = {0};
    run_order(cheats[_i].order, row);
    ck_assert_uint_eq(stub.n_faults, 1);
    ck_assert_str_eq(stub.text, cheats[_i].message);
}
END_TEST

START_TEST(an_order_in_the_parameters_counts)
{
    double row[2] = {0};
    run_order("[2, 1, 0]", row);
    ck_assert_uint_eq(stub.n_faults, 0);
    ck_assert(row[0] == 5 && row[1] == 5);
}
END_TEST

START_TEST(data_that_makes_no_sense_are_refused_with_their_place)
{
    static const char *const bad[] = {
        "{workloads: [['r-1', 'x-1']]}",
        "{workloads: [['r-1', 'r-']]}",
        "{workloads: [['r-1', 'r-1x']]}",
        "{workloads: [['r-1', '']]}",
        "{workloads: [['r-1', {len: 0}]]}",
        "{workloads: [['r-1', {len: 1, ops: [[r, 1, 2]]}]]}",
        "{workloads: [['r-1', 5]]}",
        "{workloads: [['r-1', {len: 2, ops: [[x, 1, 2]]}]]}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct value v = parsed(bad[i]);
        struct txn_set s;
        ck_assert_int_eq(txn_read(&v, arena, &s, &t), ERR_INVALID);
        ck_assert_msg(strncmp(t.text, "workload 0: transaction 1 is expected", 37) == 0, "%s",
                      t.text);
    }
    struct value v = parsed("{workloads: [[]]}");
    ck_assert_int_eq(txn_read(&v, arena, &(struct txn_set){0}, &t), ERR_INVALID);
    ck_assert_str_eq(t.text, "workload 0 is expected to be a list of 1 to 4096");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("txn");
    TCase *c = tcase_create("txn");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_set_timeout(c, 30);
    tcase_add_test(c, the_known_makespans_come_out);
    tcase_add_test(c, tries_and_moves_beat_the_known_annealing);
    tcase_add_loop_test(c, random_orders_are_worth_what_the_rule_says, 0, 12);
    tcase_add_test(c, both_forms_of_a_transaction_mean_the_same);
    tcase_add_loop_test(c, what_is_no_order_is_refused, 0, sizeof cheats / sizeof cheats[0]);
    tcase_add_test(c, an_order_in_the_parameters_counts);
    tcase_add_test(c, data_that_makes_no_sense_are_refused_with_their_place);
    suite_add_tcase(s, c);
    return harness_run(s);
}
