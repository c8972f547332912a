// SPDX-License-Identifier: MIT
// test_pool.c - every task runs once and comes back.
#include <stdatomic.h>

#include "common/clock.h"
#include "common/mem.h"
#include "coordinator/pool.h"
#include "tests/unit/harness.h"

enum { TASKS = 500 };

struct work {
    struct pool_task task;
    int runs;
    int order;
};

static struct mailbox *done;
static struct pool *p;
static _Atomic int n_running;
static _Atomic int most_running;
static _Atomic int n_run;

static void set_up(void)
{
    done = mailbox_create();
}

static void tear_down(void)
{
    pool_destroy(p);
    p = NULL;
    mailbox_destroy(done);
}

static void run(struct pool_task *task)
{
    struct work *w = (struct work *)task;
    int now = atomic_fetch_add(&n_running, 1) + 1;
    int most = atomic_load(&most_running);
    while (now > most && !atomic_compare_exchange_weak(&most_running, &most, now)) {
    }
    w->runs++;
    w->order = atomic_fetch_add(&n_run, 1);
    (void)atomic_fetch_sub(&n_running, 1);
}

static struct work *await(void)
{
    for (;;) {
        mailbox_wait(done, -1, 0);
        struct work *w = mailbox_take(done);
        if (w)
            return w;
    }
}

// Threads in the pool, one row each.
static const int threads[] = {1, 2, 4};

START_TEST(each_task_runs_once_and_comes_back)
{
    static struct work work[TASKS];
    p = pool_create((uint32_t)threads[_i], done);
    for (int i = 0; i < TASKS; i++) {
        work[i].task.run = run;
        pool_add(p, &work[i].task);
    }
    for (int i = 0; i < TASKS; i++)
        ck_assert_int_eq(await()->runs, 1);
    ck_assert_ptr_null(mailbox_take(done));
    ck_assert_int_le(atomic_load(&most_running), threads[_i]);
    for (int i = 0; threads[_i] == 1 && i < TASKS; i++)
        ck_assert_int_eq(work[i].order, i);
}
END_TEST

static void run_until_stopped(struct pool_task *task)
{
    (void)atomic_fetch_add(&n_running, 1);
    while (!pool_is_stopping(p))
        clock_sleep(CLOCK_MS);
    ((struct work *)task)->runs++;
}

START_TEST(destroying_waits_for_what_runs_and_begins_nothing_else)
{
    static struct work first = {.task = {.run = run_until_stopped}};
    static struct work second = {.task = {.run = run}};
    p = pool_create(1, done);
    pool_add(p, &first.task);
    pool_add(p, &second.task);
    while (!atomic_load(&n_running))
        clock_sleep(CLOCK_MS);
    pool_destroy(p);
    p = NULL;
    ck_assert_int_eq(first.runs, 1);
    ck_assert_int_eq(second.runs, 0);
}
END_TEST

START_TEST(a_pool_without_tasks_starts_no_thread)
{
    p = pool_create(64, done);
    ck_assert(!pool_is_stopping(p));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pool");
    TCase *c = tcase_create("pool");
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_add_loop_test(c, each_task_runs_once_and_comes_back, 0, 3);
    tcase_add_test(c, destroying_waits_for_what_runs_and_begins_nothing_else);
    tcase_add_test(c, a_pool_without_tasks_starts_no_thread);
    suite_add_tcase(s, c);
    return harness_run(s);
}
