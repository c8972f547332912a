// SPDX-License-Identifier: MIT
// test_cafe.c - every simulation and every sum is the independent implementation's, with
// any kernels and any cuts.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/buf.h"
#include "common/mem.h"
#include "common/rng.h"
#include "common/yaml.h"
#include "tests/unit/run_stub.h"
#include "worker/evaluate/evaluate.h"
#include "worker/fleet/cafe_lanes.h"
#include "worker/tensor/kernels.h"

static struct arena *a;

static void setup(void)
{
    a = arena_create();
}

static void teardown(void)
{
    arena_destroy(a);
}

static const struct cafe_lanes *const classes[] = {
    &cafe_lanes_portable,
#ifdef __x86_64__
    &cafe_lanes_avx2,
#endif
};
static const char *const names[] = {"portable", "avx2"};
enum { N_CLASSES = sizeof classes / sizeof classes[0] };

// False: this CPU lacks it.
static bool choose(int i)
{
    return kernels_force(names[i], NULL) == OK;
}

// The fixture's next line; false at its end.
static bool next_line(FILE *f, struct value *v)
{
    char line[4096];
    struct errtext t;
    if (!fgets(line, sizeof line, f))
        return false;
    ck_assert_msg(yaml_parse(line, strlen(line), "fixture", a, v, &t) == OK, "%s", t.text);
    return true;
}

static uint64_t number(const struct value *map, const char *key)
{
    const struct value *v = value_find(map, key);
    ck_assert_msg(v && v->type == VALUE_INT, "no %s", key);
    return (uint64_t)v->i;
}

static FILE *open_golden(const char *path)
{
    FILE *f = fopen(path, "re");
    ck_assert_msg(f != NULL, "%s is not here: run from the checkout", path);
    return f;
}

START_TEST(every_sample_is_the_fixture_s)
{
    FILE *f = open_golden("tests/golden/cafe-samples.jsonl");
    struct value v;
    int n = 0;
    for (; next_line(f, &v); n++) {
        struct cafe_plan p = {.seed = number(&v, "seed"), .tier = (uint32_t)number(&v, "tier")};
        uint8_t traits[CAFE_LANES][CAFE_TRAITS];
        uint64_t sim = number(&v, "sim");
        const struct value *want = value_find(&v, "traits");
        if (!choose(_i))
            break;
        ck_assert_uint_eq(want->n, 3 * cafe_tier(p.tier)->n_roles);
        for (uint64_t lane = 0; lane < CAFE_LANES && lane <= sim; lane++) {
            classes[_i]->draw(&p, 0, sim - lane, traits);
            for (uint32_t q = 0; q < want->n; q++)
                ck_assert_int_eq(traits[lane][q], want->items[q].i);
        }
        struct cafe_score s[CAFE_LANES];
        cafe_scores(&p, sim, s);
        ck_assert_uint_eq(s[0].time, number(&v, "time"));
        ck_assert_uint_eq(s[0].sat120, number(&v, "sat120"));
        ck_assert_uint_eq(s[0].performance, number(&v, "perf_num"));
        ck_assert_uint_eq(s[0].per, number(&v, "perf_den"));
    }
    fclose(f);
    ck_assert(n >= 20 || !choose(_i));
}
END_TEST

// ---- sums ------------------------------------------------------------------------

static struct cafe_sums sums_of(const struct cafe_plan *p, uint64_t first, uint64_t n)
{
    struct cafe_sums s = {0};
    cafe_run(p, first, n, &s);
    return s;
}

START_TEST(the_sums_of_250000_simulations_are_the_fixture_s)
{
    FILE *f = open_golden("tests/golden/cafe-sums.jsonl");
    struct value v;
    int n = 0;
    for (; next_line(f, &v) && choose(_i); n++) {
        struct cafe_plan p = {.seed = number(&v, "seed"), .tier = (uint32_t)number(&v, "tier")};
        struct cafe_sums s = sums_of(&p, 0, number(&v, "sims"));
        const struct value *hist = value_find(&v, "time_hist");
        ck_assert_uint_eq(s.sims, number(&v, "sims"));
        ck_assert_uint_eq(s.time, number(&v, "sum_time"));
        ck_assert_uint_eq(s.sat120, number(&v, "sum_sat120"));
        ck_assert_uint_eq(s.time2, number(&v, "sum_time2"));
        ck_assert_uint_eq(s.sat120_2, number(&v, "sum_sat120_2"));
        ck_assert_uint_eq(s.time_sat120, number(&v, "sum_time_sat120"));
        ck_assert_uint_eq(s.performance, number(&v, "sum_perf_num"));
        ck_assert_uint_eq(s.per, s.sims * number(&v, "perf_den"));
        ck_assert_uint_eq(hist->n, CAFE_BINS);
        for (uint32_t i = 0; i < hist->n; i++)
            ck_assert_uint_eq(s.time_hist[i], (uint64_t)hist->items[i].i);
    }
    fclose(f);
    ck_assert(n == 5 || !choose(_i));
}
END_TEST

static void add(struct cafe_sums *to, const struct cafe_sums *from)
{
    uint64_t *x = (uint64_t *)to;
    const uint64_t *y = (const uint64_t *)from;
    for (size_t i = 0; i < sizeof *to / sizeof *x; i++)
        x[i] += y[i];
}

// Odd places, full-width seeds, simulations across 2^32; what each lane does alone.
START_TEST(cuts_and_kernels_do_not_show)
{
    struct rng r = rng_at((uint64_t)_i, 0, 0, 0);
    for (int k = 0; k < 20; k++) {
        struct cafe_plan p = {.seed = k ? rng_u64(&r) : UINT64_MAX,
                              .tier = 1 + (uint32_t)rng_below(&r, CAFE_TIERS),
                              .adapt = rng_below(&r, 2) ? (uint32_t)rng_below(&r, 49) : 0,
                              .prune = rng_below(&r, 3) == 0};
        uint64_t first =
            rng_below(&r, 3) ? rng_below(&r, 1 << 20) : (UINT64_C(1) << 32) - rng_below(&r, 60);
        uint64_t n = rng_below(&r, 200);
        ck_assert(choose(0));
        struct cafe_sums whole = sums_of(&p, first, n), parts = {0};
        if (!choose(1))
            return;
        for (uint64_t at = 0; at < n;) {
            uint64_t some = 1 + rng_below(&r, n - at);
            struct cafe_sums part = sums_of(&p, first + at, some);
            add(&parts, &part);
            at += some;
        }
        ck_assert_int_eq(memcmp(&whole, &parts, sizeof whole), 0);
    }
}
END_TEST

// ---- section 14.4 ----------------------------------------------------------------

// The specification's sentence, read literally: choose the least (value, index) m times.
static void adapt_slowly(uint8_t *traits, const uint8_t *again, uint32_t n, uint32_t m)
{
    uint8_t drawn[CAFE_TRAITS];
    bool chosen[CAFE_TRAITS] = {false};
    memcpy(drawn, traits, n);
    for (uint32_t k = 0; k < m && k < n; k++) {
        uint32_t least = n;
        for (uint32_t q = 0; q < n; q++)
            if (!chosen[q] && (least == n || drawn[q] < drawn[least]))
                least = q;
        chosen[least] = true;
        traits[least] = again[least] > drawn[least] ? again[least] : drawn[least];
    }
}

START_TEST(agents_draw_their_lowest_traits_again)
{
    struct rng r = rng_at(5, 0, 0, 0);
    for (int k = 0; k < 300; k++) {
        struct cafe_plan p = {.seed = rng_u64(&r),
                              .tier = 1 + (uint32_t)rng_below(&r, CAFE_TIERS),
                              .adapt = (uint32_t)rng_below(&r, 49)};
        uint32_t n = 3 * cafe_tier(p.tier)->n_roles;
        uint8_t traits[CAFE_LANES][CAFE_TRAITS], again[CAFE_LANES][CAFE_TRAITS];
        struct cafe_score got[CAFE_LANES];
        uint64_t first = rng_u64(&r) >> 1;
        cafe_scores(&p, first, got);
        cafe_lanes_portable.draw(&p, 0, first, traits);
        cafe_lanes_portable.draw(&p, 128, first, again);
        for (int i = 0; i < CAFE_LANES; i++) {
            bool implausible = cafe_score(cafe_tier(p.tier), traits[i]).implausible;
            adapt_slowly(traits[i], again[i], n, p.adapt);
            struct cafe_score want = cafe_score(cafe_tier(p.tier), traits[i]);
            ck_assert_uint_eq(got[i].time, want.time);
            ck_assert_uint_eq(got[i].sat120, want.sat120);
            ck_assert_uint_eq(got[i].performance, want.performance);
            ck_assert_int_eq(got[i].implausible, implausible);
        }
    }
}
END_TEST

// Two independent pairs of independent conditions: 1 - (1 - 0.2 * 0.2)^2.
START_TEST(so_many_draws_are_implausible)
{
    enum { N = 100000 };
    struct cafe_plan p = {.seed = 3, .tier = (uint32_t)_i};
    struct cafe_sums all = sums_of(&p, 0, N);
    double share = 1 - 0.96 * 0.96, se = sqrt(share * (1 - share) / N);
    ck_assert_double_lt(fabs((double)all.implausible / N - share), 4 * se);
    p.prune = true;
    struct cafe_sums left = sums_of(&p, 0, N);
    ck_assert_uint_eq(left.draws, N);
    ck_assert_uint_eq(left.implausible, all.implausible);
    ck_assert_uint_eq(left.sims, N - all.implausible);
}
END_TEST

// ---- the exact column of section 14.3 --------------------------------------------

static const struct {
    double time, sd_time, sat, sd_sat, slope, r2, performance;
} exact[CAFE_TIERS] = {
    {11, 4.0620, 4.6875, 1.2945, 1.2308, 0.1538, 4.8438},
    {11, 4.0620, 4.6875, 1.1908, 1.4545, 0.1818, 5.0294},
    {16.5, 4.9749, 5.3750, 1.0969, 0, 0, 5.2895},
    {16.5, 4.9749, 5.3750, 0.9270, 0, 0, 6.2174},
    {22, 5.7446, 6.5667, 0.6904, 1.1538, 0.0192, 7.4444},
};

START_TEST(the_sample_lies_about_the_exact_expectations)
{
    enum { N = 200000 };
    struct cafe_plan p = {.seed = 11, .tier = (uint32_t)_i + 1};
    struct cafe_sums s = sums_of(&p, 0, N);
    double n = N, t = (double)s.time, x = (double)s.sat120 / 120;
    double tt = (double)s.time2 - t * t / n;
    double xx = (double)s.sat120_2 / 14400 - x * x / n;
    double tx = (double)s.time_sat120 / 120 - t * x / n;
    double slope = tx / xx, r2 = tx * tx / (tt * xx);
    double se = sqrt((tt / xx - slope * slope) / (n - 2));
    ck_assert_double_lt(fabs(t / n - exact[_i].time), 4 * exact[_i].sd_time / sqrt(n));
    ck_assert_double_lt(fabs(x / n - exact[_i].sat), 4 * exact[_i].sd_sat / sqrt(n) + 5e-5);
    ck_assert_double_lt(fabs(sqrt(tt / n) - exact[_i].sd_time),
                        4 * exact[_i].sd_time / sqrt(n));
    ck_assert_double_lt(fabs(slope - exact[_i].slope), 4 * se + 5e-5);
    ck_assert_double_lt(fabs(r2 - exact[_i].r2), 8 * sqrt(r2 / n) + 1e-4);
    ck_assert_double_lt(fabs((double)s.performance / (double)s.per - exact[_i].performance),
                        0.01);
}
END_TEST

// ---- the workload ----------------------------------------------------------------

START_TEST(items_are_simulations_with_rows_or_without)
{
    struct value params, over;
    const char *text = "{tier: 4, adapt: 0, prune: false}", *other = "{tier: 5}";
    ck_assert_int_eq(yaml_parse(text, strlen(text), "t", a, &params, NULL), OK);
    ck_assert_int_eq(yaml_parse(other, strlen(other), "t", a, &over, NULL), OK);
    struct workload_job job = {.seed = 77, .params = &params};
    void *state;
    ck_assert_int_eq(workload_cafe.open(&job, &state, NULL), OK);
    const struct value *overs[30];
    for (int i = 0; i < 30; i++)
        overs[i] = i < 11 ? NULL : &over;
    double rows[30][6];
    uint64_t sums[sizeof(struct cafe_sums) / 8] = {0};
    struct run r = {.first = 1005,
                    .count = 30,
                    .overrides = overs,
                    .metrics = rows[0],
                    .totals = sums,
                    .arena = a};
    ck_assert_int_eq(workload_cafe.run(state, &r, NULL), OK);
    struct cafe_plan four = {.seed = 77, .tier = 4}, five = {.seed = 77, .tier = 5};
    struct cafe_sums want = sums_of(&four, 1005, 11), more = sums_of(&five, 1016, 19);
    double time = 0;
    add(&want, &more);
    ck_assert_mem_eq(sums, &want, sizeof want);
    for (int i = 0; i < 30; i++)
        time += rows[i][0];
    ck_assert_double_eq(time, (double)want.time);
    struct cafe_score x[CAFE_LANES];
    cafe_scores(&five, 1034, x);
    ck_assert_double_eq(rows[29][1], x[0].sat120 / 120.0);
    workload_cafe.close(state);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("cafe");
    TCase *c = tcase_create("cafe");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, every_sample_is_the_fixture_s, 0, N_CLASSES);
    tcase_add_loop_test(c, the_sums_of_250000_simulations_are_the_fixture_s, 0, N_CLASSES);
    tcase_add_loop_test(c, cuts_and_kernels_do_not_show, 0, 20);
    tcase_add_test(c, agents_draw_their_lowest_traits_again);
    tcase_add_loop_test(c, so_many_draws_are_implausible, 1, CAFE_TIERS + 1);
    tcase_add_loop_test(c, the_sample_lies_about_the_exact_expectations, 0, CAFE_TIERS);
    tcase_add_test(c, items_are_simulations_with_rows_or_without);
    suite_add_tcase(s, c);
    return harness_run(s);
}
