// SPDX-License-Identifier: MIT
// test_ranges.c - a set of numbers is the set that a bitmap would hold.
#include "coordinator/ranges.h"

#include "common/rng.h"
#include "tests/unit/harness.h"

enum { SIZE = 200, STEPS = 400 };

static void same(const struct ranges *r, const bool *bit)
{
    uint64_t total = 0;
    for (uint64_t i = 0; i < SIZE; i++) {
        ck_assert_uint_eq(ranges_covered(r, i, i + 1), bit[i]);
        total += bit[i];
    }
    ck_assert_uint_eq(r->total, total);
    for (uint32_t i = 1; i < r->n; i++) // disjoint, and never two that touch
        ck_assert_uint_lt(r->list[i - 1].hi, r->list[i].lo);
}

START_TEST(any_sequence_of_adds_and_removes_equals_a_bitmap)
{
    struct rng g = rng_at((uint64_t)_i, 0, 0, 0);
    bool bit[SIZE] = {0};
    struct ranges r;
    ranges_init(&r);
    for (int step = 0; step < STEPS; step++) {
        uint64_t lo = rng_below(&g, SIZE);
        uint64_t hi = lo + rng_below(&g, SIZE - lo + 1);
        bool add = rng_below(&g, 3) != 0;
        if (add)
            ranges_add(&r, lo, hi);
        else
            ranges_remove(&r, lo, hi);
        for (uint64_t i = lo; i < hi; i++)
            bit[i] = add;
        same(&r, bit);
    }
    ranges_fini(&r);
}
END_TEST

START_TEST(the_first_gap_is_found)
{
    struct ranges r;
    struct range gap;
    ranges_init(&r);
    ranges_add(&r, 10, 20);
    ranges_add(&r, 25, 30);
    ck_assert(ranges_gap(&r, 0, 40, &gap));
    ck_assert(gap.lo == 0 && gap.hi == 10);
    ck_assert(ranges_gap(&r, 10, 40, &gap));
    ck_assert(gap.lo == 20 && gap.hi == 25);
    ck_assert(ranges_gap(&r, 26, 40, &gap));
    ck_assert(gap.lo == 30 && gap.hi == 40);
    ck_assert(!ranges_gap(&r, 12, 20, &gap));
    ck_assert(!ranges_gap(&r, 5, 5, &gap));
    ranges_fini(&r);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("ranges");
    TCase *t = tcase_create("ranges");
    tcase_add_loop_test(t, any_sequence_of_adds_and_removes_equals_a_bitmap, 0, 10);
    tcase_add_test(t, the_first_gap_is_found);
    suite_add_tcase(s, t);
    return harness_run(s);
}
