// SPDX-License-Identifier: MIT
// test_collbench.c - the line through times, and the benchmark on one rank.
#include <string.h>

#include "common/mem.h"
#include "common/rng.h"
#include "tests/unit/run_stub.h"
#include "worker/evaluate/evaluate.h"
#include "worker/evaluate/fit.h"
#include "worker/group.h"

enum { N = 8, N_METRICS = 5 };

static struct arena *arena;

static void setup(void)
{
    arena = arena_create();
}

static void teardown(void)
{
    arena_destroy(arena);
}

// ---- the line ------------------------------------------------------------------------

static void make_times(double latency, double per_byte, double *bytes, double *seconds)
{
    for (int i = 0; i < N; i++) {
        bytes[i] = 64.0 * (1 << 2 * i);
        seconds[i] = latency + per_byte * bytes[i];
    }
}

START_TEST(a_line_is_found_again)
{
    static const double lines[][2] = {{1e-6, 1e-9}, {5e-5, 1e-10}, {0, 2e-9}, {3e-6, 0}};
    double bytes[N], seconds[N];
    make_times(lines[_i][0], lines[_i][1], bytes, seconds);
    struct fit f = fit_line(bytes, seconds, N);
    ck_assert_double_eq_tol(f.latency, lines[_i][0], 1e-12);
    ck_assert_double_eq_tol(f.per_byte, lines[_i][1], 1e-15);
    ck_assert_double_lt(f.residual, 1e-6);
}
END_TEST

START_TEST(noise_shows_as_residual)
{
    double bytes[N], seconds[N];
    struct rng r = rng_at(1, 0, 0, 0);
    make_times(1e-6, 1e-9, bytes, seconds);
    for (int i = 0; i < N; i++)
        seconds[i] *= 1 + 0.1 * rng_normal(&r);
    struct fit f = fit_line(bytes, seconds, N);
    ck_assert_double_eq_tol(f.latency, 1e-6, 2e-7);
    ck_assert_double_eq_tol(f.per_byte, 1e-9, 2e-10);
    ck_assert(f.residual > 0.02 && f.residual < 0.2);
}
END_TEST

// Falling times have no bandwidth, and times steeper than their size no latency.
START_TEST(no_part_of_a_line_is_negative)
{
    double bytes[] = {100, 200, 400}, falling[] = {4, 3, 2}, steep[] = {1, 3, 9};
    struct fit f = fit_line(bytes, falling, 3);
    ck_assert(f.per_byte == 0 && f.latency > 2 && f.latency < 4);
    f = fit_line(bytes, steep, 3);
    ck_assert(f.latency == 0 && f.per_byte > 0.01 && f.per_byte < 0.0225);
    f = fit_line(bytes, falling, 1);
    ck_assert_double_eq_tol(f.latency, 4, 1e-12);
    ck_assert(f.per_byte == 0);
}
END_TEST

// ---- the workload ----------------------------------------------------------------------

static enum error run(struct value *params, double *row, struct errtext *t)
{
    struct workload_job job = {.seed = 1, .params = params};
    struct group *g = group_local_create();
    struct run r = {.count = 1, .group = g, .arena = arena, .metrics = row};
    void *state;
    ck_assert_int_eq(workload_collbench.open(&job, &state, t), OK);
    enum error e = workload_collbench.run(state, &r, t);
    workload_collbench.close(state);
    group_destroy(g);
    return e;
}

START_TEST(every_operation_is_timed)
{
    static const char *const names[] = {"allreduce", "reduce_scatter", "allgather", "broadcast",
                                        "alltoall"};
    struct value params = value_map();
    double row[N_METRICS] = {-1, -1, -1, -1, -1};
    struct errtext t = {""};
    value_set(arena, &params, "operation", value_str(arena, names[_i]));
    value_set(arena, &params, "to_bytes", value_int(1 << 16));
    ck_assert_msg(run(&params, row, &t) == OK, "%s", t.text);
    for (int i = 0; i < N_METRICS; i++)
        ck_assert(row[i] >= 0);
    ck_assert(row[3] > 0 && row[3] < 1e6 && row[4] > 0 && row[4] < 1e6);
    ck_assert_uint_eq(stub.n_progress, 7); // 64, 256, … 65536, and the item
}
END_TEST

START_TEST(more_ranks_than_the_gang_has_are_the_job_s_fault)
{
    struct value params = value_map();
    double row[N_METRICS];
    struct errtext t = {""};
    value_set(arena, &params, "ranks", value_int(2));
    ck_assert_int_eq(run(&params, row, &t), FAULT_JOB);
    ck_assert_str_eq(t.text, "ranks is 2, the gang has 1: say gang: 2");
}
END_TEST

START_TEST(sizes_go_upwards)
{
    struct value params = value_map();
    struct errtext t = {""};
    value_set(arena, &params, "from_bytes", value_int(1024));
    value_set(arena, &params, "to_bytes", value_int(512));
    ck_assert_int_eq(workload_collbench.check(&params, &t), ERR_INVALID);
    ck_assert_str_eq(t.text, "from_bytes is 1024, expected at most to_bytes, 512");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("collbench");
    TCase *c = tcase_create("collbench");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_loop_test(c, a_line_is_found_again, 0, 4);
    tcase_add_test(c, noise_shows_as_residual);
    tcase_add_test(c, no_part_of_a_line_is_negative);
    tcase_add_loop_test(c, every_operation_is_timed, 0, 5);
    tcase_add_test(c, more_ranks_than_the_gang_has_are_the_job_s_fault);
    tcase_add_test(c, sizes_go_upwards);
    suite_add_tcase(s, c);
    return harness_run(s);
}
