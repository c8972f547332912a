// SPDX-License-Identifier: MIT
// test_parzen.c - the estimators against plain mixtures made anew.
#include <math.h>
#include <string.h>

#include "coordinator/search/parzen.h"
#include "tests/unit/parzen_reference.h"

// The densities of ours leave out a factor that cancels.
#define ROOT sqrt(2 * acos(-1))

// The cases that the definition names, worked out by hand.
static const struct {
    uint32_t n, i;
    double weight;
} ages[] = {
    {1, 0, 1},
    {24, 0, 1},
    {25, 0, 1},
    {26, 0, 1.0 / 26},
    {26, 1, 1},
    {27, 0, 1.0 / 27},
    {27, 1, 1},
    {27, 2, 1},
    {28, 1, 29.0 / 56},
    {125, 0, 0.008},
    {125, 99, 1},
    {125, 124, 1},
    {125, 33, 0.008 + 0.992 / 3},
};

START_TEST(weights_are_a_ramp_by_age)
{
    near(parzen_weight(ages[_i].i, ages[_i].n), ages[_i].weight, 1e-14);
}
END_TEST

// Points that repeat, crowd and reach the ends.
static double some_place(struct rng *r)
{
    double u = rng_f64(r);
    switch (rng_below(r, 8)) {
    case 0:
        return 0;
    case 1:
        return 1;
    case 2:
        return 0.5;
    case 3:
        return floor(u * 10) / 10;
    case 4:
        return 0.3 + 0.001 * u;
    default:
        return u;
    }
}

START_TEST(few_kernels_are_as_defined)
{
    struct rng r = rng_at(3, 0, 0, (uint32_t)_i);
    uint32_t n = (uint32_t)_i % (PARZEN_GOOD_MAX + 1);
    struct kernel k[PARZEN_KERNELS];
    struct parzen_few few;
    double mus[PARZEN_GOOD_MAX], weights[PARZEN_GOOD_MAX];
    struct mix m;

    for (uint32_t i = 0; i < n; i++) {
        mus[i] = some_place(&r);
        weights[i] = rng_f64(&r);
        k[i] = (struct kernel){.mu = mus[i], .weight = weights[i]};
    }
    mix_init(&m, mus, weights, n);
    ck_assert_uint_eq(parzen_build(k, n), n + 1);
    parzen_stretch(k, n + 1, &few);
    for (uint32_t i = 0; i <= n; i++) {
        ck_assert_double_eq(k[i].mu, m.c[i].mu);
        ck_assert_double_eq(k[i].sigma, m.c[i].sigma);
        ck_assert_double_eq(k[i].weight, m.c[i].weight);
    }
    for (int i = 0; i <= 100; i++) {
        double x = i * 0.01;
        near(parzen_density(&few, x), mix_density(&m, x) * ROOT, 1e-9);
        near(parzen_mass(k, n + 1, x, x + 0.01), mix_mass(&m, x, x + 0.01), 1e-9);
    }
}
END_TEST

static void agree(const struct parzen *p, const struct mix *m)
{
    for (int i = 0; i < 32; i++) {
        double x = i / 32.0, end = (i + 1) / 32.0;
        near(parzen_density_of(p, x), mix_density(m, x) * ROOT, 1e-8);
        near(parzen_mass_of(p, x, end), mix_mass(m, x, end), 1e-8);
    }
}

struct observed {
    double mus[N_MAX];
    uint32_t records[N_MAX]; // ascending
    uint32_t n, next;
};

// One more, or one less, or one out and in again, as old as it was.
static void change(struct observed *o, struct parzen *p, uint32_t most, struct rng *r)
{
    uint32_t i = o->n;

    if (o->n == 0 || (o->n < most && rng_f64(r) < 0.8)) {
        o->mus[i] = some_place(r);
        o->records[i] = o->next++;
        if (o->next % 50 < 20)
            parzen_append(p, o->mus[i], o->records[i]);
        else
            parzen_insert(p, o->mus[i], o->records[i]);
        o->n++;
        return;
    }
    i = (uint32_t)rng_below(r, o->n);
    parzen_remove(p, o->mus[i], o->records[i]);
    if (rng_f64(r) < 0.5) {
        parzen_insert(p, o->mus[i], o->records[i]);
        return;
    }
    o->n--;
    memmove(o->mus + i, o->mus + i + 1, (o->n - i) * sizeof o->mus[0]);
    memmove(o->records + i, o->records + i + 1, (o->n - i) * sizeof o->records[0]);
}

// The large mixture is changed in place; after any changes it is the one made anew.
START_TEST(many_kernels_kept_are_those_made_anew)
{
    struct rng r = rng_at(5, 0, 0, (uint32_t)_i);
    struct parzen *p = parzen_create();
    struct observed o = {.n = 0};
    static struct mix m;

    for (uint32_t round = 0; round < 20; round++) {
        for (uint32_t i = 0; i < 60; i++)
            change(&o, p, _i % 2 ? 40 : N_MAX, &r);
        mix_init(&m, o.mus, NULL, o.n);
        parzen_prepare(p, NULL, 0);
        agree(p, &m);
    }
    parzen_destroy(p);
}
END_TEST

// What is pending counts as the newest, with the least width.
START_TEST(pending_ones_add_narrow_kernels)
{
    double mus[] = {0.1, 0.2, 0.8}, pending[] = {0.25, 0.9};
    struct parzen *p = parzen_create();
    struct mix m;

    for (uint32_t i = 0; i < 3; i++)
        parzen_insert(p, mus[i], i);
    mix_init(&m, mus, NULL, 3);
    for (uint32_t i = 0; i < 2; i++)
        m.c[m.n++] = (struct component){pending[i], 0.2, 1, false, 0};
    parzen_prepare(p, pending, 2);
    agree(p, &m);
    parzen_prepare(p, NULL, 0); // and are gone again
    m.n -= 2;
    agree(p, &m);
    parzen_destroy(p);
}
END_TEST

// Kolmogorov and Smirnov: 20,000 draws stay within 1.63 / sqrt(n) of the mixture.
START_TEST(draws_follow_the_mixture)
{
    struct rng r = rng_at(11, 0, 0, (uint32_t)_i);
    uint32_t n = (uint32_t)_i, n_draws = 20000;
    struct kernel k[PARZEN_KERNELS];
    double mus[PARZEN_GOOD_MAX], weights[PARZEN_GOOD_MAX], far = 0;
    uint32_t seen[100] = {0}, below = 0;
    static struct mix m;

    for (uint32_t i = 0; i < n; i++) {
        mus[i] = rng_f64(&r);
        weights[i] = rng_f64(&r);
        k[i] = (struct kernel){.mu = mus[i], .weight = weights[i]};
    }
    mix_init(&m, mus, weights, n);
    uint32_t n_kernels = parzen_build(k, n);
    for (uint32_t i = 0; i < n_draws; i++) {
        double x = parzen_sample(k, n_kernels, &r);
        ck_assert(x >= 0 && x <= 1);
        seen[x >= 1 ? 99 : (uint32_t)(x * 100)]++;
    }
    double all = mix_mass(&m, 0, 1);
    for (uint32_t i = 0; i < 100; i++) {
        below += seen[i];
        far = fmax(far, fabs((double)below / n_draws - mix_mass(&m, 0, (i + 1) / 100.0) / all));
    }
    ck_assert_double_lt(far, 1.63 / sqrt(n_draws));
}
END_TEST

// Widths of vectors never show.
static const char *const classes[] = {"portable", "avx2", "avx512"};

START_TEST(every_class_has_the_same_bits)
{
    struct rng r = rng_at(19, 0, 0, 0);
    struct parzen *p = parzen_create();
    double want[200];

    for (uint32_t i = 0; i < 2000; i++)
        parzen_append(p, some_place(&r), i);
    for (int i = 0; i < 3; i++) {
        if (!parzen_force(classes[i]))
            continue; // not on this CPU
        parzen_prepare(p, NULL, 0);
        for (int j = 0; j < 200; j++) {
            double x = j / 199.0;
            double sum = parzen_density_of(p, x) + parzen_mass_of(p, x, x + 0.01);
            want[j] = i ? want[j] : sum;
            ck_assert_mem_eq(&sum, &want[j], sizeof sum);
        }
    }
    ck_assert(!parzen_force("altivec"));
    ck_assert(parzen_force(NULL));
    parzen_destroy(p);
}
END_TEST

// One place and one kernel at a time, as parzen_sum.h says.
static double joint_sum(const struct joint_kernels *m, const double *x, double sum)
{
    for (uint32_t i = 0; i < m->n; i++) {
        double value = m->height[i], q = 0;
        for (uint32_t j = 0; j < m->n_slots; j++) {
            double row = m->rows[i * m->n_slots + j], z = (x[j * JOINT_STEP] - row) * m->rate;
            if (m->is_choice[j])
                value *= (x[j * JOINT_STEP] == row) + m->prior;
            else
                q += z * z;
        }
        value *= parzen_exp_minus(0.5 * q);
        sum += value < m->least ? 0 : value;
    }
    return sum;
}

START_TEST(sums_over_many_dimensions_are_those_one_by_one)
{
    enum { N = 300, D = 4 };
    static const bool is_choice[D] = {false, true, false, true};
    struct rng r = rng_at(23, (uint32_t)_i, 0, 0);
    double rows[N * D], height[N], x[D * JOINT_STEP];
    // The last cuts off what is not near.
    struct joint_kernels m = {_i ? N : 0, D,  rows, is_choice,
                              height,     20, 0.01, _i == 2 ? 1e-3 : 0x1p-600};

    for (int i = 0; i < N * D; i++)
        rows[i] = is_choice[i % D] ? (double)rng_below(&r, 3) : rng_f64(&r);
    for (int i = 0; i < N; i++)
        height[i] = 1 + rng_f64(&r);
    for (int i = 0; i < D * JOINT_STEP; i++)
        x[i] = is_choice[i / JOINT_STEP] ? (double)rng_below(&r, 3) : rng_f64(&r);
    for (int k = 0; k < 3; k++) {
        double sum[JOINT_STEP] = {0.5, 1e-9, 1e-300, 0, 3, 1e9, 0.1, 7};
        if (!parzen_force(classes[k]))
            continue;
        double want[JOINT_STEP];
        for (int c = 0; c < JOINT_STEP; c++)
            want[c] = joint_sum(&m, x + c, sum[c]);
        parzen_sum_joint(&m, x, sum);
        ck_assert_mem_eq(sum, want, sizeof sum);
    }
    ck_assert(parzen_force(NULL));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("parzen");
    TCase *tc = tcase_create("all");

    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, weights_are_a_ramp_by_age, 0, sizeof ages / sizeof ages[0]);
    tcase_add_loop_test(tc, few_kernels_are_as_defined, 0, 104);
    tcase_add_loop_test(tc, many_kernels_kept_are_those_made_anew, 0, 8);
    tcase_add_test(tc, pending_ones_add_narrow_kernels);
    tcase_add_test(tc, every_class_has_the_same_bits);
    tcase_add_loop_test(tc, sums_over_many_dimensions_are_those_one_by_one, 0, 3);
    tcase_add_loop_test(tc, draws_follow_the_mixture, 0, 10);
    suite_add_tcase(s, tc);
    return harness_run(s);
}
