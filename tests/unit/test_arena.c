// SPDX-License-Identifier: MIT
// test_arena.c - one lifetime, many sizes: aligned where it must be, packed where it may.
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "common/arena.h"
#include "common/rng.h"
#include "tests/unit/harness.h"

static struct arena *a;

static void setup(void)
{
    a = arena_create();
}

static void teardown(void)
{
    arena_destroy(a);
}

START_TEST(texts_stand_side_by_side)
{
    const char *first = arena_str(a, "one", 3);
    const char *second = arena_str(a, "two", 3);

    ck_assert_ptr_eq(second, first + 4);
    ck_assert_str_eq(first, "one");
    ck_assert_str_eq(second, "two");
    ck_assert_uint_eq(arena_used(a), 8);
}
END_TEST

START_TEST(what_follows_a_text_is_aligned)
{
    for (size_t n = 0; n < 40; n++) {
        (void)arena_str(a, "0123456789012345678901234567890123456789", n);
        ck_assert_uint_eq((uintptr_t)arena_alloc(a, 1) % 16, 0);
    }
}
END_TEST

// What was handed out stays as it was written, whatever is asked for afterwards.
START_TEST(nothing_overlaps)
{
    enum { N = 2000 };
    static unsigned char *at[N];
    static size_t size[N];
    struct rng g = rng_at((uint64_t)_i, 0, 0, 0);
    struct arena_mark m = arena_mark(a);

    for (int round = 0; round < 2; round++) { // the second in what the first left behind
        for (int i = 0; i < N; i++) {
            bool text = rng_below(&g, 2);
            size[i] = (size_t)rng_below(&g, rng_below(&g, 50) ? 100 : 10000);
            at[i] = text ? (unsigned char *)arena_str(a, "", 0) : arena_alloc(a, size[i]);
            size[i] = text ? 1 : size[i];
            memset(at[i], i, size[i]);
        }
        uint32_t n_bad = 0;
        for (int i = 0; i < N; i++)
            for (size_t k = 0; k < size[i]; k++)
                n_bad += at[i][k] != (unsigned char)i;
        ck_assert_uint_eq(n_bad, 0);
        if (_i % 2)
            arena_reset(a);
        else
            arena_release(a, m);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("arena");
    TCase *tc = tcase_create("arena");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, texts_stand_side_by_side);
    tcase_add_test(tc, what_follows_a_text_is_aligned);
    tcase_add_loop_test(tc, nothing_overlaps, 0, 10);
    suite_add_tcase(s, tc);
    return harness_run(s);
}
