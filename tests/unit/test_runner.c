// SPDX-License-Identifier: MIT
// test_runner.c - from leases to results, with workloads made to misbehave.
//
// The table of workloads is this file's own.
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/fold.h"
#include "common/mem.h"
#include "common/outcome.h"
#include "protocol/pack.h"
#include "tests/unit/harness.h"
#include "worker/group.h"
#include "worker/runner.h"
#include "worker/scratch.h"
#include "worker/workload.h"

// ---- workloads -----------------------------------------------------------------

static int n_opened, n_closed, n_runs;
static bool cancel_now;
static _Atomic uint64_t progress;

static enum error open_counted(const struct workload_job *job, void **out, struct errtext *t)
{
    const struct value *bad = value_find(job->params, "bad_open");
    n_opened++;
    *out = mem_alloc(1);
    if (!bad)
        return OK;
    mem_free(*out);
    return errtext_set(t, bad->b ? FAULT_JOB : FAULT_WORKER, "cannot open");
}

static void close_counted(void *state)
{
    n_closed++;
    mem_free(state);
}

static double override_of(const struct run *r, uint32_t i, const char *name)
{
    const struct value *v = r->overrides ? value_find(r->overrides[i], name) : NULL;
    return v ? value_number(v) : 0;
}

// Metrics: the item as the workload sees it, and a + 100 b of its parameters.
// Items whose number modulo 10 is 3 fail when `fails` is set.
static enum error run_plain(void *state, struct run *r, struct errtext *t)
{
    (void)state;
    (void)t;
    n_runs++;
    for (uint32_t i = 0; i < r->count; i++) {
        uint64_t item = r->first + i;
        r->metrics[2 * i] = (double)item;
        r->metrics[2 * i + 1] = override_of(r, i, "a") + 100 * override_of(r, i, "b");
        if (item % 10 == 3 && override_of(r, i, "fails") > 0) {
            struct item_fault f = {
                .item = item, .blame = FAULT_JOB, .code = 7, .text = "three", .detail = "tail"};
            run_fault(r, &f);
            run_fault(r, &f); // twice is once
        }
    }
    run_progress(r);
    return OK;
}

// What goes wrong stands in the parameter `mode` of each item.
static enum error run_bad(void *state, struct run *r, struct errtext *t)
{
    (void)state;
    int mode = (int)override_of(r, 0, "mode");
    struct item_fault f = {.item = r->first, .text = "bad rank", .blame = FAULT_WORKER};
    switch (mode) {
    case 1:
        return errtext_set(t, FAULT_JOB, "all of it");
    case 2:
        return errtext_set(t, FAULT_WORKER, "not here");
    case 3:
        run_fault(r, &f);
        return OK;
    case 4:
        f.item = r->first + r->count;
        run_fault(r, &f);
        return OK;
    case 5:
        cancel_now = true;
        return run_cancelled(r) ? OK : errtext_set(t, FAULT_US, "not cancelled");
    case 6: // leaves its metrics alone
    default:
        return OK;
    }
}

static enum error run_named(void *state, struct run *r, struct errtext *t)
{
    (void)state;
    (void)t;
    for (uint32_t i = 0; i < r->count; i++) {
        uint64_t item = r->first + i;
        r->named[i] = value_map();
        if (item == 1)
            continue; // no metrics
        struct value v = item == 2 ? value_list() : value_int((int64_t)item);
        (void)value_set(r->arena, &r->named[i], "n", v);
        (void)value_set(r->arena, &r->named[i], "ok", value_bool(true));
        (void)value_set(r->arena, &r->named[i], "text", value_str(r->arena, "x"));
    }
    return OK;
}

static enum error run_files(void *state, struct run *r, struct errtext *t)
{
    (void)state;
    run_log(r, r->first, "hello", 5);
    return run_keep_file(r, r->first, "out.bin", "/dev/null", t);
}

static const struct metric two[] = {{.name = "item"}, {.name = "sum"}, {.name = NULL}};

static const struct workload plain = {.name = "plain",
                                      .metrics = two,
                                      .open = open_counted,
                                      .close = close_counted,
                                      .run = run_plain};
static const struct workload bad = {.name = "bad", .metrics = two, .run = run_bad};
static const struct workload named = {.name = "named", .run = run_named};
static const struct workload files = {.name = "files", .metrics = two, .run = run_files};

const struct workload *const workloads[] = {&plain, &bad, &named, &files, NULL};

const struct workload *workload_find(const char *name)
{
    for (int i = 0; workloads[i]; i++)
        if (strcmp(workloads[i]->name, name) == 0)
            return workloads[i];
    return NULL;
}

// ---- fixture -------------------------------------------------------------------

static struct runner *r;
static struct group *g;
static struct arena *a;
static struct buf packed; // of params and points
static char scratch[64];
static int n_fetched;
static struct msg_log last_log;

static bool is_cancelled(void *ctx)
{
    (void)ctx;
    return cancel_now;
}

static enum error
fetch(void *ctx, const struct rec_file *f, const char *path, struct errtext *t)
{
    (void)ctx;
    if (f->size == 404)
        return errtext_set(t, ERR_NOT_FOUND, "no such blob");
    n_fetched++;
    FILE *out = fopen(path, "w");
    ck_assert_ptr_nonnull(out);
    ck_assert_int_eq(fclose(out), 0);
    return OK;
}

static enum error
keep(void *ctx, const char *path, struct sha256 *hash, uint64_t *size, struct errtext *t)
{
    (void)ctx;
    (void)t;
    *hash = sha256_of(path, strlen(path));
    *size = 17;
    return OK;
}

static void take_log(void *ctx, const struct msg_log *m)
{
    (void)ctx;
    last_log = *m;
}

static void setup(void)
{
    (void)snprintf(scratch, sizeof scratch, "/tmp/test_runner.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(scratch));
    struct runner_host h = {.is_cancelled = is_cancelled,
                            .fetch = fetch,
                            .keep = keep,
                            .log = take_log,
                            .scratch = scratch,
                            .progress = &progress,
                            .open_max = 2};
    a = arena_create();
    r = runner_create(&h);
    g = group_local_create();
    buf_init(&packed, 1 << 20);
}

static void teardown(void)
{
    runner_destroy(r);
    ck_assert_int_eq(n_opened - n_closed, 0);
    ck_assert(rmdir(scratch) == 0); // nothing was left behind
    group_destroy(g);
    arena_destroy(a);
    buf_fini(&packed);
}

static struct bin pack(const struct value *v)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    pack_write(v, &b);
    struct bin out = {arena_copy(a, b.bytes, b.n), (uint32_t)b.n};
    buf_fini(&b);
    return out;
}

static struct value map1(const char *key, struct value v)
{
    struct value m = value_map();
    (void)value_set(a, &m, key, v);
    return m;
}

static struct message job(uint64_t number, const char *workload)
{
    struct message m = {.type = MSG_JOB};
    struct value none = value_map();
    m.job.job = number;
    m.job.workload = str_of(workload);
    m.job.params = pack(&none);
    m.job.exact = true;
    return m;
}

static void define(const struct message *m)
{
    struct errtext t;
    ck_assert_int_eq(runner_define(r, m, &t), OK);
}

static struct rec_result out;

static enum error run_on(struct rec_lease l)
{
    int64_t now = 0;
    return runner_run(r, &l, g, a, &now, &out);
}

static enum error run_range(uint64_t number, uint64_t first, uint32_t count)
{
    return run_on((struct rec_lease){
        .lease = 1000 + first, .job = number, .first = first, .count = count});
}

static struct outcome_view view(enum outcome_form form)
{
    struct outcome_view v;
    ck_assert_uint_eq(out.worker_fault.n, 0);
    ck_assert_int_eq(outcome_view(out.data.p, out.data.n, out.count, &v), OK);
    ck_assert_int_eq(v.form, form);
    return v;
}

static bool fault_says(const char *text)
{
    return out.worker_fault.n >= strlen(text)
           && strstr(arena_str(a, out.worker_fault.p, out.worker_fault.n), text);
}

static bool item_fault_says(uint32_t i, const char *text)
{
    return i < out.n_faults
           && strstr(arena_str(a, out.faults[i].text.p, out.faults[i].text.n), text);
}

// ---- stories -------------------------------------------------------------------

START_TEST(rows_come_in_order_with_the_numbers_of_the_workload)
{
    struct message m = job(1, "plain");
    m.job.rows = true;
    m.job.base = 5000;
    define(&m);
    ck_assert_int_eq(run_range(1, 100, 9000), OK); // three chunks
    ck_assert_int_eq(n_runs, 3);
    ck_assert_uint_eq(out.lease, 1100);
    ck_assert_uint_gt(out.elapsed_ns, 0);
    struct outcome_view v = view(OUTCOME_ROWS);
    ck_assert_uint_eq(v.n_metrics, 2);
    for (uint32_t i = 0; i < 9000; i++)
        ck_assert_double_eq(outcome_row_value(&v, i, 0), 5100 + i);
    ck_assert_uint_eq(atomic_load(&progress), 3);
}
END_TEST

static struct value fold_of(uint32_t metric)
{
    struct outcome_view v = view(OUTCOME_FOLDS);
    struct fold *f = fold_create(true);
    size_t at = 0, used;
    for (uint32_t m = 0; m <= metric; m++, at += used) {
        fold_reset(f);
        ck_assert_int_eq(fold_merge_packed(f, v.body + at, v.n_body - at, &used), OK);
    }
    struct value x = fold_result(f, a);
    fold_destroy(f);
    return x;
}

START_TEST(folds_leave_failed_items_out)
{
    struct message m = job(1, "plain");
    struct value params = map1("fails", value_int(1));
    struct value points = value_list();
    (void)value_push(a, &points, params);
    m.job.points = pack(&points);
    m.job.per_point = 10000;
    define(&m);
    ck_assert_int_eq(run_range(1, 0, 5000), OK);
    ck_assert_uint_eq(out.n_faults, 500);
    for (uint32_t i = 0; i < 500; i++)
        ck_assert_uint_eq(out.faults[i].item, 10 * i + 3);
    ck_assert_int_eq(out.faults[9].code, 7);
    struct value x = fold_of(0);
    ck_assert_double_eq(value_number(value_find(&x, "count")), 4500);
    // sum of 0…4999 without those that end in 3
    double mean = (4999.0 * 2500 - (500 * 3 + 10 * 499.0 * 250)) / 4500;
    ck_assert_double_eq(value_number(value_find(&x, "mean")), mean);
}
END_TEST

START_TEST(a_few_items_travel_as_rows_though_folds_would_do)
{
    struct message m = job(1, "plain");
    define(&m);
    ck_assert_int_eq(run_range(1, 41, 1), OK);
    struct outcome_view v = view(OUTCOME_ROWS);
    ck_assert_double_eq(outcome_row_value(&v, 0, 0), 41);
}
END_TEST

START_TEST(grid_points_and_item_params_merge_and_the_item_wins)
{
    struct message m = job(1, "plain");
    struct value points = value_list(), params = value_list();
    for (int i = 0; i < 3; i++) {
        struct value p = map1("a", value_int(i));
        (void)value_set(a, &p, "b", value_int(1));
        (void)value_push(a, &points, p);
    }
    (void)value_push(a, &params, map1("b", value_int(5)));
    (void)value_push(a, &params, value_map());
    m.job.points = pack(&points);
    m.job.per_point = 10;
    m.job.base = 70;
    m.job.rows = true;
    define(&m);
    struct rec_lease l = {.lease = 1, .job = 1, .first = 19, .count = 2};
    l.params = pack(&params);
    ck_assert_int_eq(run_on(l), OK); // straddles two points
    struct outcome_view v = view(OUTCOME_ROWS);
    ck_assert_double_eq(outcome_row_value(&v, 0, 0), 79);
    ck_assert_double_eq(outcome_row_value(&v, 0, 1), 501);
    ck_assert_double_eq(outcome_row_value(&v, 1, 0), 70);
    ck_assert_double_eq(outcome_row_value(&v, 1, 1), 102);
    l.first = 29;
    ck_assert_int_eq(run_on(l), OK);
    ck_assert(fault_says("last grid point"));
}
END_TEST

START_TEST(named_metrics_are_numbers_or_strings)
{
    struct message m = job(1, "named");
    struct value list;
    struct errtext t;
    define(&m);
    ck_assert_int_eq(run_range(1, 0, 4), OK);
    struct outcome_view v = view(OUTCOME_NAMED);
    ck_assert_int_eq(pack_read(v.body, v.n_body, a, &list, &t), OK);
    ck_assert_uint_eq(list.n, 4);
    ck_assert_int_eq(value_find(&list.items[3], "n")->i, 3);
    ck_assert_int_eq(value_find(&list.items[0], "ok")->i, 1);
    ck_assert_int_eq(list.items[1].type, VALUE_NULL);
    ck_assert_int_eq(list.items[2].type, VALUE_NULL);
    ck_assert_uint_eq(out.n_faults, 2);
    ck_assert(item_fault_says(0, "no metrics"));
    ck_assert(item_fault_says(1, "metric 'n' is a list"));
}
END_TEST

// What a workload does wrong, and what becomes of it.
static const struct {
    int mode;
    enum error e;
    const char *worker_fault; // or
    const char *item_fault;
} wrong[] = {
    {1, OK, NULL, "all of it"},     {2, OK, "not here", NULL},
    {3, OK, "bad rank", NULL},      {4, OK, "an item that is not its", NULL},
    {5, ERR_CANCELLED, NULL, NULL},
};

START_TEST(what_a_workload_does_wrong_is_blamed_rightly)
{
    struct message m = job(1, "bad");
    struct value points = value_list();
    (void)value_push(a, &points, map1("mode", value_int(wrong[_i].mode)));
    m.job.points = pack(&points);
    m.job.per_point = 10000;
    m.job.rows = _i & 1;
    define(&m);
    ck_assert_int_eq(run_range(1, 0, 5000), wrong[_i].e);
    if (wrong[_i].worker_fault)
        ck_assert(fault_says(wrong[_i].worker_fault));
    if (wrong[_i].item_fault) {
        (void)view(OUTCOME_NONE);
        ck_assert_uint_eq(out.n_faults, 5000);
        ck_assert(item_fault_says(4999, wrong[_i].item_fault));
    }
}
END_TEST

START_TEST(a_metric_left_out_is_nan)
{
    struct message m = job(1, "bad");
    define(&m);
    ck_assert_int_eq(run_range(1, 0, 1), OK);
    struct outcome_view v = view(OUTCOME_ROWS);
    ck_assert(isnan(outcome_row_value(&v, 0, 1)));
}
END_TEST

START_TEST(a_result_too_large_for_a_frame_is_refused_by_name)
{
    struct message m = job(1, "plain");
    m.job.rows = true;
    define(&m);
    ck_assert_int_eq(run_range(1, 0, 2000000), OK);
    ck_assert(fault_says("smaller shards"));
    ck_assert_int_eq(run_range(1, 0, 10), OK);
    (void)view(OUTCOME_ROWS);
}
END_TEST

START_TEST(a_lease_that_was_revoked_before_its_turn_does_not_run)
{
    struct message m = job(1, "plain");
    define(&m);
    cancel_now = true;
    ck_assert_int_eq(run_range(1, 0, 1), ERR_CANCELLED);
    ck_assert_int_eq(n_runs, 0);
}
END_TEST

START_TEST(unknown_jobs_and_workloads_are_told_apart)
{
    struct message m = job(1, "nowhere");
    define(&m);
    ck_assert_int_eq(run_range(2, 0, 1), ERR_NOT_FOUND);
    ck_assert_int_eq(run_range(1, 0, 1), OK);
    ck_assert(fault_says("no workload 'nowhere'"));
    runner_forget(r, 1);
    ck_assert_int_eq(run_range(1, 0, 1), ERR_NOT_FOUND);
}
END_TEST

START_TEST(a_workload_opens_once_and_closes_when_forgotten_or_crowded_out)
{
    for (uint64_t i = 1; i <= 3; i++) {
        struct message m = job(i, "plain");
        define(&m);
        define(&m); // again: nothing changes
        ck_assert_int_eq(run_range(i, 0, 1), OK);
        ck_assert_int_eq(run_range(i, 1, 1), OK);
    }
    ck_assert_int_eq(n_opened, 3);
    ck_assert_int_eq(n_closed, 1); // open_max is 2
    ck_assert_int_eq(run_range(1, 2, 1), OK);
    ck_assert_int_eq(n_opened, 4);
    ck_assert_int_eq(n_closed, 2); // the second, used longest ago
    ck_assert_int_eq(run_range(3, 2, 1), OK);
    ck_assert_int_eq(n_opened, 4);
    runner_forget(r, 3);
    ck_assert_int_eq(n_closed, 3);
    struct message m = job(1, "plain"); // another job under the same number
    m.job.seed = 9;
    define(&m);
    ck_assert_int_eq(n_closed, 4);
}
END_TEST

START_TEST(a_job_that_cannot_open_fails_or_goes_elsewhere)
{
    struct message m = job(1, "plain");
    struct value params = map1("bad_open", value_bool(_i));
    m.job.params = pack(&params);
    define(&m);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(run_range(1, 0, 20), OK);
        if (_i) {
            (void)view(OUTCOME_NONE);
            ck_assert_uint_eq(out.n_faults, 20);
            ck_assert(item_fault_says(0, "cannot open"));
        } else {
            ck_assert(fault_says("cannot open"));
        }
    }
    ck_assert_int_eq(n_opened, _i ? 1 : 3); // a job's own fault is remembered
    n_closed = n_opened;
}
END_TEST

START_TEST(params_that_do_not_fit_the_lease_are_refused)
{
    struct message m = job(1, "plain");
    struct value params = value_list();
    define(&m);
    struct rec_lease l = {.lease = 1, .job = 1, .count = 1, .params = pack(&params)};
    ck_assert_int_eq(run_on(l), OK);
    ck_assert(fault_says("do not match"));
    (void)value_push(a, &params, value_int(1));
    l.params = pack(&params);
    ck_assert_int_eq(run_on(l), OK);
    ck_assert(fault_says("no maps"));
    l.params = (struct bin){(const uint8_t *)"\xdd\xff\xff\xff\xff", 5};
    ck_assert_int_eq(run_on(l), OK);
    ck_assert_uint_gt(out.worker_fault.n, 0);
}
END_TEST

START_TEST(attachments_come_once_outputs_and_logs_go_out)
{
    uint8_t hash[32] = {1};
    struct rec_file f = {.name = str_of("tool.sh"), .hash = {hash, 32}, .mode = 0755};
    struct message m = job(1, "files");
    m.job.files = &f;
    m.job.n_files = 1;
    m.job.base = 10;
    define(&m);
    ck_assert_int_eq(run_range(1, 5, 1), OK);
    ck_assert_int_eq(run_range(1, 6, 1), OK);
    ck_assert_int_eq(n_fetched, 1);
    ck_assert_uint_eq(out.n_outputs, 1);
    ck_assert_uint_eq(out.outputs[0].item, 6);
    ck_assert_uint_eq(out.outputs[0].size, 17);
    ck_assert_uint_eq(last_log.item, 6);
    ck_assert_uint_eq(last_log.bytes.n, 5);
    m = job(2, "files");
    f.size = 404;
    m.job.files = &f;
    m.job.n_files = 1;
    define(&m);
    ck_assert_int_eq(run_range(2, 0, 1), OK);
    ck_assert(fault_says("attachment 'tool.sh': no such blob"));
    f.name = str_of("../tool.sh");
    m.job.job = 3;
    define(&m);
    ck_assert_int_eq(run_range(3, 0, 1), OK);
    ck_assert(item_fault_says(0, "bad name"));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("runner");
    TCase *c = tcase_create("runner");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, rows_come_in_order_with_the_numbers_of_the_workload);
    tcase_add_test(c, folds_leave_failed_items_out);
    tcase_add_test(c, a_few_items_travel_as_rows_though_folds_would_do);
    tcase_add_test(c, grid_points_and_item_params_merge_and_the_item_wins);
    tcase_add_test(c, named_metrics_are_numbers_or_strings);
    tcase_add_loop_test(c, what_a_workload_does_wrong_is_blamed_rightly, 0,
                        (int)(sizeof wrong / sizeof *wrong));
    tcase_add_test(c, a_metric_left_out_is_nan);
    tcase_add_test(c, a_result_too_large_for_a_frame_is_refused_by_name);
    tcase_add_test(c, a_lease_that_was_revoked_before_its_turn_does_not_run);
    tcase_add_test(c, unknown_jobs_and_workloads_are_told_apart);
    tcase_add_test(c, a_workload_opens_once_and_closes_when_forgotten_or_crowded_out);
    tcase_add_loop_test(c, a_job_that_cannot_open_fails_or_goes_elsewhere, 0, 2);
    tcase_add_test(c, params_that_do_not_fit_the_lease_are_refused);
    tcase_add_test(c, attachments_come_once_outputs_and_logs_go_out);
    suite_add_tcase(s, c);
    return harness_run(s);
}
