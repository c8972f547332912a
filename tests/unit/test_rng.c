// SPDX-License-Identifier: MIT
// test_rng.c - the same address, the same bits.
#include <math.h>

#include "common/rng.h"
#include "tests/unit/harness.h"

// The known answers published with Random123 for philox4x32-10.
static const struct {
    uint32_t counter[4], key[2], out[4];
} known[] = {
    {{0}, {0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
     {0xffffffff, 0xffffffff},
     {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
     {0xa4093822, 0x299f31d0},
     {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
};

START_TEST(philox_gives_the_published_answers)
{
    uint32_t out[4];
    rng_philox(known[_i].counter, known[_i].key, out);
    ck_assert_mem_eq(out, known[_i].out, sizeof out);
}
END_TEST

START_TEST(a_walk_takes_the_words_of_consecutive_draws)
{
    struct rng r = rng_at(UINT64_C(0x1122334455667788), 5, 6, 7);
    uint32_t key[2] = {0x55667788, 0x11223344};

    for (uint32_t draw = 0; draw < 3; draw++) {
        uint32_t counter[4] = {draw, 5, 6, 7}, out[4];
        rng_philox(counter, key, out);
        for (int i = 0; i < 4; i++)
            ck_assert_uint_eq(rng_u32(&r), out[i]);
    }
}
END_TEST

START_TEST(the_low_word_of_64_bits_comes_first)
{
    struct rng a = rng_at(3, 0, 0, 0), b = a;
    uint64_t low = rng_u32(&a), high = rng_u32(&a);
    ck_assert_uint_eq(rng_u64(&b), low | high << 32);
}
END_TEST

START_TEST(below_n_every_value_is_as_likely)
{
    enum { N = 7, DRAWS = 70000 };
    struct rng r = rng_at(9, 0, 0, 0);
    int count[N] = {0};
    const double share = (double)DRAWS / N;
    double chi = 0;

    for (int i = 0; i < DRAWS; i++)
        count[rng_below(&r, N)]++;
    for (int i = 0; i < N; i++)
        chi += pow(count[i] - share, 2) / share;
    ck_assert_double_lt(chi, 22.5); // 0.999 of chi-square with 6 degrees of freedom
}
END_TEST

START_TEST(below_the_edges_of_n)
{
    struct rng r = rng_at(10, 0, 0, 0);
    uint64_t most = UINT64_C(3) << 62; // a quarter of the draws is refused
    for (int i = 0; i < 1000; i++) {
        ck_assert_uint_eq(rng_below(&r, 1), 0);
        ck_assert(rng_below(&r, most) < most);
        ck_assert(rng_below(&r, UINT64_MAX) < UINT64_MAX);
    }
}
END_TEST

START_TEST(uniform_and_normal_have_their_moments)
{
    enum { DRAWS = 200000 };
    struct rng r = rng_at(11, 0, 0, 0);
    double u = 0, z = 0, zz = 0, zzzz = 0;

    for (int i = 0; i < DRAWS; i++) {
        double x = rng_f64(&r), y = rng_normal(&r);
        ck_assert(x >= 0 && x < 1 && isfinite(y));
        u += x;
        z += y;
        zz += y * y;
        zzzz += y * y * y * y;
    }
    // Five standard errors.
    ck_assert_double_eq_tol(u / DRAWS, 0.5, 5 * 0.2887 / sqrt(DRAWS));
    ck_assert_double_eq_tol(z / DRAWS, 0, 5 / sqrt(DRAWS));
    ck_assert_double_eq_tol(zz / DRAWS, 1, 5 * 1.4143 / sqrt(DRAWS));
    ck_assert_double_eq_tol(zzzz / DRAWS, 3, 5 * 9.8 / sqrt(DRAWS));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("rng");
    TCase *c = tcase_create("rng");
    tcase_add_loop_test(c, philox_gives_the_published_answers, 0, 3);
    tcase_add_test(c, a_walk_takes_the_words_of_consecutive_draws);
    tcase_add_test(c, the_low_word_of_64_bits_comes_first);
    tcase_add_test(c, below_n_every_value_is_as_likely);
    tcase_add_test(c, below_the_edges_of_n);
    tcase_add_test(c, uniform_and_normal_have_their_moments);
    suite_add_tcase(s, c);
    return harness_run(s);
}
