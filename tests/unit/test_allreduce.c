// SPDX-License-Identifier: MIT
// test_allreduce.c - one tree over logical parts, whoever holds them.
#include <math.h>
#include <string.h>

#include "common/mem.h"
#include "common/rng.h"
#include "tests/unit/run_stub.h"
#include "worker/evaluate/evaluate.h"
#include "worker/group_ops.h"

static struct arena *arena;

static void setup(void)
{
    arena = arena_create();
}

static void teardown(void)
{
    arena_destroy(arena);
}

static void
run(uint64_t seed, int64_t n, int64_t parts, uint64_t first, uint32_t count, double *rows)
{
    struct value params = value_map();
    value_set(arena, &params, "n", value_int(n));
    value_set(arena, &params, "parts", value_int(parts));
    struct workload_job job = {.seed = seed, .params = &params};
    struct group *g = group_local_create();
    struct run r = {
        .first = first, .count = count, .group = g, .arena = arena, .metrics = rows};
    struct errtext t;
    void *state;

    ck_assert_int_eq(workload_allreduce.open(&job, &state, &t), OK);
    ck_assert_int_eq(workload_allreduce.run(state, &r, &t), OK);
    workload_allreduce.close(state);
    group_destroy(g);
}

START_TEST(the_result_is_near_the_plain_sum)
{
    enum { LENGTH = 1000, PARTS = 5 };
    double row[3], sum = 0, squares = 0, first = 0;

    run(3, LENGTH, PARTS, 7, 1, row);
    struct rng r[PARTS] = {{{0}, {0}, {0}, 0}};
    for (uint32_t p = 0; p < PARTS; p++)
        r[p] = rng_at(3, p, 1, 7);
    for (int i = 0; i < LENGTH; i++) {
        double x = 0;
        for (int p = 0; p < PARTS; p++)
            x += ((double)(rng_u32(&r[p]) >> 8) - 0x1p23) * 0x1p-23;
        first = i ? first : x;
        sum += x;
        squares += x * x;
    }
    ck_assert_double_eq_tol(row[0], sum, 1e-3);
    ck_assert_double_eq_tol(row[1], first, 1e-6);
    ck_assert_double_eq_tol(row[2], sqrt(squares), 1e-3);
}
END_TEST

START_TEST(items_stand_alone)
{
    double whole[4][3], one[3];

    run(4, 33, 8, 100, 4, whole[0]);
    for (uint32_t i = 0; i < 4; i++) {
        run(4, 33, 8, 100 + i, 1, one);
        ck_assert_mem_eq(one, whole[i], sizeof one);
    }
    ck_assert(whole[0][1] != whole[1][1]);
}
END_TEST

// ((0+1)+(2+3))+4 for five parts, and so on.
static float tree(const float *x, uint32_t first, uint32_t parts)
{
    uint32_t half = 1;
    if (parts == 1)
        return x[first];
    while (2 * half < parts)
        half *= 2;
    float left = tree(x, first, half);
    return left + tree(x, first + half, parts - half);
}

START_TEST(the_tree_is_pairwise_over_part_numbers)
{
    uint32_t parts = (uint32_t)_i;
    struct rng r = rng_at(1, parts, 0, 0);
    float x[64] = {0}, copy[64], out;
    struct group *g = group_local_create();

    for (uint32_t i = 0; i < parts; i++)
        x[i] = (float)rng_normal(&r);
    memcpy(copy, x, sizeof x);
    group_tree_sum(g, x, parts, 1, &out);
    ck_assert(out == tree(x, 0, parts));
    ck_assert_mem_eq(x, copy, parts * sizeof *x);
    group_destroy(g);
}
END_TEST

static void check_parts(uint32_t size, uint32_t parts)
{
    ck_assert_uint_eq(group_first_part(0, size, parts), 0);
    ck_assert_uint_eq(group_first_part(size, size, parts), parts);
    for (uint32_t p = 0; p < parts; p++) {
        uint32_t rank = p * size / parts;
        ck_assert(group_first_part(rank, size, parts) <= p);
        ck_assert(group_first_part(rank + 1, size, parts) > p);
    }
}

START_TEST(one_rank_s_share_is_the_whole_sum)
{
    enum { LENGTH = 5, PARTS = 13 };
    struct rng r = rng_at(2, 0, 0, 0);
    float x[PARTS * LENGTH], want[LENGTH], got[LENGTH];
    struct group *g = group_local_create();
    for (size_t i = 0; i < PARTS * LENGTH; i++)
        x[i] = (float)rng_normal(&r);
    group_tree_sum(g, x, PARTS, LENGTH, want);
    group_reduce_scatter(g, x, PARTS, LENGTH, got);
    ck_assert_mem_eq(got, want, sizeof want);
    group_destroy(g);
}
END_TEST

START_TEST(each_part_has_one_rank)
{
    for (uint32_t size = 1; size <= 9; size++)
        for (uint32_t parts = 1; parts <= 20; parts++)
            check_parts(size, parts);
}
END_TEST

START_TEST(a_group_of_one_talks_to_itself)
{
    struct group *g = group_local_create();
    uint64_t in = 42, out = 0;
    size_t n = sizeof in;

    ck_assert_uint_eq(group_rank(g), 0);
    ck_assert_uint_eq(group_size(g), 1);
    group_barrier(g);
    group_bcast(g, &in, sizeof in, 0);
    group_allgather(g, &in, sizeof in, &out);
    ck_assert_uint_eq(out, 42);
    in++;
    group_alltoall(g, &in, sizeof in, &out);
    ck_assert_uint_eq(out, 43);
    in++;
    group_alltoallv(g, &in, &n, &out, &n);
    ck_assert_uint_eq(out, 44);
    struct group *f = group_first(g, 1);
    ck_assert_uint_eq(group_size(f), 1);
    group_destroy(f);
    group_destroy(g);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("allreduce");
    TCase *c = tcase_create("allreduce");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, the_result_is_near_the_plain_sum);
    tcase_add_test(c, items_stand_alone);
    tcase_add_loop_test(c, the_tree_is_pairwise_over_part_numbers, 1, 65);
    tcase_add_test(c, one_rank_s_share_is_the_whole_sum);
    tcase_add_test(c, each_part_has_one_rank);
    tcase_add_test(c, a_group_of_one_talks_to_itself);
    suite_add_tcase(s, c);
    return harness_run(s);
}
