// SPDX-License-Identifier: MIT
// test_totals.c - sums of whole numbers from a workload's items to a sweep's result.
//
// The table of workloads is this file's own.
#include <string.h>

#include "common/buf.h"
#include "common/mem.h"
#include "common/outcome.h"
#include "common/totals.h"
#include "common/yaml.h"
#include "coordinator/drivers/sweep.h"
#include "protocol/pack.h"
#include "tests/unit/harness.h"
#include "worker/group.h"
#include "worker/runner.h"
#include "worker/workload.h"

static struct arena *a;

// The largest numbers, sums with a carry, the decimal text of what JSON has no number for.
START_TEST(totals_come_back)
{
    static const struct total x[] = {
        {0, 0}, {1, 0}, {UINT64_MAX, 0}, {0, 1}, {UINT64_MAX, UINT64_MAX}, {127, 0}, {128, 0}};
    enum { N = sizeof x / sizeof x[0] };
    struct total y[N];
    struct buf b;
    size_t used;
    buf_init(&b, 1000);
    totals_pack(x, N, &b);
    ck_assert_int_eq(totals_read(b.bytes, b.n, N, y, &used), OK);
    ck_assert_uint_eq(used, b.n);
    for (int i = 0; i < N; i++)
        ck_assert(x[i].low == y[i].low && x[i].high == y[i].high);
    for (size_t cut = 0; cut < b.n; cut++)
        ck_assert_int_eq(totals_read(b.bytes, cut, N, NULL, &used), ERR_PROTO);
    totals_add(&y[2], y[1]);
    ck_assert(y[2].low == 0 && y[2].high == 1);
    ck_assert_double_eq(totals_f64(&y[2]), 0x1p64);
    ck_assert_str_eq(totals_value(&y[2], a).s, "18446744073709551616");
    ck_assert_str_eq(totals_value(&x[4], a).s, "340282366920938463463374607431768211455");
    ck_assert_int_eq(totals_value(&x[5], a).i, 127);
    buf_fini(&b);
}
END_TEST

// ---- a worker's lease ---------------------------------------------------------

// Sums: how many items, and their numbers; every tenth item fails.
static enum error run_summed(void *state, struct run *r, struct errtext *t)
{
    (void)state;
    (void)t;
    for (uint32_t i = 0; i < r->count; i++) {
        uint64_t item = r->first + i;
        struct item_fault f = {.item = item, .blame = FAULT_JOB, .text = "tenth"};
        if (r->metrics)
            r->metrics[i] = (double)item;
        if (item % 10 == 9) {
            run_fault(r, &f);
            continue;
        }
        r->totals[0]++;
        r->totals[1] += UINT64_MAX / 8192; // 128 bits hold it
        r->totals[2 + item % 2]++;
    }
    return OK;
}

static const struct metric one[] = {{.name = "item"}, {.name = NULL}};
static const struct total_row sums[] = {
    {.name = "n"}, {.name = "large"}, {.name = "odd", .n = 2}, {.name = NULL}};
static const struct workload summed = {
    .name = "summed", .metrics = one, .totals = sums, .run = run_summed};
static const struct workload bare = {
    .name = "bare", .metrics = one, .totals = sums, .totals_only = true, .run = run_summed};

const struct workload *const workloads[] = {&summed, &bare, NULL};

const struct workload *workload_find(const char *name)
{
    return strcmp(name, "summed") == 0 ? &summed : strcmp(name, "bare") == 0 ? &bare : NULL;
}

static struct runner *r;
static struct group *g;
static struct rec_result out;

static struct bin pack(const struct value *v)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    pack_write(v, &b);
    struct bin bytes = {arena_copy(a, b.bytes, b.n), (uint32_t)b.n};
    buf_fini(&b);
    return bytes;
}

static void define(uint64_t number, const char *workload, bool rows)
{
    struct message m = {.type = MSG_JOB};
    struct value none = value_map();
    m.job.job = number;
    m.job.workload = str_of(workload);
    m.job.params = pack(&none);
    m.job.exact = true;
    m.job.rows = rows;
    ck_assert_int_eq(runner_define(r, &m, NULL), OK);
}

static struct outcome_view
run_range(uint64_t number, uint64_t first, uint32_t count, enum outcome_form form)
{
    struct rec_lease l = {.lease = 1, .job = number, .first = first, .count = count};
    struct outcome_view v;
    int64_t now = 0;
    ck_assert_int_eq(runner_run(r, &l, g, a, &now, &out), OK);
    ck_assert_uint_eq(out.worker_fault.n, 0);
    ck_assert_int_eq(outcome_view(out.data.p, out.data.n, out.count, &v), OK);
    ck_assert_int_eq(v.form, form);
    return v;
}

static void expect_totals(const struct outcome_view *v, uint64_t items)
{
    struct total x[4];
    size_t used;
    ck_assert_uint_eq(v->n_totals, 4);
    ck_assert_int_eq(totals_read(v->totals, v->n_totals_bytes, 4, x, &used), OK);
    uint64_t n = items - items / 10;
    ck_assert_uint_eq(x[0].low, n);
    ck_assert_double_eq_tol(totals_f64(&x[1]) / ((double)n * 0x1p51), 1, 1e-12);
    ck_assert_uint_eq(x[2].low, items / 2);
    ck_assert_uint_eq(x[3].low, items / 2 - items / 10);
}

START_TEST(totals_are_of_the_items_that_did_not_fail)
{
    define(1, "summed", false);
    struct outcome_view v = run_range(1, 0, 9000, OUTCOME_FOLDS); // three chunks
    expect_totals(&v, 9000);
    v = run_range(1, 0, 2, OUTCOME_ROWS);
    expect_totals(&v, 2);
    v = run_range(1, 9, 1, OUTCOME_NONE); // it fails
    ck_assert_uint_eq(v.n_totals, 0);
    define(2, "bare", false);
    v = run_range(2, 0, 9000, OUTCOME_NONE);
    expect_totals(&v, 9000);
    ck_assert_uint_eq(out.n_faults, 900);
    define(2, "bare", true);
    v = run_range(2, 0, 40, OUTCOME_ROWS);
    expect_totals(&v, 40);
    ck_assert_double_eq(outcome_row_value(&v, 38, 0), 38);
}
END_TEST

// ---- a sweep -----------------------------------------------------------------

static const char catalog[] =
    "{name: w, params: [{name: p, type: int, searchable: true, min: 0, max: 9}],"
    " totals: [{name: n}, {name: hash, hex: true}, {name: hist, n: 3}], totals_only: true,"
    " figures: [{name: mean, expr: 'hist[1] / n'}, {name: bad, expr: '(('},"
    " {name: none, expr: 0 / 0}]}";

static const char *const names[] = {"item", NULL};
static struct arena *out_arena;
static void *state;

static void start_totals(const char *job)
{
    struct value *spec = arena_alloc(a, sizeof *spec);
    struct errtext t;
    struct value *entry = arena_alloc(a, sizeof *entry);
    struct driver_setup s = {.spec = spec,
                             .file = "f",
                             .workload = {.name = "w", .metrics = names, .catalog = entry}};
    ck_assert_int_eq(yaml_parse(catalog, strlen(catalog), "c", a, entry, &t), OK);
    sweep_driver.destroy(state);
    state = NULL;
    ck_assert_int_eq(yaml_parse(job, strlen(job), "f", a, spec, &t), OK);
    ck_assert_msg(sweep_driver.create(&s, &state, &t) == OK, "%s", t.text);
}

// A run with these sums and nothing else.
static void tell_totals(uint64_t first, uint32_t count, uint32_t n_totals)
{
    uint8_t head[] = {OUTCOME_TOTALS, (uint8_t)n_totals, 0}, none = OUTCOME_NONE;
    struct total x[5] = {{count, 0}, {UINT64_MAX, 0}, {0, 0}, {first, 0}, {0, 1}};
    struct buf b;
    buf_init(&b, 1000);
    buf_put(&b, head, sizeof head);
    totals_pack(x, n_totals, &b);
    buf_put(&b, &none, 1);
    struct outcome o = {.first = first, .count = count, .data = b.bytes, .n_data = b.n};
    sweep_driver.tell(state, &o);
    buf_fini(&b);
}

static const char *finish(void)
{
    struct driver_output o = {.arena = out_arena};
    struct buf b;
    sweep_driver.step(state, &o);
    ck_assert(o.finished);
    buf_init(&b, 1 << 20);
    value_json(&o.result, &b);
    char *json = arena_str(a, buf_cstr(&b), b.n);
    buf_fini(&b);
    return json;
}

START_TEST(totals_add_up_in_any_order_and_over_points)
{
    start_totals("items: 10\ngrid: {p: [1, 2]}\n");
    tell_totals(10, 4, 5);
    tell_totals(0, 10, 5);
    tell_totals(14, 6, 5);
    ck_assert_str_eq(
        finish(),
        "{\"items\":20,\"failed\":0,\"points\":["
        "{\"params\":{\"p\":1},\"failed\":0,\"totals\":{\"n\":10,\"hash\":\"ffffffffffffffff\","
        "\"hist\":[0,0,\"18446744073709551616\"]},\"figures\":{\"mean\":0.0,\"none\":null}},"
        "{\"params\":{\"p\":2},\"failed\":0,\"totals\":{\"n\":10,\"hash\":\"fffffffffffffffe\","
        "\"hist\":[0,24,\"36893488147419103232\"]},\"figures\":{\"mean\":2.4,\"none\":null}}],"
        "\"pooled\":{\"totals\":{\"n\":20,\"hash\":\"fffffffffffffffd\","
        "\"hist\":[0,24,\"55340232221128654848\"]},\"figures\":{\"mean\":1.2,\"none\":null}}}");
}
END_TEST

START_TEST(totals_of_another_number_count_as_failed)
{
    start_totals("items: 10");
    tell_totals(0, 4, 4);
    tell_totals(4, 6, 5);
    const char *json = finish();
    ck_assert_ptr_nonnull(strstr(json, "\"failed\":4,\"totals\":{\"n\":6,"));
}
END_TEST

static void setup(void)
{
    static const struct runner_host host = {.open_max = 2};
    a = arena_create();
    out_arena = arena_create();
    r = runner_create(&host);
    g = group_local_create();
    state = NULL;
}

static void teardown(void)
{
    sweep_driver.destroy(state);
    runner_destroy(r);
    group_destroy(g);
    arena_destroy(out_arena);
    arena_destroy(a);
}

int main(void)
{
    Suite *s = suite_create("totals");
    TCase *c = tcase_create("totals");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, totals_come_back);
    tcase_add_test(c, totals_are_of_the_items_that_did_not_fail);
    tcase_add_test(c, totals_add_up_in_any_order_and_over_points);
    tcase_add_test(c, totals_of_another_number_count_as_failed);
    suite_add_tcase(s, c);
    return harness_run(s);
}
