// SPDX-License-Identifier: MIT
// search_run.h - one job under the search driver, as the shell would run it.
//
// Included by one file of a test program.
//
// Ownership  A run owns what its driver says until run_close.
// Threads    Single.

#ifndef TESTS_UNIT_SEARCH_RUN_H
#define TESTS_UNIT_SEARCH_RUN_H

#include <stdbool.h>
#include <string.h>

#include "common/buf.h"
#include "common/mem.h"
#include "common/outcome.h"
#include "common/yaml.h"
#include "coordinator/drivers/search.h"
#include "protocol/message.h"
#include "protocol/pack.h"
#include "tests/unit/harness.h"

enum { TRIALS_MAX = 600 };

static const char *const two_metrics[] = {"y", "z", NULL};

// One run of the driver and what is known outside of it.
struct run {
    struct arena *arena, *turn;
    struct value spec;
    void *state;
    uint64_t n_items;
    struct value params[TRIALS_MAX];
    struct driver_output last;
    struct value result; // once finished
    const char *history;
    const char *why_no_digest;
};

static struct errtext t;

static inline enum error try_open(struct run *r, const char *job, uint64_t seed)
{
    struct driver_setup s = {.spec = &r->spec, .file = "job", .seed = seed};
    *r = (struct run){.arena = arena_create(), .turn = arena_create()};
    s.workload.metrics = two_metrics;
    ck_assert_msg(yaml_parse(job, strlen(job), "job", r->arena, &r->spec, &t) == OK, "%s",
                  t.text);
    return search_driver.create(&s, &r->state, &t);
}

static inline void run_open(struct run *r, const char *job)
{
    ck_assert_msg(try_open(r, job, 1) == OK, "%s", t.text);
}

static inline void run_close(struct run *r)
{
    search_driver.destroy(r->state);
    arena_destroy(r->arena);
    arena_destroy(r->turn);
}

static inline bool run_step(struct run *r)
{
    arena_reset(r->turn);
    r->last = (struct driver_output){.arena = r->turn, .n_items = r->n_items};
    search_driver.step(r->state, &r->last);
    ck_assert_uint_ge(r->last.n_items, r->n_items);
    ck_assert_uint_le(r->last.n_items, TRIALS_MAX);
    for (uint64_t i = r->n_items; i < r->last.n_items; i++)
        ck_assert(!pack_read(r->last.packed[i - r->n_items].p, r->last.packed[i - r->n_items].n,
                             r->arena, &r->params[i], NULL));
    r->n_items = r->last.n_items;
    if (r->last.finished) {
        r->result = value_copy(r->arena, &r->last.result);
        r->history = arena_str(r->arena, r->last.blobs[0].bytes, r->last.blobs[0].n);
        r->why_no_digest = r->last.why_no_digest;
    }
    return r->last.finished;
}

static inline double number_of(const struct value *params, const char *name)
{
    const struct value *v = value_find(params, name);
    return v ? value_number(v) : 0;
}

// What the workload of these tests measures; every eleventh trial fails.
static inline bool measure(const struct value *params, uint64_t i, double *y)
{
    double a = number_of(params, "a"), b = number_of(params, "b"), k = number_of(params, "k");
    y[0] = (a - 0.3) * (a - 0.3) + (b - 0.7) * (b - 0.7) + 0.01 * (k - 3) * (k - 3);
    y[1] = a + 0.1 * b;
    return i % 11 != 10;
}

static inline void tell_run(struct run *r, uint64_t first, uint32_t count, bool again)
{
    struct outcome_fault faults[TRIALS_MAX];
    struct outcome o = {.first = first, .count = count, .faults = faults, .again = again};
    double rows[2 * TRIALS_MAX];
    struct buf b;

    for (uint32_t i = 0; i < count; i++)
        if (!measure(&r->params[first + i], first + i, &rows[2 * (size_t)i]) && !again)
            faults[o.n_faults++] = (struct outcome_fault){first + i, "it failed"};
    buf_init(&b, SIZE_MAX / 4);
    outcome_put_rows(&b, rows, count, 2);
    o.data = b.bytes;
    o.n_data = b.n;
    search_driver.tell(r->state, &o);
    buf_fini(&b);
}

static inline void tell_one(struct run *r, uint64_t item)
{
    tell_run(r, item, 1, false);
}

// What the journal keeps: params of all that was asked, outcomes that were committed.
static inline void run_restart(struct run *r,
                               const char *job,
                               const bool *is_told,
                               void (*tell)(struct run *r, uint64_t item))
{
    static struct run old;

    old = *r;
    run_open(r, job);
    for (uint64_t i = 0; i < old.n_items; i++) {
        r->params[i] = value_copy(r->arena, &old.params[i]);
        search_driver.restore(r->state, i, &r->params[i]);
    }
    r->n_items = old.n_items;
    for (uint64_t i = 0; i < old.n_items; i++)
        if (is_told[i])
            tell(r, i);
    run_close(&old);
}

// Everything told at once, in order.
static inline void run_through(struct run *r)
{
    uint64_t told = 0;
    while (!run_step(r)) {
        ck_assert_uint_lt(told, r->n_items);
        tell_run(r, told, (uint32_t)(r->n_items - told), false);
        told = r->n_items;
    }
}

static inline void same_result(const struct run *a, const struct run *b)
{
    struct sha256 x = pack_digest(&a->result), y = pack_digest(&b->result);
    ck_assert_uint_eq(a->n_items, b->n_items);
    for (uint64_t i = 0; i < a->n_items; i++)
        ck_assert_msg(value_equal(&a->params[i], &b->params[i]), "trial %u", (unsigned)i);
    ck_assert_str_eq(a->history, b->history);
    ck_assert_mem_eq(x.bytes, y.bytes, sizeof x.bytes);
}

static inline enum error run_extend(struct run *r, const char *args)
{
    struct value v;
    ck_assert_int_eq(yaml_parse(args, strlen(args), "args", r->arena, &v, &t), OK);
    return search_driver.extend(r->state, &v, &t);
}

#define SPACE                                                                                  \
    "space: {a: {type: float, low: 0, high: 1}, b: {type: float, low: 0, high: 1, step: "      \
    "0.05}, m: {type: choice, values: {one: {}, two: {k: {type: int, low: 1, high: 9}}}}, s: " \
    "{type: sequence, min: 1, max: 3, join: '', of: {type: choice, values: ['1', '2', "        \
    "'31']}}}\n"

#define JOB(algorithm, more)                                                                   \
    SPACE "objectives: [{metric: y}]\nconstraints: [{metric: z, max: 0.9}]\n"                  \
          "algorithm: " algorithm "\n" more

#endif
