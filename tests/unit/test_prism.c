// SPDX-License-Identifier: MIT
// test_prism.c - models on GPUs: the published figures, and answers that are none.
//
// tests/golden/adrs/prism.txt has, for each instance, what dealing the models in turn is
// worth and the best value that is known of it (annealing), both made elsewhere.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/yaml.h"
#include "tests/unit/run_stub.h"
#include "worker/evaluate/evaluate.h"
#include "worker/evaluate/prism_rule.h"

static struct arena *arena;
static struct errtext t;
static struct value data;
static struct prism prism;

static void setup(void)
{
    size_t n;
    arena = arena_create();
    memset(&stub, 0, sizeof stub);
    const char *text = harness_read("cluster/jobs/adrs/prism.json", arena, &n);
    ck_assert_msg(json_parse(text, n, arena, &data, &t) == OK, "%s", t.text);
    ck_assert_msg(prism_read(&data, arena, &prism, &t) == OK, "%s", t.text);
}

static void teardown(void)
{
    arena_destroy(arena);
}

static double score(const struct prism_knobs *k, uint64_t seed)
{
    uint32_t of[PRISM_MODELS_MAX];
    double sum = 0;
    for (uint32_t i = 0; i < prism.n; i++) {
        double value = prism_place(&prism, i, k, seed, of);
        // No placement is below the bound; 4 ulp for the sums' roundings.
        ck_assert(value >= prism_bound(&prism, &prism.instances[i]) * (1 - 1e-15));
        ck_assert(value == prism_value(&prism, &prism.instances[i], of));
        sum += value;
    }
    return prism.n / sum;
}

START_TEST(the_baseline_and_the_ceiling_are_the_published_ones)
{
    double bound = 0;
    ck_assert_double_eq_tol(score(&(struct prism_knobs){.tries = 1}, 1), 20.892, 0.0005);
    for (uint32_t i = 0; i < prism.n; i++)
        bound += prism_bound(&prism, &prism.instances[i]);
    ck_assert_double_eq_tol(prism.n / bound, 28.404, 0.0005);
}
END_TEST

// A list of GPUs from what is where.
static struct value answer_of(const struct prism_instance *k, const uint32_t *of)
{
    struct value list = value_list();
    for (uint32_t g = 0; g < k->n_gpus; g++) {
        struct value *gpu = value_push(arena, &list, value_list());
        for (uint32_t m = 0; m < k->n_models; m++)
            if (of[m] == g)
                value_push(arena, gpu, value_int(m));
    }
    return list;
}

START_TEST(every_instance_s_known_values_come_out)
{
    static const struct prism_knobs best = {
        .rule = PRISM_BEFORE, .size_weight = 0.3, .noise = 0.5, .passes = 3, .tries = 64};
    FILE *f = fopen("tests/golden/adrs/prism.txt", "r");
    char line[128];
    uint32_t of[PRISM_MODELS_MAX];

    ck_assert_ptr_nonnull(f);
    for (uint32_t i = 0; i < prism.n; i++) {
        const struct prism_instance *k = &prism.instances[i];
        char *end;
        double value;
        ck_assert_ptr_nonnull(fgets(line, sizeof line, f));
        double dealt = strtod(line, &end), known = strtod(end, NULL);
        for (uint32_t m = 0; m < k->n_models; m++)
            of[m] = m % k->n_gpus;
        struct value answer = answer_of(k, of);
        ck_assert_msg(prism_verify(&prism, k, &answer, &value, &t) == OK, "%s", t.text);
        ck_assert_double_eq_tol(value, dealt, 1e-12);
        ck_assert_double_le(prism_place(&prism, i, &best, 1, of), known + 1e-8);
    }
    (void)fclose(f);
}
END_TEST

START_TEST(all_rules_place_all_models_and_twice_the_same)
{
    for (int rule = PRISM_BEFORE; rule <= PRISM_PACK; rule++) {
        struct prism_knobs k = {
            .rule = (enum prism_rule)rule, .size_weight = 0.5, .noise = 0.2, .tries = 3};
        double plain = score(&k, 7);
        ck_assert(plain == score(&k, 7));
        k.passes = 4;
        ck_assert_double_ge(score(&k, 7), plain);
        ck_assert_double_le(score(&k, 7), 28.404);
    }
}
END_TEST

// An instance of 2 GPUs and 3 models, and what is no answer to it.
static const struct {
    const char *answer, *message;
} cheats[] = {
    {"[[0, 1], [2], []]", "3 GPUs, expected at most 2"},
    {"[[0, 1], [1, 2]]", "model 1 is placed twice"},
    {"[[0, 0, 1], [2]]", "model 0 is placed twice"},
    {"[[0], [2]]", "model 1 is nowhere"},
    {"[]", "model 0 is nowhere"},
    {"[[0, 1, 2], []]", "GPU 0 holds 80 GB, expected less than 80"},
    {"[[0, 1], [3]]", "GPU 1 holds what is no model, expected 0 to 2"},
    {"[[0, 1], [-1, 2]]", "GPU 1 holds what is no model, expected 0 to 2"},
    {"[[0, 1], [2.0]]", "GPU 1 holds what is no model, expected 0 to 2"},
    {"[[0, 1], 2]", "GPU 1 is an integer, expected a list of models"},
    {"null", "the answer is null, expected a list of GPUs"},
};

static struct value parsed(const char *text)
{
    struct value v;
    ck_assert_msg(yaml_parse(text, strlen(text), "test", arena, &v, &t) == OK, "%s", t.text);
    return v;
}

static const char small[] =
    "{gpu_mem: 80, instances: [{gpus: 2, models: [[20, 4, 8], [20, 4, 8], [40, 2, 8]]}]}";

START_TEST(what_is_no_placement_is_refused)
{
    struct value v = parsed(small), answer = parsed(cheats[_i].answer);
    struct prism p;
    double value;
    ck_assert_int_eq(prism_read(&v, arena, &p, &t), OK);
    ck_assert_int_eq(prism_verify(&p, &p.instances[0], &answer, &value, &t), ERR_INVALID);
    ck_assert_str_eq(t.text, cheats[_i].message);
}
END_TEST

static double run_answer(const char *answers)
{
    struct value params = value_map();
    struct workload_job job = {.seed = 1, .params = &params};
    double row[3] = {0};
    struct run r = {.count = 1, .arena = arena, .metrics = row};
    void *state;
    value_set(arena, &params, "data", parsed(small));
    value_set(arena, &params, "answers", parsed(answers));
    ck_assert_msg(workload_prism.open(&job, &state, &t) == OK, "%s", t.text);
    ck_assert_int_eq(workload_prism.run(state, &r, &t), OK);
    workload_prism.close(state);
    return row[0];
}

START_TEST(an_answer_in_the_parameters_is_judged)
{
    // GPU 0: 0.75 over 20; GPU 1: 0.5 over 60.
    ck_assert_double_eq_tol(run_answer("[[[0, 2], [1]]]"), 20 / 0.75, 1e-9);
    ck_assert_uint_eq(stub.n_faults, 0);
    (void)run_answer("[[[0, 2], [1, 2]]]");
    ck_assert_uint_eq(stub.n_faults, 1);
    ck_assert_str_eq(stub.text, "instance 0: model 2 is placed twice");
    (void)run_answer("[]");
    ck_assert_str_eq(stub.text, "answers is expected to be a list of 1");
}
END_TEST

START_TEST(data_that_makes_no_sense_are_refused_with_their_place)
{
    static const char *const bad[][2] = {
        {"{instances: []}", "gpu_mem is expected to be a whole number of GB"},
        {"{gpu_mem: 80, instances: []}", "instances is expected to be a list"},
        {"{gpu_mem: 80, instances: [{gpus: 0}]}",
         "instance 0: gpus is expected to be 1 to 256"},
        {"{gpu_mem: 80, instances: [{gpus: 1}]}",
         "instance 0: models is expected to be a list of 1 to 256"},
        {"{gpu_mem: 80, instances: [{gpus: 1, models: [[1, 2, 0]]}]}",
         "instance 0: a model is expected to be [size, rate, slo], whole numbers up to "
         "1000000"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct value v = parsed(bad[i][0]);
        struct prism p;
        ck_assert_int_eq(prism_read(&v, arena, &p, &t), ERR_INVALID);
        ck_assert_str_eq(t.text, bad[i][1]);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("prism");
    TCase *c = tcase_create("prism");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, the_baseline_and_the_ceiling_are_the_published_ones);
    tcase_add_test(c, every_instance_s_known_values_come_out);
    tcase_add_test(c, all_rules_place_all_models_and_twice_the_same);
    tcase_add_loop_test(c, what_is_no_placement_is_refused, 0,
                        sizeof cheats / sizeof cheats[0]);
    tcase_add_test(c, an_answer_in_the_parameters_is_judged);
    tcase_add_test(c, data_that_makes_no_sense_are_refused_with_their_place);
    suite_add_tcase(s, c);
    return harness_run(s);
}
