// SPDX-License-Identifier: MIT
// test_placement.c - every expert has a place, no device more than its share.
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "common/rng.h"
#include "tests/unit/harness.h"
#include "worker/experts/placement.h"

enum { ROWS = 300 };

static struct arena *arena;
static struct errtext text;

static void setup(void)
{
    arena = arena_create();
}

static void teardown(void)
{
    arena_destroy(arena);
}

static struct placement
make(const char *rule, const struct placement_shape *s, const double *load)
{
    struct placement p;
    ck_assert_msg(placement_make(placement_find(rule), s, load, arena, &p, &text) == OK, "%s",
                  text.text);
    return p;
}

static void expect_slots(const struct placement *p, const uint32_t *want)
{
    for (uint32_t s = 0; s < p->shape.n_slots; s++)
        ck_assert_msg(p->expert[s] == want[s], "slot %u holds %u, expected %u", s, p->expert[s],
                      want[s]);
}

// The example that was published with the algorithm: two layers, one row each.
START_TEST(the_published_example_comes_out)
{
    static const struct placement_shape shape = {
        .n_experts = 12, .n_slots = 16, .n_groups = 4, .n_nodes = 2, .n_devices = 8};
    static const double load[2][12] = {
        {90, 132, 40, 61, 104, 165, 39, 4, 73, 56, 183, 86},
        {20, 107, 104, 64, 19, 197, 187, 157, 172, 86, 16, 27},
    };
    static const uint32_t want[2][16] = {
        {5, 6, 5, 7, 8, 4, 3, 4, 10, 9, 10, 2, 0, 1, 11, 1},
        {7, 10, 6, 8, 6, 11, 8, 9, 2, 4, 5, 1, 5, 0, 3, 1},
    };
    struct placement p = make("balanced", &shape, load[_i]);
    expect_slots(&p, want[_i]);
}
END_TEST

START_TEST(without_copies_the_plain_rules_are_the_plain_ones)
{
    static const struct placement_shape shape = {
        .n_experts = 8, .n_slots = 8, .n_groups = 1, .n_nodes = 1, .n_devices = 3};
    struct placement p = make("contiguous", &shape, NULL);
    expect_slots(&p, (const uint32_t[]){0, 1, 2, 3, 4, 5, 6, 7});
    ck_assert_uint_eq(p.first_slot[1], 2);
    ck_assert_uint_eq(p.first_slot[2], 5);
    p = make("round-robin", &shape, NULL);
    expect_slots(&p, (const uint32_t[]){0, 3, 1, 4, 6, 2, 5, 7});
}
END_TEST

// One random shape and loads a row; all numbers small enough that odd cases (one
// device, more devices than experts, nothing divides) are frequent.
static struct placement_shape random_shape(struct rng *r)
{
    struct placement_shape s = {.n_experts = 1 + (uint32_t)rng_below(r, 40)};
    s.n_devices = 1 + (uint32_t)rng_below(r, 12);
    uint64_t most = (uint64_t)s.n_experts * s.n_devices;
    most = most > 2 * s.n_experts ? 2 * s.n_experts : most;
    s.n_slots = s.n_experts + (uint32_t)rng_below(r, most - s.n_experts + 1);
    s.n_nodes = 1 + (uint32_t)rng_below(r, s.n_devices);
    do
        s.n_groups = 1 + (uint32_t)rng_below(r, s.n_experts);
    while (s.n_experts % s.n_groups);
    return s;
}

static const double *random_loads(struct rng *r, uint32_t n)
{
    double *load = arena_alloc(arena, n * sizeof *load);
    bool with_zeros = rng_below(r, 3) == 0;
    for (uint32_t i = 0; i < n; i++)
        load[i] = with_zeros && rng_below(r, 2) ? 0 : (double)rng_below(r, 1000);
    return load;
}

// The copies of one expert, ascending; returns their number.
static uint32_t check_copies(const struct placement *p, uint32_t e)
{
    uint32_t begin = p->first_copy[e], end = p->first_copy[e + 1];

    ck_assert_uint_lt(begin, end);
    for (uint32_t k = begin; k < end; k++)
        ck_assert_uint_eq(p->expert[p->copy[k]], e);
    for (uint32_t k = begin + 1; k < end; k++)
        ck_assert_uint_lt(p->copy[k - 1], p->copy[k]);
    return end - begin;
}

static void check_device(const struct placement *p, uint32_t d)
{
    const struct placement_shape *s = &p->shape;
    uint32_t begin = p->first_slot[d], end = p->first_slot[d + 1];

    ck_assert_uint_ge(end - begin, s->n_slots / s->n_devices);
    ck_assert_uint_le(end - begin, (s->n_slots + s->n_devices - 1) / s->n_devices);
    for (uint32_t k = begin; k < end; k++)
        ck_assert_uint_eq(placement_device(p, k), d);
}

static void check_index(const struct placement *p)
{
    uint32_t n = 0;

    ck_assert_uint_eq(p->first_copy[0], 0);
    for (uint32_t e = 0; e < p->shape.n_experts; e++)
        n += check_copies(p, e);
    ck_assert_uint_eq(n, p->shape.n_slots);
    for (uint32_t d = 0; d < p->shape.n_devices; d++)
        check_device(p, d);
}

static void check_loads(const struct placement *p, const double *load)
{
    double device[16], sum = 0, want = 0;
    uint32_t n = p->shape.n_devices;

    placement_loads(p, load, device);
    for (uint32_t d = 0; d < n; d++)
        sum += device[d];
    for (uint32_t e = 0; e < p->shape.n_experts; e++)
        want += load[e];
    ck_assert_double_eq_tol(sum, want, 1e-9 * (1 + want));
    double balance = placement_balance(device, n);
    ck_assert(balance > 0 && balance <= 1 + 1e-12);
}

START_TEST(any_shape_is_placed_completely)
{
    struct rng r = rng_at(1, (uint32_t)_i, 0, 0);
    struct placement_shape s = random_shape(&r);
    const double *load = random_loads(&r, s.n_experts);

    for (const struct placement_rule *rule = placement_rules; rule->name; rule++) {
        struct placement p = make(rule->name, &s, load);
        struct placement again = make(rule->name, &s, load);
        check_index(&p);
        check_loads(&p, load);
        ck_assert_mem_eq(p.expert, again.expert, s.n_slots * sizeof *p.expert);
    }
}
END_TEST

// What balanced gives copies for: none could be moved to an expert that has more
// load a copy than the giver had before.
START_TEST(copies_go_to_the_hottest)
{
    struct rng r = rng_at(2, (uint32_t)_i, 0, 0);
    struct placement_shape s = random_shape(&r);
    s.n_nodes = 1;
    const double *load = random_loads(&r, s.n_experts);
    struct placement p = make("balanced", &s, load);

    for (uint32_t a = 0; a < s.n_experts; a++) {
        uint32_t n = p.first_copy[a + 1] - p.first_copy[a];
        for (uint32_t b = 0; n > 1 && b < s.n_experts; b++) {
            uint32_t m = p.first_copy[b + 1] - p.first_copy[b];
            ck_assert(load[b] / m <= load[a] / (n - 1));
        }
    }
}
END_TEST

// Groups stay on one node where all divides.
START_TEST(groups_stay_together)
{
    static const struct placement_shape shape = {
        .n_experts = 48, .n_slots = 64, .n_groups = 12, .n_nodes = 4, .n_devices = 16};
    struct rng r = rng_at(3, (uint32_t)_i, 0, 0);
    const double *load = random_loads(&r, shape.n_experts);
    struct placement p = make("balanced", &shape, load);

    for (uint32_t e = 0; e < 48; e++) {
        uint32_t leader = e - e % 4; // the first expert of its group
        uint32_t node = p.copy[p.first_copy[leader]] / 16;
        for (uint32_t k = p.first_copy[e]; k < p.first_copy[e + 1]; k++)
            ck_assert_uint_eq(p.copy[k] / 16, node);
    }
}
END_TEST

START_TEST(balanced_beats_contiguous_on_skewed_loads)
{
    static const struct placement_shape shape = {
        .n_experts = 256, .n_slots = 288, .n_groups = 8, .n_nodes = 4, .n_devices = 32};
    double load[256], device[32];
    struct rng r = rng_at(4, (uint32_t)_i, 0, 0);

    for (uint32_t e = 0; e < 256; e++)
        load[e] = 1 / (1 + (double)rng_below(&r, 256));
    struct placement p = make("contiguous", &shape, load);
    placement_loads(&p, load, device);
    double plain = placement_balance(device, 32);
    p = make("balanced", &shape, load);
    placement_loads(&p, load, device);
    ck_assert_double_gt(placement_balance(device, 32), plain);
}
END_TEST

// Two copies on one device would be for nothing.  round-robin claims it only where
// every device takes part in every round.
START_TEST(plain_copies_are_on_two_devices)
{
    struct rng r = rng_at(5, (uint32_t)_i, 0, 0);
    struct placement_shape s = random_shape(&r);
    const char *rule[] = {"contiguous", "round-robin"};

    if (s.n_devices < 2 || s.n_experts < s.n_devices)
        return;
    for (int i = 0; i < (s.n_slots % s.n_devices ? 1 : 2); i++) {
        struct placement p = make(rule[i], &s, NULL);
        for (uint32_t e = 0; e < s.n_experts; e++)
            if (p.first_copy[e + 1] - p.first_copy[e] == 2)
                ck_assert_uint_ne(placement_device(&p, p.copy[p.first_copy[e]]),
                                  placement_device(&p, p.copy[p.first_copy[e] + 1]));
    }
}
END_TEST

static const struct {
    struct placement_shape shape;
    const char *says;
} bad[] = {
    {{0, 1, 1, 1, 1}, "0 experts, expected 1 to"},
    {{8, 7, 1, 1, 2}, "7 replicas, expected at least one"},
    {{8, 17, 1, 1, 2}, "17 replicas, expected at most 8"},
    {{8, 8, 3, 1, 2}, "3 groups, expected a divisor"},
    {{8, 8, 0, 1, 2}, "0 groups"},
    {{8, 8, 1, 3, 2}, "3 nodes, expected 1 to 2"},
    {{8, 8, 1, 0, 2}, "0 nodes"},
    {{8, 8, 1, 1, 0}, "0 devices, expected 1 to"},
};

START_TEST(a_shape_that_cannot_be_is_refused)
{
    ck_assert_int_eq(placement_check(&bad[_i].shape, &text), ERR_INVALID);
    ck_assert_msg(strstr(text.text, bad[_i].says), "%s", text.text);
}
END_TEST

START_TEST(a_load_that_cannot_be_is_refused)
{
    static const struct placement_shape shape = {2, 2, 1, 1, 1};
    static const double load[3][2] = {{1, -1}, {NAN, 1}, {1, INFINITY}};
    struct placement p;

    ck_assert_int_eq(
        placement_make(placement_find("balanced"), &shape, load[_i], arena, &p, &text),
        ERR_INVALID);
    ck_assert_ptr_nonnull(strstr(text.text, "expected 0 or more"));
}
END_TEST

START_TEST(balance_is_mean_over_max)
{
    ck_assert_double_eq(placement_balance((const double[]){1, 2, 3, 2}, 4), 2.0 / 3);
    ck_assert_double_eq(placement_balance((const double[]){0, 0}, 2), 1);
    ck_assert_ptr_null(placement_find("random"));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("placement");
    TCase *c = tcase_create("placement");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_loop_test(c, the_published_example_comes_out, 0, 2);
    tcase_add_test(c, without_copies_the_plain_rules_are_the_plain_ones);
    tcase_add_loop_test(c, any_shape_is_placed_completely, 0, ROWS);
    tcase_add_loop_test(c, copies_go_to_the_hottest, 0, ROWS);
    tcase_add_loop_test(c, groups_stay_together, 0, 20);
    tcase_add_loop_test(c, balanced_beats_contiguous_on_skewed_loads, 0, 20);
    tcase_add_loop_test(c, plain_copies_are_on_two_devices, 0, ROWS);
    tcase_add_loop_test(c, a_shape_that_cannot_be_is_refused, 0, sizeof bad / sizeof *bad);
    tcase_add_loop_test(c, a_load_that_cannot_be_is_refused, 0, 3);
    tcase_add_test(c, balance_is_mean_over_max);
    suite_add_tcase(s, c);
    return harness_run(s);
}
