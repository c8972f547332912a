// SPDX-License-Identifier: MIT
// test_serve_admit.c - pages are never promised twice, and the line is a line.
#include "common/rng.h"
#include "coordinator/serve_admit.h"
#include "tests/unit/harness.h"

#define SECOND INT64_C(1000000000)

static struct serve_admit a;

static void set_up(void)
{
    serve_admit_init(&a,
                     &(struct serve_admit_options){
                         .n_pages = 10, .page_tokens = 16, .running_max = 3, .waiting_max = 4});
}

static void tear_down(void)
{
    serve_admit_fini(&a);
}

START_TEST(who_fits_is_let_in_and_who_never_fits_is_told)
{
    uint64_t id = 0;
    ck_assert_int_eq(serve_admit_ask(&a, 1, 161, 0), ERR_LIMIT);
    ck_assert_int_eq(serve_admit_ask(&a, 2, UINT64_MAX, 0), ERR_LIMIT);
    ck_assert_int_eq(serve_admit_ask(&a, 3, 160, 0), OK);
    ck_assert(serve_admit_next(&a, 0, &id));
    ck_assert_uint_eq(id, 3);
    ck_assert_uint_eq(a.pages_used, 10);
    ck_assert(!serve_admit_next(&a, 0, &id));
}
END_TEST

START_TEST(a_large_one_is_not_overtaken)
{
    uint64_t id = 0;
    ck_assert_int_eq(serve_admit_ask(&a, 1, 5 * 16, 0), OK);
    ck_assert(serve_admit_next(&a, 0, &id));
    ck_assert_int_eq(serve_admit_ask(&a, 2, 6 * 16, 0), OK);
    ck_assert_int_eq(serve_admit_ask(&a, 3, 16, 0), OK);
    ck_assert(!serve_admit_next(&a, 0, &id));
    ck_assert(serve_admit_leave(&a, 1, SECOND));
    ck_assert(serve_admit_next(&a, SECOND, &id));
    ck_assert_uint_eq(id, 2);
    ck_assert(serve_admit_next(&a, SECOND, &id));
    ck_assert_uint_eq(id, 3);
}
END_TEST

START_TEST(a_full_line_sends_away_with_a_time)
{
    uint64_t id = 0;
    for (uint64_t i = 1; i <= 3; i++) {
        ck_assert_int_eq(serve_admit_ask(&a, i, 16, 0), OK);
        ck_assert(serve_admit_next(&a, 0, &id));
    }
    for (uint64_t i = 4; i <= 7; i++)
        ck_assert_int_eq(serve_admit_ask(&a, i, 16, 0), OK);
    ck_assert_int_eq(serve_admit_ask(&a, 8, 16, 0), ERR_BUSY);
    ck_assert_uint_eq(serve_admit_retry_s(&a), 1); // nothing is known yet
    ck_assert(serve_admit_leave(&a, 5, 0));        // hung up while waiting
    ck_assert_int_eq(serve_admit_ask(&a, 8, 16, 0), OK);
    ck_assert(serve_admit_leave(&a, 1, 30 * SECOND));
    ck_assert_uint_eq(serve_admit_retry_s(&a), 60); // 30 s × 5 / 2, bounded
    ck_assert(!serve_admit_leave(&a, 1, 30 * SECOND));
}
END_TEST

START_TEST(pages_add_up_whatever_happens)
{
    struct rng rng;
    rng = rng_at((uint64_t)_i, 0, 0, 0);
    uint64_t next = 1;
    uint64_t last_in = 0;
    for (int step = 0; step < 2000; step++) {
        uint64_t id;
        if (rng_below(&rng, 2)) {
            enum error e = serve_admit_ask(&a, next, 1 + rng_below(&rng, 200), step);
            next += e == OK;
        }
        if (rng_below(&rng, 3) == 0)
            (void)serve_admit_leave(&a, 1 + rng_below(&rng, (uint32_t)next), step);
        while (serve_admit_next(&a, step, &id)) {
            ck_assert_uint_gt(id, last_in); // in order of arrival
            last_in = id;
        }
        uint32_t pages = 0;
        uint32_t running = 0;
        for (uint32_t i = 0; i < a.n; i++) {
            pages += a.places[i].running ? a.places[i].n_pages : 0;
            running += a.places[i].running;
        }
        ck_assert_uint_eq(pages, a.pages_used);
        ck_assert_uint_eq(running, a.n_running);
        ck_assert_uint_le(pages, 10);
        ck_assert_uint_le(running, 3);
        ck_assert_uint_le(a.n - running, 4);
    }
    ck_assert_uint_gt(last_in, 50);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("serve_admit");
    TCase *c = tcase_create("serve_admit");
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_add_test(c, who_fits_is_let_in_and_who_never_fits_is_told);
    tcase_add_test(c, a_large_one_is_not_overtaken);
    tcase_add_test(c, a_full_line_sends_away_with_a_time);
    tcase_add_loop_test(c, pages_add_up_whatever_happens, 0, 20);
    suite_add_tcase(s, c);
    return harness_run(s);
}
