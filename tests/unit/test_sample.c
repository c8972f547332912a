// SPDX-License-Identifier: MIT
// test_sample.c - the next token: what each option lets through, and that a draw
// is a function of its address alone.
#include <math.h>
#include <string.h>

#include "common/yaml.h"
#include "tests/unit/harness.h"
#include "worker/experts/sample.h"

enum { N = 6, DRAWS = 4000 };

static const float logits[N] = {1.0F, 3.0F, 2.0F, 3.0F, -1.0F, 0.5F};
static struct sampler *s;

static void setup(void)
{
    s = sampler_create(N);
}

static void teardown(void)
{
    sampler_destroy(s);
}

static struct sample_options plain(void)
{
    return (struct sample_options){.temperature = 1, .top_p = 1, .repetition_penalty = 1};
}

// How often each token comes in DRAWS evenly spaced draws.
static void histogram(const struct sample_options *o, int n[N])
{
    memset(n, 0, N * sizeof *n);
    for (int i = 0; i < DRAWS; i++) {
        struct sample_context c = {.draw = (i + 0.5) / DRAWS};
        n[sampler_pick(s, o, logits, &c)]++;
    }
}

static void same_shares(const int n[N], const int *ids, int n_ids)
{
    double sum = 0;
    int total = 0;
    for (int i = 0; i < n_ids; i++)
        sum += exp((double)logits[ids[i]]);
    for (int i = 0; i < n_ids; i++) {
        ck_assert_double_eq_tol(n[ids[i]], DRAWS * exp((double)logits[ids[i]]) / sum, 1.5);
        total += n[ids[i]];
    }
    ck_assert_int_eq(total, DRAWS);
}

START_TEST(greedy_takes_the_largest_and_the_lower_id)
{
    struct sample_options o = plain();
    o.temperature = 0;
    for (int i = 0; i < 10; i++) {
        struct sample_context c = {.draw = i / 10.0};
        ck_assert_int_eq(sampler_pick(s, &o, logits, &c), 1);
    }
}
END_TEST

START_TEST(shares_are_those_of_the_softmax)
{
    static const int all[N] = {0, 1, 2, 3, 4, 5};
    struct sample_options o = plain();
    int n[N], hot[N];
    histogram(&o, n);
    same_shares(n, all, N);
    o.temperature = 100;
    histogram(&o, hot);
    ck_assert_int_gt(hot[4], n[4] * 5);
}
END_TEST

START_TEST(top_k_keeps_k)
{
    static const int best[] = {1, 3, 2};
    struct sample_options o = plain();
    int n[N];
    o.top_k = 3;
    histogram(&o, n);
    same_shares(n, best, 3);
    o.top_k = 1;
    histogram(&o, n);
    ck_assert_int_eq(n[1], DRAWS);
}
END_TEST

START_TEST(top_p_keeps_the_fewest_that_suffice)
{
    static const int best[] = {1, 3, 2};
    double sum = 0;
    struct sample_options o = plain();
    int n[N];
    for (int i = 0; i < N; i++)
        sum += exp((double)logits[i]);
    o.top_p = (2 * exp(3.0) + 1) / sum; // two are not enough, three are
    histogram(&o, n);
    same_shares(n, best, 3);
    o.top_p = 0;
    histogram(&o, n);
    ck_assert_int_eq(n[1], DRAWS);
}
END_TEST

START_TEST(top_p_counts_behind_top_k)
{
    static const int best[] = {1, 3};
    struct sample_options o = plain();
    int n[N];
    o.top_k = 3;
    o.top_p = 2 * exp(3.0) / (2 * exp(3.0) + exp(2.0)) - 1e-9;
    histogram(&o, n);
    same_shares(n, best, 2);
}
END_TEST

START_TEST(min_p_is_beside_the_likeliest)
{
    static const int best[] = {1, 3, 2};
    struct sample_options o = plain();
    int n[N];
    o.min_p = exp(-1.5);
    histogram(&o, n);
    same_shares(n, best, 3);
}
END_TEST

START_TEST(what_was_seen_is_punished_once)
{
    static const int32_t seen[] = {1, 1, 3, 4};
    struct sample_options o = plain();
    struct sample_context c = {.seen = seen, .n_seen = 4};
    o.temperature = 0;
    o.repetition_penalty = 1.4;
    ck_assert_int_eq(sampler_pick(s, &o, logits, &c), 1); // 3 / 1.4 is above 2 still
    o.repetition_penalty = 1.6;
    ck_assert_int_eq(sampler_pick(s, &o, logits, &c), 2);
    c.n_seen = 0;
    ck_assert_int_eq(sampler_pick(s, &o, logits, &c), 1);
}
END_TEST

START_TEST(odd_logits_are_survived)
{
    static const float odd[N] = {NAN, -INFINITY, 1, NAN, 2, -INFINITY};
    struct sample_options o = plain();
    for (int i = 0; i < 100; i++) {
        struct sample_context c = {.draw = i / 100.0};
        int32_t id = sampler_pick(s, &o, odd, &c);
        ck_assert(id == 2 || id == 4);
    }
    o.temperature = 0;
    ck_assert_int_eq(sampler_pick(s, &o, odd, &(struct sample_context){0}), 4);
}
END_TEST

START_TEST(a_draw_is_its_address)
{
    double x = sample_draw(7, 3, 5);
    ck_assert_double_eq(x, sample_draw(7, 3, 5));
    ck_assert(x >= 0 && x < 1);
    ck_assert(x != sample_draw(8, 3, 5) && x != sample_draw(7, 4, 5));
    ck_assert(x != sample_draw(7, 3, 6));
    ck_assert(x != sample_draw(7, 3 + (UINT64_C(1) << 32), 5));
}
END_TEST

START_TEST(log_probabilities_add_to_one)
{
    double log_sum = sample_log_sum(logits, N), sum = 0;
    int32_t ids[3];
    for (int i = 0; i < N; i++)
        sum += exp((double)logits[i] - log_sum);
    ck_assert_double_eq_tol(sum, 1, 1e-12);
    sampler_top(s, logits, 3, ids);
    ck_assert(ids[0] == 1 && ids[1] == 3 && ids[2] == 2);
}
END_TEST

static enum error read_text(const char *text, struct sample_options *o, struct errtext *t)
{
    struct arena *a = arena_create();
    struct value v;
    ck_assert_int_eq(yaml_parse(text, strlen(text), "f", a, &v, t), OK);
    enum error e = sample_read(&v, o, t);
    arena_destroy(a);
    return e;
}

START_TEST(options_are_read)
{
    struct sample_options o;
    struct errtext t;
    ck_assert_int_eq(sample_read(NULL, &o, &t), OK);
    ck_assert(o.temperature == 0 && o.top_p == 1 && o.repetition_penalty == 1);
    ck_assert_int_eq(read_text("{temperature: 0.7, top_k: 40, top_p: 0.9, min_p: 0.05, "
                               "repetition_penalty: 1.1}",
                               &o, &t),
                     OK);
    ck_assert(o.temperature == 0.7 && o.top_k == 40 && o.top_p == 0.9 && o.min_p == 0.05);
    ck_assert(o.repetition_penalty == 1.1);
}
END_TEST

START_TEST(bad_options_are_named)
{
    static const char *const bad[][2] = {
        {"{temprature: 1}", "sampling has no key 'temprature', did you mean 'temperature'?"},
        {"{temperature: hot}", "sampling.temperature is no number from 0 to 1000"},
        {"{top_p: 1.5}", "sampling.top_p is no number from 0 to 1"},
        {"{top_k: 1.5}", "sampling.top_k is no integer"},
        {"[1]", "sampling is no map"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct sample_options o;
        struct errtext t;
        ck_assert_int_eq(read_text(bad[i][0], &o, &t), ERR_INVALID);
        ck_assert_str_eq(t.text, bad[i][1]);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sample");
    TCase *c = tcase_create("sample");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, greedy_takes_the_largest_and_the_lower_id);
    tcase_add_test(c, shares_are_those_of_the_softmax);
    tcase_add_test(c, top_k_keeps_k);
    tcase_add_test(c, top_p_keeps_the_fewest_that_suffice);
    tcase_add_test(c, top_p_counts_behind_top_k);
    tcase_add_test(c, min_p_is_beside_the_likeliest);
    tcase_add_test(c, what_was_seen_is_punished_once);
    tcase_add_test(c, odd_logits_are_survived);
    tcase_add_test(c, a_draw_is_its_address);
    tcase_add_test(c, log_probabilities_add_to_one);
    tcase_add_test(c, options_are_read);
    tcase_add_test(c, bad_options_are_named);
    suite_add_tcase(suite, c);
    return harness_run(suite);
}
