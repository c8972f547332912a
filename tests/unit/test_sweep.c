// SPDX-License-Identifier: MIT
// test_sweep.c - whatever the order, the cuts and the form in which outcomes come,
// a sweep answers the same.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/fold.h"
#include "common/mem.h"
#include "common/outcome.h"
#include "common/rng.h"
#include "common/yaml.h"
#include "coordinator/drivers/sweep.h"
#include "protocol/pack.h"
#include "tests/unit/harness.h"

static const char *const two_metrics[] = {"value", "cost", NULL};

static struct arena *a;
static struct arena *out_arena;
static struct value spec;
static struct errtext t;
static void *state;
static bool again;

static void setup(void)
{
    a = arena_create();
    out_arena = arena_create();
    state = NULL;
    again = false;
}

static void teardown(void)
{
    sweep_driver.destroy(state);
    arena_destroy(a);
    arena_destroy(out_arena);
}

static void start(const char *job, const char *const *metrics)
{
    struct driver_setup s = {
        .spec = &spec, .file = "f", .workload = {.name = "w", .metrics = metrics}};
    sweep_driver.destroy(state);
    state = NULL;
    ck_assert_msg(yaml_parse(job, strlen(job), "f", a, &spec, &t) == OK, "%s", t.text);
    ck_assert_msg(sweep_driver.create(&s, &state, &t) == OK, "%s", t.text);
}

// What the workload of these tests answers: a function of the item over the job.
static double metric(uint64_t item, uint32_t m)
{
    struct rng r = rng_at(1, 0, m, (uint32_t)item);
    return rng_normal(&r) * (m ? 1e6 : 1);
}

static bool fails(uint64_t item, uint32_t one_in)
{
    return one_in && item % one_in == one_in - 1;
}

static uint32_t
faults_of(uint64_t first, uint32_t count, uint32_t one_in, struct outcome_fault **faults)
{
    uint32_t n = 0;
    *faults = arena_alloc(a, count * sizeof **faults);
    for (uint32_t i = 0; i < count; i++)
        if (fails(first + i, one_in))
            (*faults)[n++] = (struct outcome_fault){first + i, "it failed"};
    return n;
}

static void send(uint64_t first, uint32_t count, uint32_t one_in, const struct buf *data)
{
    struct outcome o = {.first = first, .count = count, .again = again};
    struct outcome_fault *faults;
    o.data = data->bytes;
    o.n_data = data->n;
    o.n_faults = faults_of(first, count, one_in, &faults);
    o.faults = faults;
    sweep_driver.tell(state, &o);
}

static void tell_rows(uint64_t first, uint32_t count, uint32_t one_in)
{
    double *rows = arena_alloc(a, 2 * count * sizeof *rows);
    struct buf b;
    for (uint32_t i = 0; i < 2 * count; i++)
        rows[i] = fails(first + i / 2, one_in) ? (double)NAN : metric(first + i / 2, i % 2);
    buf_init(&b, SIZE_MAX / 4);
    outcome_put_rows(&b, rows, count, 2);
    send(first, count, one_in, &b);
    buf_fini(&b);
}

static void tell_folds(uint64_t first, uint32_t count, uint32_t one_in, bool exact)
{
    static const uint8_t head[] = {OUTCOME_FOLDS, 2, 0};
    struct buf b;
    buf_init(&b, SIZE_MAX / 4);
    buf_put(&b, head, sizeof head);
    for (uint32_t m = 0; m < 2; m++) {
        struct fold *f = fold_create(exact);
        for (uint32_t i = 0; i < count; i++) {
            double x = metric(first + i, m);
            if (!fails(first + i, one_in))
                fold_add(f, &x, 1, 1);
        }
        fold_pack(f, &b);
        fold_destroy(f);
    }
    send(first, count, one_in, &b);
    buf_fini(&b);
}

static void tell_named(uint64_t first, uint32_t count, const struct value *list)
{
    uint8_t form = OUTCOME_NAMED;
    struct buf b;
    buf_init(&b, SIZE_MAX / 4);
    buf_put(&b, &form, 1);
    pack_write(list, &b);
    send(first, count, 0, &b);
    buf_fini(&b);
}

static struct driver_output step(void)
{
    struct driver_output o = {.arena = out_arena};
    sweep_driver.step(state, &o);
    return o;
}

static const char *line_of(uint64_t item)
{
    struct value v = sweep_driver.params_of(state, item, a);
    return value_find(&v, "line")->s;
}

static const char *finish(void)
{
    struct buf b;
    struct driver_output o = step();
    ck_assert(o.finished);
    buf_init(&b, 1 << 24);
    value_json(&o.result, &b);
    char *json = arena_str(a, buf_cstr(&b), b.n);
    buf_fini(&b);
    return json;
}

// ---- one point --------------------------------------------------------------

// The items in pieces of random size and order and form.
static void tell_shuffled(uint64_t n, uint64_t per_point, uint64_t seed, bool exact)
{
    struct rng r = rng_at(seed, 0, 0, 0);
    uint64_t *from = arena_alloc(a, (n + 1) * sizeof *from);
    uint32_t n_pieces = 0;
    for (uint64_t at = 0, size; at < n; at += size) {
        uint64_t left = per_point - at % per_point;
        size = 1 + rng_below(&r, 40);
        size = size < left ? size : left;
        from[n_pieces++] = at | size << 40;
    }
    for (uint32_t i = n_pieces; i-- > 1;) {
        uint32_t j = (uint32_t)rng_below(&r, i + 1);
        uint64_t swap = from[i];
        from[i] = from[j];
        from[j] = swap;
    }
    for (uint32_t i = 0; i < n_pieces; i++) {
        uint64_t first = from[i] & ((UINT64_C(1) << 40) - 1);
        uint32_t count = (uint32_t)(from[i] >> 40);
        if (rng_below(&r, 2))
            tell_rows(first, count, 7);
        else
            tell_folds(first, count, 7, exact);
    }
}

START_TEST(order_cuts_and_form_never_show)
{
    start("items: 1000", two_metrics);
    ck_assert(!step().finished);
    ck_assert_uint_eq(step().n_items, 1000);
    ck_assert_int_eq(sweep_driver.wants(state), DRIVER_FOLDS);
    for (uint64_t i = 0; i < 1000; i++)
        tell_rows(i, 1, 7);
    const char *one_by_one = finish();
    ck_assert_ptr_nonnull(strstr(one_by_one, "\"items\":1000,\"failed\":142"));
    start("items: 1000", two_metrics);
    tell_shuffled(1000, 1000, (uint64_t)_i, true);
    ck_assert_str_eq(finish(), one_by_one);
}
END_TEST

START_TEST(the_result_is_what_arithmetic_says)
{
    start("items: 4", two_metrics);
    double rows[] = {1, 10, 2, 20, 3, 30, 6, 40};
    struct buf b;
    buf_init(&b, 1000);
    outcome_put_rows(&b, rows, 4, 2);
    send(0, 4, 0, &b);
    buf_fini(&b);
    struct driver_output o = step();
    const struct value *f = value_find(value_find(&o.result, "metrics"), "value");
    ck_assert_int_eq(value_find(f, "count")->i, 4);
    ck_assert_double_eq(value_find(f, "mean")->f, 3);
    ck_assert_double_eq(value_find(f, "p50")->f, 2.5);
    ck_assert_double_eq(value_find(f, "max")->f, 6);
    ck_assert_double_eq_tol(value_find(f, "sd")->f, sqrt(14.0 / 3), 1e-15);
    ck_assert_ptr_null(o.why_no_digest);
    ck_assert_uint_eq(o.n_blobs, 0);
}
END_TEST

START_TEST(many_values_are_folded_in_a_histogram)
{
    uint32_t n = FOLD_EXACT_MAX + 1;
    start("items: 65537", two_metrics);
    tell_rows(0, 30000, 0);
    tell_folds(30000, n - 30000, 0, false);
    const char *once = finish();
    ck_assert_ptr_nonnull(strstr(once, "approximate"));
    start("items: 65537", two_metrics);
    tell_folds(1, n - 1, 0, false);
    tell_rows(0, 1, 0);
    ck_assert_str_eq(finish(), once);
    start("items: 65536", two_metrics);
    tell_rows(0, n - 1, 0);
    ck_assert_ptr_null(strstr(finish(), "approximate"));
}
END_TEST

START_TEST(all_may_fail)
{
    static const uint8_t none = OUTCOME_NONE;
    struct outcome o = {.count = 3, .data = &none, .n_data = 1};
    start("items: 3", two_metrics);
    sweep_driver.tell(state, &o);
    ck_assert_str_eq(finish(), "{\"items\":3,\"failed\":3,\"metrics\":{\"value\":{\"count\":0},"
                               "\"cost\":{\"count\":0}}}");
}
END_TEST

START_TEST(what_failed_may_be_tried_again)
{
    start("items: 20", two_metrics);
    for (uint64_t i = 0; i < 20; i++)
        tell_rows(i, 1, 0);
    const char *unfailing = finish();
    start("items: 20", two_metrics);
    tell_rows(0, 20, 5);
    again = true;
    tell_rows(4, 1, 0);
    tell_rows(9, 1, 0);
    tell_rows(14, 1, 15); // fails once more
    ck_assert_ptr_nonnull(strstr(finish(), "\"failed\":2"));
    tell_rows(14, 1, 0);
    tell_folds(19, 1, 0, true);
    ck_assert_str_eq(finish(), unfailing);
}
END_TEST

// ---- what cannot be read ----------------------------------------------------

START_TEST(bytes_that_lie_count_as_failed)
{
    static const uint8_t lies[][40] = {
        {OUTCOME_ROWS, 2, 0},                 // no rows
        {OUTCOME_ROWS, 1, 0, [10] = 0},       // one metric
        {OUTCOME_FOLDS, 2, 0, 7},             // no fold
        {OUTCOME_FOLDS, 2, 0, 1, 0xff, 0xff}, // cut off
        {OUTCOME_FOLDS, 2, 0, 0, 0, 0},       // of the other sort
        {OUTCOME_NAMED, 0x91, 0x80},          // a workload with fixed metrics
        {99},
        {0},
    };
    static const size_t n[] = {3, 11, 4, 6, 6, 3, 1, 0};

    start("items: 16", two_metrics);
    for (uint32_t i = 0; i < 8; i++) {
        struct outcome o = {.first = i, .count = 1, .data = lies[i], .n_data = n[i]};
        sweep_driver.tell(state, &o);
    }
    tell_rows(8, 8, 0);
    const char *json = finish();
    ck_assert_ptr_nonnull(strstr(json, "\"failed\":8,"));
    ck_assert_ptr_nonnull(strstr(json, "\"value\":{\"count\":8"));
    // Items that do not exist are nobody's.
    struct outcome o = {.first = 15, .count = 2, .data = lies[6], .n_data = 1};
    sweep_driver.tell(state, &o);
    o.first = UINT64_MAX;
    sweep_driver.tell(state, &o);
    ck_assert_str_eq(finish(), json);
}
END_TEST

START_TEST(a_fold_of_more_values_than_items_is_refused)
{
    static const uint8_t head[] = {OUTCOME_FOLDS, 2, 0};
    struct buf b;
    buf_init(&b, 1000);
    buf_put(&b, head, sizeof head);
    for (int m = 0; m < 2; m++) {
        struct fold *f = fold_create(true);
        double x[3] = {1, 2, 3};
        fold_add(f, x, m ? 3 : 1, 1);
        fold_pack(f, &b);
        fold_destroy(f);
    }
    start("items: 2", two_metrics);
    send(0, 1, 0, &b);
    tell_rows(1, 1, 0);
    const char *json = finish();
    ck_assert_ptr_nonnull(strstr(json, "\"failed\":1,"));
    // Nothing of it was taken, not even the fold that was well.
    ck_assert_ptr_nonnull(strstr(json, "\"value\":{\"count\":1"));
    ck_assert_ptr_nonnull(strstr(json, "\"cost\":{\"count\":1"));
    buf_fini(&b);
}
END_TEST

// ---- a grid -----------------------------------------------------------------

static const char grid_job[] = "items: 50\nfirst: 7\ngrid: {b: [x, y], c: [1, 2, 3]}\n";

START_TEST(the_last_key_of_a_grid_is_fastest)
{
    uint64_t per_point, first;
    const struct value *points;
    struct buf b;

    start(grid_job, two_metrics);
    sweep_driver.layout(state, &per_point, &first, &points);
    ck_assert_uint_eq(per_point, 50);
    ck_assert_uint_eq(first, 7);
    buf_init(&b, 1000);
    value_json(points, &b);
    ck_assert_str_eq(buf_cstr(&b),
                     "[{\"b\":\"x\",\"c\":1},{\"b\":\"x\",\"c\":2},{\"b\":\"x\",\"c\":3},"
                     "{\"b\":\"y\",\"c\":1},{\"b\":\"y\",\"c\":2},{\"b\":\"y\",\"c\":3}]");
    ck_assert_uint_eq(step().n_items, 300);
    buf_fini(&b);
}
END_TEST

START_TEST(every_point_has_its_own_folds)
{
    start(grid_job, two_metrics);
    for (uint64_t i = 0; i < 300; i++)
        tell_rows(i, 1, 7);
    const char *one_by_one = finish();
    start(grid_job, two_metrics);
    tell_rows(0, 300, 7); // over the points' borders, as recovery may put it together
    ck_assert_str_eq(finish(), one_by_one);
    start(grid_job, two_metrics);
    tell_shuffled(300, 50, (uint64_t)_i, true);
    ck_assert_str_eq(finish(), one_by_one);

    struct driver_output o = step();
    const struct value *list = value_find(&o.result, "points");
    ck_assert_uint_eq(list->n, 6);
    const struct value *third = value_find(&list->items[2], "metrics");
    double sum = 0, n = 0;
    for (uint64_t i = 100; i < 150; i++) {
        sum += fails(i, 7) ? 0 : metric(i, 1);
        n += !fails(i, 7);
    }
    ck_assert_double_eq(value_number(value_find(value_find(third, "cost"), "count")), n);
    ck_assert_double_eq_tol(value_find(value_find(third, "cost"), "mean")->f, sum / n, 1e-6);
}
END_TEST

START_TEST(a_point_may_be_tried_again_after_others_are_done)
{
    start(grid_job, two_metrics);
    tell_rows(0, 300, 0);
    const char *unfailing = finish();
    start(grid_job, two_metrics);
    tell_rows(0, 300, 150);
    again = true;
    tell_rows(149, 1, 0);
    tell_rows(299, 1, 0);
    ck_assert_str_eq(finish(), unfailing);
}
END_TEST

START_TEST(many_points_are_a_blob)
{
    struct buf job;
    buf_init(&job, 1 << 20);
    buf_puts(&job, "items: 1\ngrid: {a: [");
    for (int i = 0; i < 1001; i++)
        buf_printf(&job, "%d,", i);
    buf_puts(&job, "]}\n");
    start(buf_cstr(&job), two_metrics);
    tell_rows(0, 1001, 0);
    struct driver_output o = step();
    ck_assert_uint_eq(o.n_blobs, 1);
    ck_assert_str_eq(o.blobs[0].name, "points.jsonl");
    char hex[65];
    struct sha256 h = sha256_of(o.blobs[0].bytes, o.blobs[0].n);
    sha256_hex(&h, hex);
    ck_assert_str_eq(value_find(&o.result, "points")->s, hex);
    ck_assert_int_eq(value_find(&o.result, "n_points")->i, 1001);
    uint32_t lines = 0;
    for (size_t i = 0; i < o.blobs[0].n; i++)
        lines += ((const char *)o.blobs[0].bytes)[i] == '\n';
    ck_assert_uint_eq(lines, 1001);
    buf_fini(&job);
}
END_TEST

// ---- metrics that items name ------------------------------------------------

static struct value list_of(const char *json)
{
    struct value v;
    ck_assert_msg(yaml_parse(json, strlen(json), "list", a, &v, &t) == OK, "%s", t.text);
    return v;
}

START_TEST(named_metrics_fold_by_name)
{
    struct value first = list_of("[{area: 1, delay: 2.5, word: x}, {area: 3}, null]");
    struct value last = list_of("[{zeta: 9, area: 5}, 7]");

    start("items: 5", NULL);
    tell_named(0, 3, &first);
    tell_named(3, 2, &last);
    const char *json = finish();
    start("items: 5", NULL);
    tell_named(3, 2, &last);
    tell_named(0, 3, &first);
    ck_assert_str_eq(finish(), json);
    struct driver_output o = step();
    ck_assert_int_eq(value_find(&o.result, "failed")->i, 2);
    const struct value *m = value_find(&o.result, "metrics");
    ck_assert_uint_eq(m->n, 3);
    ck_assert_str_eq(m->pairs[0].key, "area");
    ck_assert_str_eq(m->pairs[2].key, "zeta");
    ck_assert_int_eq(value_find(&m->pairs[0].value, "count")->i, 3);
    ck_assert_double_eq(value_find(&m->pairs[0].value, "mean")->f, 3);
    ck_assert_int_eq(value_find(&m->pairs[1].value, "count")->i, 1);
}
END_TEST

START_TEST(too_many_names_cost_the_digest_only)
{
    struct value map = value_map();
    struct value list = value_list();
    char name[16];
    for (int i = 0; i < 1100; i++) {
        (void)snprintf(name, sizeof name, "m%d", i);
        value_set(a, &map, name, value_int(i));
    }
    value_push(a, &list, map);
    start("items: 1", NULL);
    tell_named(0, 1, &list);
    struct driver_output o = step();
    ck_assert(o.finished);
    ck_assert_ptr_nonnull(o.why_no_digest);
}
END_TEST

// ---- rows and lines ---------------------------------------------------------

START_TEST(rows_are_lines_in_the_order_of_items)
{
    start("items: 2\nfirst: 5\nrows: true\ngrid: {us: [0, 3]}\n", two_metrics);
    ck_assert_int_eq(sweep_driver.wants(state), DRIVER_ROWS);
    double rows[4][2] = {{1, 2}, {0.5, 1e300}, {7, 8}, {(double)NAN, 4}};
    for (uint32_t i = 4; i-- > 0;) {
        struct buf b;
        buf_init(&b, 1000);
        outcome_put_rows(&b, rows[i], 1, 2);
        send(i, 1, 3, &b); // item 2 fails
        buf_fini(&b);
    }
    struct driver_output o = step();
    ck_assert_uint_eq(o.n_blobs, 1);
    ck_assert_str_eq(o.blobs[0].name, "rows.jsonl");
    ck_assert_str_eq(
        o.blobs[0].bytes,
        "{\"item\":5,\"params\":{\"us\":0},\"metrics\":{\"value\":1.0,\"cost\":2.0}}\n"
        "{\"item\":6,\"params\":{\"us\":0},\"metrics\":{\"value\":0.5,\"cost\":1e+300}}\n"
        "{\"item\":5,\"params\":{\"us\":3},\"failed\":true}\n"
        "{\"item\":6,\"params\":{\"us\":3},\"metrics\":{\"value\":null,\"cost\":4.0}}\n");
    char hex[65];
    struct sha256 h = sha256_of(o.blobs[0].bytes, o.blobs[0].n);
    sha256_hex(&h, hex);
    ck_assert_str_eq(value_find(&o.result, "rows")->s, hex);
}
END_TEST

START_TEST(lines_are_parameters_of_their_items)
{
    struct value list = list_of("[{n: 1, s: word}, {n: 2}]");

    start("lines: [a b, '']\nrows: true\n", NULL);
    struct driver_output o = step();
    ck_assert_uint_eq(o.n_items, 2);
    ck_assert_ptr_null(o.params); // none waits anywhere: they are made when leased
    ck_assert_str_eq(line_of(0), "a b");
    ck_assert_str_eq(line_of(1), "");
    tell_named(0, 2, &list);
    o = step();
    ck_assert_str_eq(
        o.blobs[0].bytes,
        "{\"item\":0,\"params\":{\"line\":\"a b\"},\"metrics\":{\"n\":1,\"s\":\"word\"}}\n"
        "{\"item\":1,\"params\":{\"line\":\"\"},\"metrics\":{\"n\":2}}\n");
}
END_TEST

START_TEST(a_result_that_is_not_reproducible_has_no_digest)
{
    start("items: 1\nreproducible: false\n", two_metrics);
    tell_rows(0, 1, 0);
    struct driver_output o = step();
    ck_assert_str_eq(o.why_no_digest, "the job says reproducible: false");
}
END_TEST

// ---- cost -------------------------------------------------------------------

START_TEST(a_sweep_of_any_size_costs_the_same_memory)
{
    start("items: 9007199254740992", two_metrics);
    ck_assert_uint_eq(step().n_items, UINT64_C(1) << 53);
    tell_rows(UINT64_C(1) << 52, 100, 0);
}
END_TEST

// The bound is loose: it is for what grows with the number of items told.
START_TEST(telling_one_item_takes_well_under_a_microsecond)
{
    static const char *const one[] = {"value", NULL};
    enum { N = 200000 };
    uint8_t bytes[11] = {OUTCOME_ROWS, 1, 0};
    int64_t best = INT64_MAX;

    start("items: 1000000", one);
    for (int round = 0; round < 5; round++) {
        int64_t begin = clock_cpu_now();
        for (uint64_t i = 0; i < N; i++) {
            double x = (double)i;
            memcpy(bytes + 3, &x, sizeof x);
            struct outcome o = {
                .first = (uint64_t)round * N + i, .count = 1, .data = bytes, .n_data = 11};
            sweep_driver.tell(state, &o);
        }
        int64_t took = clock_cpu_now() - begin;
        best = took < best ? took : best;
    }
    if (getenv("SHOAL_SHOW"))
        printf("%.1f ns an item\n", (double)best / N);
    ck_assert_int_lt(best / N, 5000);
    ck_assert_ptr_nonnull(strstr(finish(), "\"count\":1000000"));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("sweep");
    TCase *c = tcase_create("sweep");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, order_cuts_and_form_never_show, 0, 10);
    tcase_add_test(c, the_result_is_what_arithmetic_says);
    tcase_add_test(c, many_values_are_folded_in_a_histogram);
    tcase_add_test(c, all_may_fail);
    tcase_add_test(c, what_failed_may_be_tried_again);
    tcase_add_test(c, bytes_that_lie_count_as_failed);
    tcase_add_test(c, a_fold_of_more_values_than_items_is_refused);
    tcase_add_test(c, the_last_key_of_a_grid_is_fastest);
    tcase_add_loop_test(c, every_point_has_its_own_folds, 0, 5);
    tcase_add_test(c, a_point_may_be_tried_again_after_others_are_done);
    tcase_add_test(c, many_points_are_a_blob);
    tcase_add_test(c, named_metrics_fold_by_name);
    tcase_add_test(c, too_many_names_cost_the_digest_only);
    tcase_add_test(c, rows_are_lines_in_the_order_of_items);
    tcase_add_test(c, lines_are_parameters_of_their_items);
    tcase_add_test(c, a_result_that_is_not_reproducible_has_no_digest);
    tcase_add_test(c, a_sweep_of_any_size_costs_the_same_memory);
    tcase_add_test(c, telling_one_item_takes_well_under_a_microsecond);
    suite_add_tcase(s, c);
    return harness_run(s);
}
