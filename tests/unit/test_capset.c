// SPDX-License-Identifier: MIT
// test_capset.c - greedy sets are cap sets, and what is none is caught.
#include <string.h>

#include "common/rng.h"
#include "tests/unit/run_stub.h"
#include "worker/evaluate/capset.h"
#include "worker/evaluate/evaluate.h"

// By the definition: coordinates of all triples.
static bool has_line(uint32_t dimension, const uint32_t *set, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t j = 0; j < i; j++)
            for (uint32_t k = 0; k < j; k++) {
                uint32_t a = set[i], b = set[j], c = set[k], d = 0;
                while (d < dimension && (a % 3 + b % 3 + c % 3) % 3 == 0) {
                    a /= 3;
                    b /= 3;
                    c /= 3;
                    d++;
                }
                if (d == dimension)
                    return true;
            }
    return false;
}

static void make_random(struct capset_order *o, uint32_t dimension, struct rng *r)
{
    memset(o, 0, sizeof *o);
    o->dimension = dimension;
    o->n_forms = (uint32_t)rng_below(r, CAPSET_FORMS_MAX + 1);
    for (uint32_t k = 0; k < o->n_forms; k++)
        for (uint32_t i = 0; i < capset_terms(dimension); i++)
            o->forms[k][i] = (uint8_t)rng_below(r, 3);
    o->n_first = (uint32_t)rng_below(r, 5);
    for (uint32_t i = 0; i < o->n_first; i++)
        o->first[i] = (uint32_t)rng_below(r, capset_vectors(dimension));
}

START_TEST(greedy_sets_are_maximal_cap_sets)
{
    static const uint32_t largest[] = {0, 2, 4, 9, 20, 45, 112};
    for (uint32_t k = 0; k < 300; k++) {
        struct rng r = rng_at(1, 0, 0, k);
        uint32_t dimension = 1 + (uint32_t)rng_below(&r, 5), set[CAPSET_VECTORS_MAX + 1];
        struct capset_order o;
        make_random(&o, dimension, &r);
        uint32_t n = capset_greedy(&o, set);
        ck_assert_uint_le(n, largest[dimension]);
        ck_assert(capset_is_cap(dimension, set, n) && !has_line(dimension, set, n));
        if (o.n_first)
            ck_assert_uint_eq(set[0], o.first[0]);
        set[n] = (uint32_t)rng_below(&r, capset_vectors(dimension));
        ck_assert(!capset_is_cap(dimension, set, n + 1));
    }
}
END_TEST

START_TEST(lines_are_found_wherever_they_are)
{
    uint32_t n_caps = 0;
    for (uint32_t k = 0; k < 3000; k++) {
        struct rng r = rng_at(2, 0, 0, k);
        uint32_t set[8], n = 3 + (uint32_t)rng_below(&r, 6), at = 0;
        while (at < n) { // different ones
            uint32_t v = (uint32_t)rng_below(&r, 27), i = 0;
            while (i < at && set[i] != v)
                i++;
            if (i == at)
                set[at++] = v;
        }
        bool is_cap = capset_is_cap(3, set, n);
        ck_assert(is_cap == !has_line(3, set, n));
        n_caps += is_cap;
    }
    ck_assert(n_caps > 300 && n_caps < 2700);
    ck_assert(!capset_is_cap(3, (uint32_t[]){1, 1}, 2));
    ck_assert(!capset_is_cap(3, (uint32_t[]){27}, 1));
}
END_TEST

// The 20 solutions of x1 x2 + x3^2 + x4^2 = 1, an elliptic quadric: with the constant 2
// they have value 0 and come first.
START_TEST(a_quadric_gives_twenty)
{
    struct capset_order o = {.dimension = 4, .n_forms = 1};
    uint32_t set[CAPSET_VECTORS_MAX];
    // 1; x1..x4; 11 12 13 14 22 23 24 33 34 44
    static const uint8_t form[] = {2, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 1};
    memcpy(o.forms[0], form, sizeof form);
    uint32_t n = capset_greedy(&o, set);
    ck_assert_uint_eq(n, 20);
    ck_assert(capset_is_cap(4, set, n));
}
END_TEST

// The workload refuses what is no priority, item by item.
START_TEST(bad_lists_are_their_item_s_fault)
{
    struct arena *a = arena_create();
    struct value params = value_map(), good = value_map(), bad = value_map();
    struct value list = value_list();
    double rows[2] = {0};
    void *state;
    struct errtext t;

    memset(&stub, 0, sizeof stub);
    value_set(a, &params, "dimension", value_int(2));
    value_push(a, &list, value_int(9));
    value_set(a, &bad, "first", list);
    const struct value *over[] = {&bad, &good};
    struct workload_job job = {.seed = 1, .params = &params};
    struct run r = {.count = 2, .overrides = over, .arena = a, .metrics = rows};
    ck_assert_int_eq(workload_capset.open(&job, &state, &t), OK);
    ck_assert_int_eq(workload_capset.run(state, &r, &t), OK);
    workload_capset.close(state);
    ck_assert_uint_eq(stub.n_faults, 1);
    ck_assert_double_eq(rows[1], 4);
    arena_destroy(a);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("capset");
    TCase *tc = tcase_create("all");

    tcase_add_test(tc, greedy_sets_are_maximal_cap_sets);
    tcase_add_test(tc, lines_are_found_wherever_they_are);
    tcase_add_test(tc, a_quadric_gives_twenty);
    tcase_add_test(tc, bad_lists_are_their_item_s_fault);
    suite_add_tcase(s, tc);
    return harness_run(s);
}
