// SPDX-License-Identifier: MIT
// test_function.c - the published vectors come out, and mistakes are named;
// noop shows what was skipped.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/number.h"
#include "common/rng.h"
#include "tests/unit/run_stub.h"
#include "worker/evaluate/evaluate.h"
#include "worker/group.h"

static struct arena *arena;

static void setup(void)
{
    arena = arena_create();
    memset(&stub, 0, sizeof stub);
}

static void teardown(void)
{
    arena_destroy(arena);
}

static struct value scalar(const char *s)
{
    double x;
    return number_parse_f64(s, strlen(s), &x) ? value_float(x) : value_str(arena, s);
}

// "a=1 b=word x=1,2" as a map; x and index are lists.
static void read_pairs(char *text, struct value *map)
{
    char *save = NULL;

    for (char *w = strtok_r(text, " \n", &save); w; w = strtok_r(NULL, " \n", &save)) {
        char *at = strchr(w, '=');
        ck_assert_ptr_nonnull(at);
        *at++ = 0;
        if (strcmp(w, "x") != 0 && strcmp(w, "index") != 0) {
            value_set(arena, map, w, scalar(at));
            continue;
        }
        struct value list = value_list();
        char *inner = NULL;
        for (char *e = strtok_r(at, ",", &inner); e; e = strtok_r(NULL, ",", &inner))
            value_push(arena, &list, scalar(e));
        value_set(arena, map, w, list);
    }
}

// Evaluate one point; NULL when the item failed (stub.text says why).
static const struct value *evaluate(const char *function, const struct value *point)
{
    struct value params = value_map();
    value_set(arena, &params, "function", value_str(arena, function));
    struct workload_job job = {.params = &params};
    struct errtext t;
    void *state;
    struct value *out = arena_alloc(arena, sizeof *out);
    struct run r = {.count = 1, .overrides = &point, .arena = arena, .named = out};

    stub.n_faults = 0;
    ck_assert_int_eq(workload_function.open(&job, &state, &t), OK);
    ck_assert_int_eq(workload_function.run(state, &r, &t), OK);
    workload_function.close(state);
    return stub.n_faults ? NULL : out;
}

static void check_line(char *line)
{
    char *bar = strchr(line, '|');
    char *space = strchr(line, ' ');
    ck_assert(bar && space && space < bar);
    *bar = *space = 0;
    struct value expected = value_map(), point = value_map();
    read_pairs(space + 1, &expected);
    read_pairs(bar + 1, &point);
    const struct value *got = evaluate(line, &point);
    ck_assert_msg(got, "%s: %s", line, stub.text);
    ck_assert_uint_eq(got->n, expected.n);
    for (uint32_t i = 0; i < expected.n; i++) {
        const struct value *y = value_find(got, expected.pairs[i].key);
        ck_assert_ptr_nonnull(y);
        double want = expected.pairs[i].value.f;
        ck_assert_msg(fabs(y->f - want) <= 1e-9 * fmax(fabs(want), 1e-6), "%s: %.17g not %.17g",
                      line, y->f, want);
    }
}

START_TEST(the_published_vectors_come_out)
{
    FILE *f = fopen("tests/golden/function_vectors.txt", "r");
    char line[4096];
    int n = 0;

    ck_assert_ptr_nonnull(f);
    while (fgets(line, sizeof line, f)) {
        if (*line == '#')
            continue;
        check_line(line);
        n++;
    }
    fclose(f);
    ck_assert_int_eq(n, 79);
}
END_TEST

static const struct {
    const char *function, *point, *text;
} bad[] = {
    {"sphere", "", "x is missing"},
    {"sphere", "x=1,two", "x[1] is no number"},
    {"rosenbrock", "x=1", "x has 1 elements"},
    {"nk_dram_k3", "x=0,0,0,8,0,0,0,0,0,0", "x[3] is no category"},
    {"nk_dram_k3", "x=0,0,0,0.5,0,0,0,0,0,0", "x[3] is no category"},
    {"nk_n20_q4_k3", "x=0,1", "x has 2 elements"},
    {"zdt1", "x=0.5,1.5", "x[1] is outside"},
    {"accel", "index=6,0,0,0,0,0,0,0", "index[0] is no place"},
    {"accel", "index=1,2", "index is no list of 8"},
    {"accel_edp", "pe_x=3", "pe_x has no value 3"},
    {"accel_edp", "pe_x=4", "pe_y is missing"},
    {"condtree", "model=tree", "model has none"},
    {"condtree", "model=svm svm.C=0 svm.kernel=rbf", "svm.C is not above 0"},
    {"condtree", "model=svm svm.C=1 svm.kernel=rbf", "svm.rbf.gamma is missing"},
    {"condtree", "model=mlp mlp.layers=2.5", "mlp.layers is no integer"},
    {"curve", "lr=0.1 wd=x width=3", "wd is no number"},
    {"sphere", "x=1e300,1", "is not finite"},
    {"nonsense", "x=1", "names no function"},
};

START_TEST(a_mistake_is_the_jobs_and_named)
{
    char text[256];
    struct value point = value_map();

    snprintf(text, sizeof text, "%s", bad[_i].point);
    read_pairs(text, &point);
    ck_assert_ptr_null(evaluate(bad[_i].function, &point));
    ck_assert_msg(strstr(stub.text, bad[_i].text), "\"%s\" lacks \"%s\"", stub.text,
                  bad[_i].text);
}
END_TEST

static void run_noop(uint64_t seed, uint64_t first, uint32_t count, int64_t bytes, double *out)
{
    struct value params = value_map();
    value_set(arena, &params, "us", value_int(0));
    value_set(arena, &params, "bytes", value_int(bytes));
    struct workload_job job = {.seed = seed, .params = &params};
    struct run r = {.first = first, .count = count, .metrics = out, .arena = arena};
    struct errtext t;
    void *state;

    ck_assert_int_eq(workload_noop.open(&job, &state, &t), OK);
    ck_assert_int_eq(workload_noop.run(state, &r, &t), OK);
    workload_noop.close(state);
}

START_TEST(noop_is_a_function_of_seed_and_item)
{
    double whole[100], part[40];

    run_noop(5, 1000, 100, 0, whole);
    run_noop(5, 1060, 40, 0, part);
    ck_assert_mem_eq(whole + 60, part, sizeof part);
    struct rng r = rng_at(5, 0, 0, 1003);
    ck_assert(whole[3] == rng_f64(&r));
    run_noop(6, 1060, 40, 0, part);
    ck_assert(whole[60] != part[0]);
}
END_TEST

START_TEST(noop_shows_how_many_bytes_it_hashed)
{
    static const int64_t bytes[] = {0, 1, 15, 16, 17, 4095, 4096, 4097, 1 << 20};
    enum { N = sizeof bytes / sizeof *bytes };
    double y[N], again;

    for (int i = 0; i < N; i++) {
        run_noop(7, 3, 1, bytes[i], &y[i]);
        run_noop(7, 3, 1, bytes[i], &again);
        ck_assert(y[i] == again && y[i] >= 0 && y[i] < 1);
        for (int j = 0; j < i; j++)
            ck_assert(y[i] != y[j]);
    }
}
END_TEST

START_TEST(items_beyond_32_bits_do_not_repeat)
{
    double a, b;
    run_noop(8, 5, 1, 0, &a);
    run_noop(8, 5 + (UINT64_C(1) << 32), 1, 0, &b);
    ck_assert(a != b);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("function");
    TCase *c = tcase_create("function");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, the_published_vectors_come_out);
    tcase_add_loop_test(c, a_mistake_is_the_jobs_and_named, 0, sizeof bad / sizeof *bad);
    tcase_add_test(c, noop_is_a_function_of_seed_and_item);
    tcase_add_test(c, noop_shows_how_many_bytes_it_hashed);
    tcase_add_test(c, items_beyond_32_bits_do_not_repeat);
    suite_add_tcase(s, c);
    return harness_run(s);
}
